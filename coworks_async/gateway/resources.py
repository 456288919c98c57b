"""The paths of a service as the tree of resources that API Gateway makes of them.

A part of a path is static text, `{name}` for one segment or, at the end, `{proxy+}` for one segment and more. Under
one resource there may be one `{name}` or one `{proxy+}`, not both:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from coworks_async.entries.entry import Entry
from coworks_async.pipeline.routing import BlueprintMount, EntryRoute

ONE = "{}"
REST = "{+}"

Shape = tuple[str, ...]
"""The parts of a path, its parameters without their names."""

# What a part may hold, by the notes on REST APIs.
_DEPLOYABLE = re.compile(r"[A-Za-z0-9._:-]+")
_NAME = re.compile(r"[A-Za-z0-9_]+")
_PARAMETER = re.compile(r"\{(\w+)(:\w+)?\}")


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path, and who answers which methods on it.

    Attributes:
        names: of the parameters, in order.
        depth: how many static parts come first: the service prefers the most.
        entry: None for a route of the author's own.
        loose: a part cannot be deployed as it is, so a parameter stands for it.
    """

    shape: Shape
    names: tuple[str, ...]
    methods: frozenset[str]
    depth: int
    entry: Entry | None = None
    loose: bool = False

    @property
    def is_static(self) -> bool:
        return self.depth == len(self.shape)

    @property
    def rank(self) -> tuple[int, bool, int]:
        """How early the service takes an entry, as its table does: the longest static start, then the exact count."""
        return (-1 if self.loose else self.depth), self.shape[-1:] != (REST,), len(self.shape)


def entry_templates(entry: Entry) -> list[PathTemplate]:
    """Return the paths of an entry: the greedy one has its parent beside it, since the rest may be nothing."""
    return _templates(entry.path, frozenset({entry.method}), entry)


def route_templates(route: BaseRoute) -> list[PathTemplate]:
    """Return the paths of a route of the author's own; entries and WebSockets have none here."""
    if isinstance(route, EntryRoute | BlueprintMount | WebSocketRoute):
        return []
    if isinstance(route, Route):
        return _templates(route.path, frozenset(route.methods or {"ANY"}), None)
    # A mount answers by itself, and so does what matches by more than a path, a Host say.
    prefix = route.path if isinstance(route, Mount) else ""
    return _templates(f"{prefix}/{{proxy:path}}", frozenset({"ANY"}), None)


def _templates(path: str, methods: frozenset[str], entry: Entry | None) -> list[PathTemplate]:
    shape: list[str] = []
    names: list[str] = []
    loose = False
    for part in path.strip("/").split("/") if path.strip("/") else []:
        found = _PARAMETER.search(part)
        if found is None and _DEPLOYABLE.fullmatch(part):
            shape.append(part)
            continue
        names.append(found[1] if found is not None else "")
        loose = loose or found is None
        if found is not None and found[2] == ":path":
            shape.append(REST)
            break
        shape.append(ONE)
    depth = next((number for number, part in enumerate(shape) if part in (ONE, REST)), len(shape))
    whole = PathTemplate(tuple(shape), tuple(names), methods, depth, entry, loose)
    if shape[-1:] != [REST]:
        return [whole]
    return [PathTemplate(whole.shape[:-1], whole.names[:-1], methods, depth, entry, loose), whole]


def deployed(templates: Sequence[PathTemplate]) -> Iterator[tuple[str, list[PathTemplate]]]:
    """Yield each resource that has methods, by its path, with the templates that match whatever comes to it."""
    names = _Names(templates)
    starts: dict[str, list[PathTemplate]] = {}
    for template in templates:
        starts.setdefault(template.shape[0] if template.shape else "", []).append(template)
    for shape in sorted(_with_parents(_without_clashes({template.shape for template in templates}))):
        candidates = [starts.get(start, []) for start in {shape[0] if shape else "", ONE, REST}]
        matching = [template for several in candidates for template in several if covers(template.shape, shape)]
        if matching:
            yield names.path(shape), matching


def covers(template: Shape, shape: Shape) -> bool:
    """Tell whether a path matches all that comes to another one."""
    for number, part in enumerate(template):
        if number == len(shape):
            return False
        if part == REST:
            return True
        if shape[number] == REST or (part not in (ONE, shape[number])):
            return False
    return len(template) == len(shape)


def _without_clashes(shapes: set[Shape]) -> set[Shape]:
    """Where `{name}` and `{proxy+}` would stand side by side, put the rest of the path below the name."""
    parents = {shape[: number + 1] for shape in shapes for number, part in enumerate(shape) if part == ONE}
    todo = [shape for shape in shapes if shape[-1:] == (REST,)]
    spread = {shape for shape in shapes if shape[-1:] != (REST,)}
    for shape in todo:
        while (*shape[:-1], ONE) in parents:
            shape = (*shape[:-1], ONE, REST)
            spread.add(shape[:-1])
        spread.add(shape)
    return spread


def _with_parents(shapes: Iterable[Shape]) -> set[Shape]:
    return {shape[:number] for shape in shapes for number in range(len(shape) + 1)}


class _Names:
    """The names of parameters: the first declared at a place, once in a path."""

    def __init__(self, templates: Iterable[PathTemplate]) -> None:
        self.first: dict[Shape, str] = {}
        for template in templates:
            places = [number for number, part in enumerate(template.shape) if part in (ONE, REST)]
            for number, name in zip(places, template.names, strict=True):
                self.first.setdefault(template.shape[: number + 1], name)

    def path(self, shape: Shape) -> str:
        parts: list[str] = []
        for number, part in enumerate(shape):
            if part == REST:
                parts.append("{proxy+}")
            elif part == ONE:
                name = self.first.get(shape[: number + 1], "")
                taken = not _NAME.fullmatch(name) or name == "proxy" or f"{{{name}}}" in parts
                parts.append(f"{{p{number + 1}}}" if taken else f"{{{name}}}")
            else:
                parts.append(part)
        return "/" + "/".join(parts)
