"""The components of a document: schemas that others refer to, under names that are unique and stay.

While a document is made nobody knows all its types, so a reference holds a key; the names are put in at the end. A
type is called as its class is. Where two classes are called alike, both get their modules' names in front.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args, get_origin

from coworks_async.entries.annotations import format_type

Schema = dict[str, Any]

PREFIX = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Label:
    """What a component may be called: by its class alone, and with the module too."""

    short: str
    full: str


class Components:
    """The schemas of a document that are referred to, by key until they are named."""

    def __init__(self) -> None:
        self._schemas: dict[str, Schema] = {}
        self._labels: dict[str, Label] = {}
        self._keys: dict[Any, str] = {}

    def refer(self, key: Any, label: Label, build: Callable[[], Schema]) -> Schema:
        """Return a reference to a component, which is built where it is not there; it may refer to itself."""
        if key not in self._keys:
            self._keys[key] = str(len(self._keys))
            self._labels[self._keys[key]] = label
            self._schemas[self._keys[key]] = build()
        return {"$ref": PREFIX + self._keys[key]}

    def resolve(self, schema: Schema) -> Schema:
        """Return what a schema says, where it refers to a component."""
        if "$ref" not in schema:
            return schema
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        return {**self.resolve(self._schemas[schema["$ref"].removeprefix(PREFIX)]), **rest}

    def name(self, document: Any) -> tuple[Any, dict[str, Schema]]:
        """Return a document with names in its references, and the components that it needs, by name."""
        names = self._names()
        needed: dict[str, Schema] = {}
        left = [document]
        while left:
            for key in _references(left.pop()):
                if key not in needed:
                    needed[key] = self._schemas[key]
                    left.append(needed[key])
        components = {names[key]: _renamed(schema, names) for key, schema in needed.items()}
        return _renamed(document, names), dict(sorted(components.items()))

    def _names(self) -> dict[str, str]:
        shorts = Counter(label.short for label in self._labels.values())
        names: dict[str, str] = {}
        used: Counter[str] = Counter()
        for key, label in self._labels.items():
            name = label.short if shorts[label.short] == 1 else label.full
            used[name] += 1
            # Two classes made by one function have all their names in common.
            names[key] = name if used[name] == 1 else f"{name}.{used[name]}"
        return names


def label_of(kind: Any) -> Label:
    """Return what a class is called, a generic one with its arguments: `Page_Item`."""
    return Label(_clean(_short(kind)), _clean(_full(kind)))


def _short(kind: Any) -> str:
    arguments = [_short(part) if _is_class(part) else format_type(part) for part in get_args(kind)]
    return "_".join([_origin(kind).__name__, *arguments])


def _full(kind: Any) -> str:
    origin = _origin(kind)
    arguments = [_full(part) if _is_class(part) else format_type(part) for part in get_args(kind)]
    module = "" if origin.__module__ == "builtins" else f"{origin.__module__}."
    return "_".join([f"{module}{origin.__qualname__}", *arguments])


def _is_class(part: Any) -> bool:
    return isinstance(_origin(part), type) and _origin(part) is not UnionType


def _origin(kind: Any) -> Any:
    return get_origin(kind) or kind


def _clean(name: str) -> str:
    """Leave the characters that a component's name may have: https://spec.openapis.org/oas/v3.1.1#components-object."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("_")


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [key for item in value for key in _references(item)]
    if not isinstance(value, Mapping):
        return []
    found = [value["$ref"].removeprefix(PREFIX)] if _is_reference(value.get("$ref")) else []
    return found + [key for item in value.values() for key in _references(item)]


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    return PREFIX + names[value.removeprefix(PREFIX)] if _is_reference(value) else value
