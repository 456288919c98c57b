"""Create `components.schemas`: the schemas that others refer to, under unique and stable names.

While a document is created, its types are not all known. A reference therefore holds a key, which is replaced by a name
at the end: the name of the class, with the module in front if two classes have the same name.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from coworks_async.entries.annotations import format_type

Schema = dict[str, Any]

Mode = Literal["validation", "serialization"]
"""What a schema describes: the input of a service, or its output. They differ for pydantic models only."""

PREFIX = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class ComponentName:
    """The name of a component's class, and the name with its module, in case short names are equal."""

    short: str
    qualified: str


class Components:
    """The shared schemas of one document, by key."""

    def __init__(self) -> None:
        self._schemas: dict[str, Schema] = {}
        self._names: dict[str, ComponentName] = {}
        self._keys: dict[Any, str] = {}

    def refer(self, identity: Any, name: ComponentName, create: Callable[[], Schema]) -> Schema:
        """Return a reference to a component, created at the first call. Its schema may refer to itself."""
        if identity not in self._keys:
            key = self._keys[identity] = str(len(self._keys))
            self._names[key] = name
            self._schemas[key] = create()
        return {"$ref": PREFIX + self._keys[identity]}

    def resolve(self, schema: Schema) -> Schema:
        """Return a schema with its reference, if it has one, replaced by the component."""
        if "$ref" not in schema:
            return schema
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        return {**self.resolve(self._schemas[schema["$ref"].removeprefix(PREFIX)]), **rest}

    def name_references(self, document: Any) -> tuple[Any, dict[str, Schema]]:
        """Replace the keys in a document by names. Return it, and the components it needs, by name."""
        names = self._choose_names()
        used: set[str] = set()
        pending: list[str] = []

        def to_name(key: str) -> str:
            if key not in used:
                used.add(key)
                pending.append(key)
            return PREFIX + names[key]

        document = replace_references(document, PREFIX, to_name)
        components: dict[str, Schema] = {}
        while pending:
            key = pending.pop()
            components[names[key]] = replace_references(self._schemas[key], PREFIX, to_name)
        return document, dict(sorted(components.items()))

    def _choose_names(self) -> dict[str, str]:
        short = Counter(name.short for name in self._names.values())
        chosen: dict[str, str] = {}
        uses: Counter[str] = Counter()
        for key, candidates in self._names.items():
            name = candidates.short if short[candidates.short] == 1 else candidates.qualified
            uses[name] += 1
            # Two classes that one function defines have the same qualified name.
            chosen[key] = name if uses[name] == 1 else f"{name}.{uses[name]}"
        return chosen


def replace_references(value: Any, prefix: str, replace: Callable[[str], str]) -> Any:
    """Copy a JSON value, with each string that starts with `prefix` replaced by what `replace` makes of the rest."""
    if isinstance(value, list):
        return [replace_references(item, prefix, replace) for item in value]
    if isinstance(value, dict):
        return {key: replace_references(item, prefix, replace) for key, item in value.items()}
    if isinstance(value, str) and value.startswith(prefix):
        return replace(value.removeprefix(prefix))
    return value


def create_component_name(kind: Any) -> ComponentName:
    """Return the possible names of a class. A generic class includes its arguments: `Page_Item`."""
    return ComponentName(_clean(_join_names(kind, qualified=False)), _clean(_join_names(kind, qualified=True)))


def _join_names(kind: Any, *, qualified: bool) -> str:
    cls = get_origin(kind) or kind
    name = cls.__qualname__ if qualified else cls.__name__
    if qualified and cls.__module__ != "builtins":
        name = f"{cls.__module__}.{name}"
    arguments = [
        _join_names(argument, qualified=qualified) if _is_class(argument) else format_type(argument)
        for argument in get_args(kind)
    ]
    return "_".join([name, *arguments])


def _is_class(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and origin is not UnionType


def _clean(name: str) -> str:
    """Replace the characters that a component's name cannot have (https://spec.openapis.org/oas/v3.1.1#components-object)."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("_")
