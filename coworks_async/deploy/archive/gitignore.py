"""Ignore files in git's syntax: `.gitignore`, `.cwsignore`, and the patterns of an option.

Each line is compiled by pathspec. It is asked of one entry at a time, as git does while it walks the folders:
pathspec's own question, whether a path *or a folder that holds it* is meant, gets `*`, `!*/`, `!*.py` wrong.
https://git-scm.com/docs/gitignore
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of an ignore file.

    Attributes:
        excludes: False for a line that starts with `!`.
        folders_only: the line ends with a slash.
    """

    regex: re.Pattern[str]
    excludes: bool
    folders_only: bool

    def matches(self, path: str, is_folder: bool) -> bool:
        """Tell whether the line means this very entry, and not only a folder that it is in."""
        if self.folders_only and not is_folder:
            return False
        found = self.regex.search(path)
        return found is not None and found.groupdict().get("ps_d") is None


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """The patterns of one file, for what is below its folder.

    Attributes:
        base: the folder, from where the paths that are asked for start; empty for that very place.
    """

    base: str
    patterns: tuple[Pattern, ...]

    def excludes(self, path: str, is_folder: bool) -> bool | None:
        """Tell whether an entry is left out, or put back in, by the last line that means it; None where none does.

        Example:
            >>> ignore_file("", ["*.csv", "!kept.csv"]).excludes("data/kept.csv", is_folder=False)
            False
        """
        if self.base:
            if not path.startswith(f"{self.base}/"):
                return None
            path = path[len(self.base) + 1 :]
        return next((each.excludes for each in reversed(self.patterns) if each.matches(path, is_folder)), None)


def ignore_file(base: str, lines: Iterable[str], *, strict: bool = False) -> IgnoreFile:
    """Compile the lines of an ignore file. Comments and empty lines are left out, and so is what is no pattern: git
    takes it for one that matches nothing.

    Raises:
        ValueError: `strict`, and a line is no pattern; the message is the line.
    """
    compiled: list[Pattern] = []
    for line in lines:
        try:
            found = _compiled(line.rstrip("\r\n"))
        except (ValueError, re.error) as error:
            if strict:
                raise ValueError(line) from error
            continue
        if found is not None:
            compiled.append(found)
    return IgnoreFile("" if base == "." else base, tuple(compiled))


def _compiled(line: str) -> Pattern | None:
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    # Spaces at the end do not count, unless quoted by a backslash.
    bare = re.sub(r"(?<!\\) +$", "", line)
    folders_only = bare.endswith("/")
    found = GitIgnoreSpecPattern(bare[:-1] if folders_only else bare)
    if found.include is None or found.regex is None:
        return None
    return Pattern(found.regex, found.include, folders_only)
