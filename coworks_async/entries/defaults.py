"""Set the plain defaults of dataclasses. msgspec leaves them to class attributes, and would not encode those."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, get_origin

from msgspec import Struct
from msgspec import inspect as mi

from coworks_async.entries.coercion import walk_types


class _Fields(Struct, frozen=True):
    defaults: tuple[tuple[str, Any], ...]
    nested: tuple[str, ...]  # attributes that may contain a dataclass


def compile_defaults(infos: Sequence[mi.Type]) -> Callable[[Any], None] | None:
    """Compile the function that completes a converted value; None if no default is missing.

    `infos` are its type and all types nested in it.
    """
    classes: dict[type, _Fields] = {}
    for info in infos:
        if isinstance(info, mi.DataclassType | mi.StructType):
            kind = get_origin(info.cls) or info.cls
            nested = [field.name for field in info.fields if _contains_dataclass(field.type)]
            known = classes[kind].nested if kind in classes else ()  # of a generic class with other arguments
            classes[kind] = _Fields(_plain_defaults(kind), tuple(dict.fromkeys([*known, *nested])))
    if not any(fields.defaults for fields in classes.values()):
        return None

    def fill(value: Any) -> None:
        pending = [value]
        while pending:
            item = pending.pop()
            fields = classes.get(type(item))
            if fields is not None:
                for name, default in fields.defaults:
                    if name not in item.__dict__:
                        object.__setattr__(item, name, default)
                for name in fields.nested:
                    pending.append(getattr(item, name))
            elif isinstance(item, dict):
                pending.extend(item.values())
            elif isinstance(item, list | tuple | set | frozenset):
                pending.extend(item)

    return fill


def _contains_dataclass(info: mi.Type) -> bool:
    return any(isinstance(inner, mi.DataclassType) for inner in walk_types(info))


def _plain_defaults(kind: type) -> tuple[tuple[str, Any], ...]:
    if not dataclasses.is_dataclass(kind) or not kind.__dictoffset__:  # with slots there is no class attribute
        return ()
    fields = dataclasses.fields(kind)
    return tuple((field.name, field.default) for field in fields if field.default is not dataclasses.MISSING)
