"""The entries of a service as `/route` lists them."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from coworks_async.entries.entry import Entry
from coworks_async.types import Function


@dataclass(frozen=True, slots=True)
class Route:
    """What is told of an entry; `auth` says whether it asks for a token."""

    endpoint: str
    signature: str
    doc: str | None
    auth: bool
    blueprint: str | None


def routes_of(entries: Sequence[Entry], prefix: str = "", blueprint: str | None = None) -> dict[str, dict[str, Route]]:
    """Return the entries by path and method.

    Parameters:
        prefix: what paths start with, with or without the first slash.
        blueprint: the name of the only blueprint, None for all, empty for the service's own entries.

    Example:
        >>> routes_of(app.entries)["/"]["GET"].signature
        '(name: str = "world")'
    """
    start = "/" + prefix.removeprefix("/")
    routes: dict[str, dict[str, Route]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.path, entry.method)):
        if entry.path.startswith(start) and blueprint in (None, entry.blueprint or ""):
            routes.setdefault(entry.path, {})[entry.method] = Route(
                endpoint=entry.endpoint,
                signature=signature_of(entry.function),
                doc=inspect.getdoc(entry.function),
                auth=not entry.no_auth,
                blueprint=entry.blueprint,
            )
    return routes


class _Written(str):
    """An annotation that is a string in the code, shown as it would be without its quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def signature_of(method: Function) -> str:
    """Return the signature of a bound method as its author wrote it, without `self`.

    Example:
        >>> signature_of(app.get_items)
        '(item_id: int, lang: str = "en")'
    """
    signature = inspect.signature(method)
    parameters = [
        parameter.replace(annotation=_as_written(parameter.annotation)) for parameter in signature.parameters.values()
    ]
    returns = _as_written(signature.return_annotation)
    return str(signature.replace(parameters=parameters, return_annotation=returns))


def _as_written(annotation: object) -> object:
    return _Written(annotation) if isinstance(annotation, str) else annotation
