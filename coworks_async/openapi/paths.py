"""Where each entry stands in a document: the paths of OpenAPI are fewer than ours.

There, paths that differ but in the names of their parameters are one, and no parameter takes several segments. So
entries of one shape share their names, and `*path` is one segment, or more where that is another entry's place.
https://spec.openapis.org/oas/v3.1.1#path-templating
"""

from collections.abc import Iterable
from dataclasses import dataclass

from coworks_async.entries.entry import Entry


@dataclass(frozen=True, slots=True)
class Place:
    """The path of an entry as the document writes it, and the names of the parameters in it, in order."""

    entry: Entry
    path: str
    names: tuple[str, ...]


def places(entries: Iterable[Entry]) -> list[Place]:
    """Return the place of each entry, in their order."""
    entries = list(entries)
    taken: set[tuple[str, str]] = set()
    names: dict[str, tuple[str, ...]] = {}
    found: dict[str, Place] = {}
    for entry in sorted(entries, key=lambda entry: entry.path_rest_name is not None):
        own = _own_names(entry, 1)
        while (entry.method, _shape(entry, own)) in taken:
            own = _own_names(entry, len(own) - len(entry.path_param_names) + 1)
        shape = _shape(entry, own)
        taken.add((entry.method, shape))
        own = names.setdefault(shape, own)
        path = entry.static_prefix + "".join(f"/{{{name}}}" for name in own)
        found[entry.endpoint] = Place(entry, path or "/", own)
    return [found[entry.endpoint] for entry in entries]


def _shape(entry: Entry, names: tuple[str, ...]) -> str:
    return entry.static_prefix + "/{}" * len(names)


def _own_names(entry: Entry, count: int) -> tuple[str, ...]:
    tail = entry.path_rest_name
    rest = [] if tail is None else [tail, *(f"{tail}{number}" for number in range(2, count + 1))]
    return (*entry.path_param_names, *rest)
