"""Compile the modules of an archive, because Lambda's read-only disk cannot cache bytecode between cold starts.

The `.pyc` files are unchecked: Python loads them without looking at the source, which cannot change in Lambda.
https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
"""

import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

TASK_ROOT = "/var/task"
"""Folder that Lambda unpacks the archive into, and so the paths in tracebacks."""

# A random hash seed could change the order of constant sets.
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}


def compile_modules(tree: Path, python: str) -> list[str]:
    """Write a `.pyc` file for each module, without a trace of the path of the tree, and return notes for the user."""
    program = find_python(python)
    if program is None:
        return [f"Python {python} is not installed here: without .pyc files, cold starts take longer."]
    command = [program, "-s", "-P", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(tree), "-p", TASK_ROOT, str(tree)]
    done = subprocess.run(command, env=_ENVIRONMENT, capture_output=True, text=True, check=False)  # noqa: S603
    failed = [line for line in done.stdout.splitlines() if line.startswith("*** Error compiling '")]
    names = sorted(line.split("'")[1].removeprefix(f"{TASK_ROOT}/").removeprefix(f"{tree}/") for line in failed)
    return [f"{name} does not compile with Python {python}: it has no .pyc file." for name in names]


def find_python(python: str) -> str | None:
    """Return the path of an installed CPython of a version, or None. Nothing is downloaded."""
    if sys.implementation.name == "cpython" and python == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    command = [find_uv_bin(), "python", "find", "--no-project", "--no-python-downloads", f"cpython@{python}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() if done.returncode == 0 else None
