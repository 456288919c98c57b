"""Options that are a string or several."""

from collections.abc import Iterable


def read_strings(value: object) -> tuple[str, ...] | None:
    """Return a string, or several without duplicates, as a tuple; None for anything else."""
    values = (value,) if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
    strings = [each for each in values if isinstance(each, str)]
    return tuple(dict.fromkeys(strings)) if len(strings) == len(values) else None
