"""Why uv failed, in one line that names the dependency."""

import re

MAX_WORDS = 400
"""How much of uv's own words, in letters, goes into a line; the log has the rest."""

# uv breaks its lines where they get long.
_UNBUILT = re.compile(r"attempted\W+to\W+build\W+`([^`]+)`")
_FROM_FOLDER = re.compile(r"^ \+ ([^=\s]+)==\S+ \(from file://\S+(?<!\.whl)\)$", re.MULTILINE)

_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")

_NAME = r"(?P<name>[A-Za-z0-9][\w.\[\],-]*)"

_VERSION = r"(?:[=<>!~][^\s,`]+)?"

# The first that fits counts: a hash is told within a download, for instance. `name`, `version` and `reason` go into the
# words.
_CAUSES = (
    (
        rf"{_NAME}{_VERSION} was not found in the (?:package registry|cache|provided package locations)",
        "{name} is not in the package index.",
    ),
    (
        rf"{_NAME}{_VERSION} has no (?:usable )?wheels",
        "{name} has no wheel for {target}: take another version, or have a layer bring it (--layer-provides {name}).",
    ),
    (rf"there is no version of {_NAME}(?P<version>[=<>!~][^\s,]+)", "{name} has no version {version}."),
    (rf"Hash mismatch for `{_NAME}{_VERSION}`", "{name} does not have the hash that is pinned."),
    (r"lockfile at `uv.lock` needs to be updated", "it does not fit pyproject.toml any more: run 'uv lock'."),
    (r"Failed to (?:fetch|download).* cause: (?P<reason>.+)", "the package index cannot be reached: {reason}."),
)


def to_build(said: str) -> list[str]:
    """Return the names of what is no wheel: uv may not build it, or took what it built once, and misses changes."""
    return _UNBUILT.findall(said) + _FROM_FOLDER.findall(said)


def why(said: str, source: str, target: str) -> str:
    """Say in one line why uv failed.

    Parameters:
        said: what uv wrote.
        source: the file of the requirements.
        target: what they are for, in words.
    """
    text = " ".join(redacted(said).split())
    for sign, words in _CAUSES:
        if found := re.search(sign, text):
            return f"{source}: {words.format(target=target, **found.groupdict())}"
    return f"{source}: {_own_words(text)}"


def redacted(said: str) -> str:
    """Take the credentials out of addresses."""
    return _CREDENTIALS.sub("****@", said)


def _own_words(text: str) -> str:
    """The error and its causes, without what goes without saying and the hints."""
    words = text.partition("error: ")[2].partition(" hint: ")[0].replace(" cause: ", ": ").rstrip(" ^")
    words = words.removeprefix("No solution found when resolving dependencies: ")
    words = words if len(words) <= MAX_WORDS else f"{words[:MAX_WORDS]}…"
    return words or "uv failed without saying why."
