"""Count the values of a request that become hash keys.

Equal hashes make a set or a dict quadratic. A client can choose numbers with equal hashes, and UUIDs and tuples made of
them. The hashes of strings and dates are random or hard to find.
"""

import collections.abc
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from enum import Enum
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from msgspec import Struct

from coworks_async.entries.annotations import field_annotations, is_structured, union_members
from coworks_async.entries.pydantic_models import iter_key_annotations, root_annotation

Counter = Callable[[Any], int]

_SAFE_TYPES = (str, bytes, bool, NoneType, Enum, date, time, timedelta)


def compile_hashed_counter(annotation: Any) -> Counter | None:
    """Compile a function that counts hash keys in a raw value of a type; None if the type has no such keys."""
    return _compile(annotation, {})


def _compile(annotation: Any, cache: dict[Any, Counter]) -> Counter | None:
    found = [_compile_member(member, cache) for member in union_members(annotation)]
    counters = [counter for counter in found if counter is not None]
    if len(counters) < 2:
        return next(iter(counters), None)
    return lambda value: max(count(value) for count in counters)


def _compile_member(member: Any, cache: dict[Any, Counter]) -> Counter | None:
    kind, arguments = get_origin(member) or member, get_args(member)
    if not isinstance(kind, type):
        return None
    root = root_annotation(kind)
    if root is not None:
        return _compile(root, cache)
    if is_structured(member):
        return _compile_object(member, kind, cache)
    if issubclass(kind, collections.abc.Mapping):
        value = _compile(arguments[1], cache) if len(arguments) > 1 else None
        return _key_counter(arguments[0] if arguments else str, value)
    if hasattr(kind, "_fields"):
        return _record_counter(list(typing.get_type_hints(kind, include_extras=True).values()), cache)
    if issubclass(kind, tuple) and arguments and arguments[-1] is not ...:
        return _record_counter(arguments, cache)
    if issubclass(kind, collections.abc.Iterable) and kind not in (str, bytes):
        item = _compile(arguments[0], cache) if arguments else None
        is_counted = issubclass(kind, collections.abc.Set) and not _has_random_hash(arguments[0] if arguments else Any)
        return _item_counter(item, is_counted=is_counted)
    return None


def _has_random_hash(annotation: Any) -> bool:
    """Return whether a client cannot choose values with equal hashes, or only few values."""
    return all(
        get_origin(member) is Literal or (isinstance(member, type) and issubclass(member, _SAFE_TYPES))
        for member in union_members(annotation)
    )


def _item_counter(item: Counter | None, *, is_counted: bool) -> Counter | None:
    if item is None and not is_counted:
        return None

    def count(value: Any) -> int:
        if not isinstance(value, list):
            return 0
        own = len(value) if is_counted else 0
        return own if item is None else own + sum(map(item, value))

    return count


def _key_counter(key: Any, item: Counter | None) -> Counter | None:
    is_counted = key is not Any and not _has_random_hash(key)  # keys in JSON are strings
    if item is None and not is_counted:
        return None

    def count(value: Any) -> int:
        if not isinstance(value, dict):
            return 0
        own = len(value) if is_counted else 0
        return own if item is None else own + sum(map(item, value.values()))

    return count


def _record_counter(annotations: Sequence[Any], cache: dict[Any, Counter]) -> Counter | None:
    """Return the counter of an array with a type for each position."""
    counters = [_compile(annotation, cache) for annotation in annotations]
    if not any(counters):
        return None

    def count(value: Any) -> int:
        if not isinstance(value, list):
            return 0
        return sum(each(item) for each, item in zip(counters, value, strict=False) if each is not None)

    return count


def _compile_object(member: Any, kind: type, cache: dict[Any, Counter]) -> Counter | None:
    if member in cache:
        return lambda value: cache[member](value)  # a recursive type refers to itself
    cache[member] = _count_nothing
    fields = list(_iter_fields(member, kind))
    if issubclass(kind, Struct) and kind.__struct_config__.array_like:
        counter = _record_counter([annotation for _, annotation in fields], cache)
    else:
        counter = _field_counter({key: _compile(annotation, cache) for key, annotation in fields})
    cache[member] = counter or _count_nothing
    return counter


def _count_nothing(value: Any) -> int:
    return 0


def _iter_fields(member: Any, kind: type) -> Iterator[tuple[str, Any]]:
    if hasattr(kind, "__pydantic_fields__"):
        yield from iter_key_annotations(kind)
    else:
        yield from ((name, annotation) for name, (annotation, _) in field_annotations(member).items())


def _field_counter(fields: Mapping[str, Counter | None]) -> Counter | None:
    counters = {name: counter for name, counter in fields.items() if counter is not None}
    if not counters:
        return None

    def count(value: Any) -> int:
        if not isinstance(value, dict):
            return 0
        return sum(counter(value[name]) for name, counter in counters.items() if name in value)

    return count
