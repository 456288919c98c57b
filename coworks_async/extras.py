"""Check that the packages of the optional extras are installed."""

from importlib.util import find_spec


def require(feature: str, module: str, extra: str) -> None:
    """Raise an `ImportError` that names the extra if a module is not installed. The module is not imported."""
    try:
        found = find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        found = False
    if not found:
        raise ImportError(f"{feature} needs {module}: pip install 'coworks-async[{extra}]'", name=module)
