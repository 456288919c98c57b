"""Read the git commit of a project, which the description of a version contains."""

import subprocess
from pathlib import Path

# The full hash, even if the commit has a tag.
_COMMAND = ("git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=40")


def read_commit(directory: Path) -> str | None:
    """Return the commit that is checked out, with `-dirty` after changes; None without a commit or git."""
    try:
        completed = subprocess.run(  # noqa: S603
            _COMMAND, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        # git is not installed.
        return None
    return completed.stdout.strip() if completed.returncode == 0 else None
