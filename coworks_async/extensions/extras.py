"""What extensions need beyond the package."""

from importlib.util import find_spec


def require(extension: str, module: str, extra: str) -> None:
    """Check that a module is installed, without loading it.

    Raises:
        ImportError: it is not; the message names the extra that brings it.
    """
    try:
        found = find_spec(module) is not None
    except ModuleNotFoundError:  # the package that it would be in
        found = False
    if not found:
        raise ImportError(f"{extension} needs {module}: pip install 'coworks-async[{extra}]'", name=module)
