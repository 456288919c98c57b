"""Collect `components.schemas`: the schemas that others refer to, by key until all types of a document are known.

Then each gets the name of its class, with the module in front if two classes have the same name.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from coworks_async.entries.annotations import format_type

Schema = dict[str, Any]

Mode = Literal["validation", "serialization"]
"""Whether a schema describes input or output. They differ only for pydantic models."""

PREFIX = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class ComponentName:
    """The name of a component's class, and the name to use if another class has the same short name."""

    short: str
    qualified: str


class Components:
    """The shared schemas of one document, by key."""

    def __init__(self) -> None:
        self._schemas: dict[str, Schema] = {}
        self._names: dict[str, ComponentName] = {}
        self._keys: dict[Any, str] = {}

    def refer(self, identity: Any, name: ComponentName, create: Callable[[], Schema]) -> Schema:
        """Return a reference to a component, which is created at the first call. Its schema may refer to itself."""
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
        components: dict[str, Schema] = {}

        def to_name(key: str) -> str:
            name = names[key]
            if name not in components:
                components[name] = {}  # a schema may refer to itself
                components[name] = replace_references(self._schemas[key], PREFIX, to_name)
            return PREFIX + name

        document = replace_references(document, PREFIX, to_name)
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


def omit_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


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
    """Return the names of a class. A generic class includes its arguments: `Page_Item`."""
    names = [_join_names(kind, qualified=qualified) for qualified in (False, True)]
    # https://spec.openapis.org/oas/v3.1.1#components-object
    return ComponentName(*(re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("_") for name in names))


def _join_names(kind: Any, *, qualified: bool) -> str:
    cls = get_origin(kind) or kind
    if not isinstance(cls, type) or cls is UnionType:
        return format_type(kind)
    name = cls.__qualname__ if qualified else cls.__name__
    if qualified and cls.__module__ != "builtins":
        name = f"{cls.__module__}.{name}"
    return "_".join([name, *(_join_names(argument, qualified=qualified) for argument in get_args(kind))])
