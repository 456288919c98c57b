"""The command `cws`, one file a command."""

import sys
from collections.abc import Callable
from importlib.util import find_spec

__all__ = ["main"]

# A Lambda installs the package without the extra that brings these; a developer who forgot it gets a line, not a
# traceback.
_NEEDED = (
    "boto3",
    "click",
    "docstring_parser",
    "dotenv",
    "httpx",
    "httpx2",
    "pathspec",
    "rich",
    "uv",
    "uvicorn",
    "yaml",
)
_MISSING = [name for name in _NEEDED if find_spec(name) is None]


def _refuse() -> None:
    sys.stderr.write(f"Error: cws needs {', '.join(_MISSING)}: pip install 'coworks-async[standard]'\n")
    sys.exit(2)


main: Callable[[], object] = _refuse

if not _MISSING:
    from coworks_async.cli.main import cws

    # After the import, which binds the submodule `main` to this very name.
    main = cws
