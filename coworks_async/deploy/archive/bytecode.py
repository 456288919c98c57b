"""Compiled modules for the archive: Lambda's disk is read-only, so that without them each cold start compiles anew.

They are *unchecked*: taken as they are, without a look at the source they were made of, which cannot change there.
https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
"""

import subprocess
import sys
from pathlib import Path

TASK = "/var/task"
"""Where Lambda unpacks the archive: what a traceback names."""

# `compileall` reads it in the order of the files; a hash seed could change the order within a set.
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}


def compile_modules(tree: Path, python: str) -> list[str]:
    """Write a `.pyc` beside each module of a folder, by a Python of that very version.

    Nothing in them tells where the folder is.

    Parameters:
        tree: what becomes the archive.
        python: the version, such as `3.13`.

    Returns notes for the user: no such Python is on this machine, or a module does not compile.
    """
    program = find_python(python)
    if program is None:
        return [f"There is no Python {python} on this machine: without .pyc files, so cold starts take longer."]
    command = [program, "-s", "-P", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(tree), "-p", TASK, str(tree)]
    done = subprocess.run(command, env=_ENVIRONMENT, capture_output=True, text=True, check=False)  # noqa: S603
    failed = [line for line in done.stdout.splitlines() if line.startswith("*** Error compiling '")]
    names = sorted(line.split("'")[1].removeprefix(f"{TASK}/").removeprefix(f"{tree}/") for line in failed)
    return [f"{name} does not compile with Python {python}: without a .pyc file." for name in names]


def find_python(python: str) -> str | None:
    """Find a CPython of a version on this machine; nothing is downloaded."""
    if sys.implementation.name == "cpython" and python == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    from uv import find_uv_bin

    command = [find_uv_bin(), "python", "find", "--no-project", "--no-python-downloads", f"cpython@{python}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() if done.returncode == 0 else None
