"""The `cws` command."""

import sys
from collections.abc import Callable
from importlib.util import find_spec

__all__ = ["main"]

# The modules of the extra `standard`. A Lambda function installs the package without it.
_REQUIRED = (
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
_MISSING = [name for name in _REQUIRED if find_spec(name) is None]


def _report_missing() -> None:
    sys.stderr.write(f"Error: cws needs {', '.join(_MISSING)}: pip install 'coworks-async[standard]'\n")
    sys.exit(2)


main: Callable[[], object] = _report_missing

if not _MISSING:
    try:
        from coworks_async.cli.main import cws
    except KeyboardInterrupt:
        # As click ends a command.
        sys.stderr.write("\nAborted!\n")
        sys.exit(1)

    # Assigned after the import, which binds the submodule `main` to this name.
    main = cws
