"""Ignore files mean what they mean to git."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coworks_async.deploy.archive.gitignore import ignore_file
from coworks_async.deploy.archive.source_files import project_files
from tests.tools import requires_tool

FILES = ("a.py", "b.txt", "foo", "bar/a.py", "bar/b.txt", "bar/foo/a.py", "bar/foo/c.txt", "baz/foo", "baz/b a.txt")

PARTS = st.sampled_from(
    ["a.py", "b.txt", "foo", "bar", "baz", "*", "**", "*.py", "b*", "[ab]*", "?oo", "b a.txt", "!a"]
)
LINES = st.builds(
    lambda negated, anchored, parts, folder, space: negated + anchored + "/".join(parts) + folder + space,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
    st.sampled_from(["", "", " "]),
)
IGNORE_FILES = st.dictionaries(st.sampled_from(["", "bar/", "bar/foo/"]), st.lists(LINES, max_size=4), max_size=3)


def kept_by_git(folder: Path) -> list[str]:
    listed = ["git", "-C", str(folder), "ls-files", "--others", "--exclude-per-directory=.gitignore", "-z"]
    done = subprocess.run(listed, capture_output=True, text=True, check=True)
    return sorted(path for path in done.stdout.split("\0") if path and not path.endswith(".gitignore"))


@requires_tool("git")
@settings(max_examples=25)
@example({"": ["*", "!*/", "!*.py"]})
@example({"": ["/*", "!/bar"], "bar/": ["*.txt"]})
@example({"": ["bar/", "!bar/foo/"]})
@example({"": ["*.txt", "!bar/"]})
@example({"": ["foo/", "b\\ a.txt"], "bar/": ["!foo/"]})
@given(IGNORE_FILES)
def test_what_git_ignores_stays_out(ignore_files: dict[str, list[str]]):
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path in FILES:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text("")
        for path, lines in ignore_files.items():
            (folder / path / ".gitignore").write_text("\n".join(lines))
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
        assert [file.path for file in project_files(folder)] == kept_by_git(folder)


def test_a_line_that_is_no_pattern_matches_nothing_unless_it_is_to_be_one():
    lines = ["!", "[z-a]", "a\\", "# comment", "", "b"]
    assert len(ignore_file("", lines).patterns) == 1
    for line in lines[:3]:
        with pytest.raises(ValueError, match=r"^" + line.replace("\\", r"\\").replace("[", r"\[") + "$"):
            ignore_file("", [line], strict=True)


def test_the_last_line_that_means_an_entry_counts_for_what_is_below_the_files_folder():
    file = ignore_file("data", ["*.csv", "!kept.csv"])
    assert file.excludes("data/deep/other.csv", is_folder=False) is True
    assert file.excludes("data/deep/kept.csv", is_folder=False) is False
    assert file.excludes("data/deep/kept.txt", is_folder=False) is None
    assert file.excludes("other.csv", is_folder=False) is None
