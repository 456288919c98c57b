"""What the author of an entry tells in its docstring, in any of the usual styles."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docstring_parser


@dataclass(frozen=True, slots=True)
class Told:
    """A docstring taken apart: its first paragraph, the others, a text for each parameter, and for the result."""

    summary: str
    description: str
    parameters: Mapping[str, str]
    returns: str


def told(function: Any) -> Told:
    """Read the docstring of a function: reStructuredText (`:param x:`), Google's style, NumPy's or Epydoc's."""
    doc = docstring_parser.parse(inspect.getdoc(function) or "")
    summary, _, description = (doc.description or "").partition("\n\n")
    parameters = {
        name.strip(): (one.description or "").strip()
        for one in doc.params
        for name in one.arg_name.replace("*", "").split(",")
    }
    returns = doc.returns.description if doc.returns is not None else None
    return Told(" ".join(summary.split()), description.strip(), parameters, (returns or "").strip())


def deprecation(function: Any) -> str | None:
    """Return the message of `warnings.deprecated` (PEP 702, `typing_extensions` has it too), None where it lacks."""
    message = getattr(function, "__deprecated__", None)
    return str(message) if message is not None else None
