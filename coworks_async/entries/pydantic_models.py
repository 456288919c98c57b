"""Convert to pydantic models. Only the service imports pydantic."""

import dataclasses
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, Literal, get_origin
from uuid import UUID

from msgspec import Struct, ValidationError

from coworks_async.entries.annotations import format_type, is_pydantic_model, union_members
from coworks_async.entries.coercion import decimals_to_floats
from coworks_async.exceptions import ErrorLocation, FieldError

KeyPath = tuple[str, ...]


def _pydantic() -> Any:
    return sys.modules["pydantic"]


def create_model_decoder(kind: Any) -> Callable[[Any], Any]:
    """Create the conversion to a model nested in another type, for msgspec, which adds the path to a `ValueError`."""
    validate = _pydantic().TypeAdapter(kind).validator.validate_python

    def decode(value: Any) -> Any:
        try:
            model = validate(value)
        except _pydantic().ValidationError as error:
            name, detail = next(_iter_errors(error))
            raise ValueError(f"{name}: {detail}" if name else detail) from None
        if drops_keys(model, value):
            path = next(dropped_keys(model, value))
            raise ValueError(f"Object contains unknown field `{'.'.join(path)}`")
        return model

    return decode


class PydanticConverter:
    """Converts to a pydantic model, or a union with one. Unknown keys are errors, unless the model sets `extra`."""

    allows_strict_json = False
    needs_exact_numbers = False
    parse_string = None
    accepts_text = False
    accepts_bytes = False
    accepts_file = False
    accepts_array = True

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self.expected = format_type(annotation)
        self._models = [member for member in union_members(annotation) if is_pydantic_model(member)]
        self._adapter = _pydantic().TypeAdapter(annotation)
        # Late, because that module imports this one.
        from coworks_async.entries.hashed import compile_hashed_counter

        self.count_hashed = compile_hashed_counter(annotation)
        self._expects_decimals = True

    def expect_no_decimals(self) -> None:
        """Skip the conversion of Decimals: those of JSON numbers, where another parameter needs them."""
        self._expects_decimals = False

    @property
    def field_names(self) -> list[str]:
        models = [model for model in self._models if not _is_root_model(model)]
        return list(dict.fromkeys(key for model in models for keys in accepted_keys(model).values() for key in keys))

    def from_json(self, value: Any) -> Any:
        value, errors = self.from_fields(value, "body", is_form=False)
        for error in errors:
            raise ValidationError(f"{error.name}: {error.detail}" if error.name else error.detail)
        return value

    def from_strings(self, values: Collection[Any]) -> Any:
        return self.from_json(_unwrap_single(values))

    def from_fields(self, values: Any, where: ErrorLocation, *, is_form: bool) -> tuple[Any, list[FieldError]]:
        if is_form:
            lists = {name for model in self._models for name in _list_keys(model)}
            values = {name: item if name in lists else _unwrap_single(item) for name, item in values.items()}
        try:
            model = self._adapter.validate_python(decimals_to_floats(values) if self._expects_decimals else values)
        except _pydantic().ValidationError as error:
            errors = [FieldError(where, name, self._expected_at(name), detail) for name, detail in _iter_errors(error)]
            # With several models it is unknown which one was meant.
            single = len(self._models) == 1 and isinstance(values, dict)
            unknown = [(key,) for key in unknown_keys(self._models[0], values)] if single else []
            return None, [*_unknown_key_errors(where, unknown), *errors]
        return model, _unknown_key_errors(where, dropped_keys(model, values)) if drops_keys(model, values) else []

    def _expected_at(self, path: str) -> str:
        for model in self._models:
            for name, field in model.model_fields.items():
                if path.partition(".")[0] in (name, *accepted_keys(model)[name]):
                    return format_type(field.annotation)
        return self.expected


_MAX_ERRORS = 10_000
"""Errors up to which they are listed. Pydantic creates all of them at once, with about a kilobyte for each."""


def _iter_errors(error: Any) -> Iterator[tuple[str, str]]:
    if error.error_count() > _MAX_ERRORS:
        yield "", f"{error.error_count()} errors, which are too many to list"
        return
    for one in error.errors(include_url=False, include_input=False):
        # This message of pydantic would repeat the value.
        is_tag = one["type"] == "union_tag_invalid"
        yield ".".join(map(str, one["loc"])), "Not one of the allowed values" if is_tag else one["msg"]


def _unknown_key_errors(where: ErrorLocation, paths: Iterable[KeyPath]) -> list[FieldError]:
    return [FieldError(where, ".".join(path), "nothing", "Unknown name") for path in paths]


def _unwrap_single(values: Collection[Any]) -> Any:
    return next(iter(values)) if len(values) == 1 else list(values)


@lru_cache(maxsize=1024)
def accepted_keys(kind: Any) -> Mapping[str, list[str]]:
    """Return the keys of each field of a model, or of a dataclass in a model, the preferred one first."""
    fields: Mapping[str, Any] = getattr(kind, "__pydantic_fields__", {})
    if not fields and dataclasses.is_dataclass(kind):
        return {field.name: [field.name] for field in dataclasses.fields(kind) if field.init}
    by_name = get_config(kind).get("populate_by_name") or get_config(kind).get("validate_by_name")
    keys: dict[str, list[str]] = {}
    for name, field in fields.items():
        choices = getattr(field.validation_alias, "choices", [field.validation_alias])
        aliases = [choice if isinstance(choice, str) else choice.path[0] for choice in choices if choice is not None]
        keys[name] = [*aliases, name] if by_name or not aliases else aliases
    return keys


def get_config(kind: Any) -> Mapping[str, Any]:
    return getattr(kind, "model_config", None) or getattr(kind, "__pydantic_config__", None) or {}


def _is_root_model(kind: Any) -> bool:
    return bool(getattr(kind, "__pydantic_root_model__", False))


def unknown_keys(kind: Any, values: Mapping[str, Any]) -> list[str]:
    """Return the keys that no field takes. Of several keys of one field, pydantic takes only the first."""
    if _is_root_model(kind) or get_config(kind).get("extra") is not None:
        return []
    taken = {key for keys in accepted_keys(kind).values() for key in [key for key in keys if key in values][:1]}
    return [key for key in values if key not in taken]


class _PlainKeys(Struct, frozen=True):
    """The keys of a model, each of one field."""

    known: frozenset[str] | None  # None if the model sets `extra`
    nested: tuple[tuple[str, str], ...]  # keys and attributes of the fields that may contain objects


_LEAF_TYPES = (str, bytes, int, float, Decimal, date, time, timedelta, UUID, Enum, NoneType)


@lru_cache(maxsize=1024)
def _plain_keys(kind: Any) -> _PlainKeys | None:
    """Return the keys of a model, or of a dataclass in a model; None for other types, and if a field has several."""
    if _is_root_model(kind) or not (is_pydantic_model(kind) or dataclasses.is_dataclass(kind)):
        return None
    keys = accepted_keys(kind)
    if any(len(names) > 1 for names in keys.values()):
        return None
    fields: Mapping[str, Any] = getattr(kind, "__pydantic_fields__", {})
    nested = [
        (key, name) for name, [key] in keys.items() if name not in fields or not _is_leaf(fields[name].annotation)
    ]
    known = frozenset(key for [key] in keys.values()) if get_config(kind).get("extra") is None else None
    return _PlainKeys(known, tuple(nested))


def _is_leaf(annotation: Any) -> bool:
    return all(
        get_origin(member) is Literal or (isinstance(member, type) and issubclass(member, _LEAF_TYPES))
        for member in union_members(annotation)
    )


def drops_keys(converted: Any, values: Any) -> bool:
    """Return whether `dropped_keys` yields anything. It costs less than pydantic's conversion."""
    if isinstance(values, list) and isinstance(converted, list | tuple):
        for item, value in zip(converted, values, strict=False):
            if isinstance(value, dict | list) and drops_keys(item, value):
                return True
        return False
    kind: Any = type(converted)
    keys = _plain_keys(kind) if isinstance(values, dict) else None
    if keys is None:
        return next(dropped_keys(converted, values), None) is not None
    if keys.known is not None and not values.keys() <= keys.known:
        return True
    for key, name in keys.nested:  # noqa: SIM110 - most models have none, and a generator costs more than the rest
        if key in values and drops_keys(getattr(converted, name, None), values[key]):
            return True
    return False


def root_annotation(kind: Any) -> Any:
    """Return the annotation of a root model; None for other types."""
    return kind.__pydantic_fields__["root"].annotation if _is_root_model(kind) else None


def iter_key_annotations(kind: Any) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a model, or of a pydantic dataclass, with the annotations of their fields."""
    for name, keys in accepted_keys(kind).items():
        yield from ((key, kind.__pydantic_fields__[name].annotation) for key in keys)


def dropped_keys(converted: Any, values: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the paths of the keys in `values` that pydantic dropped when it converted them."""
    kind: Any = type(converted)  # only the result shows which member of a union was chosen
    if _is_root_model(kind):
        yield from dropped_keys(converted.root, values, path)
    elif isinstance(values, dict) and (is_pydantic_model(kind) or dataclasses.is_dataclass(kind)):
        yield from ((*path, key) for key in unknown_keys(kind, values))
        for name, keys in accepted_keys(kind).items():
            for key in [key for key in keys if key in values][:1]:
                yield from dropped_keys(getattr(converted, name, None), values[key], (*path, key))
    elif isinstance(values, dict) and isinstance(converted, Mapping):
        if len(values) != len(converted):
            yield from ((*path, key) for key in values if key not in converted)
        for (key, value), item in zip(values.items(), converted.values(), strict=False):
            # A converted key is found by its position.
            yield from dropped_keys(converted.get(key, item), value, (*path, key))
    elif isinstance(values, list) and isinstance(converted, Collection):
        for index, (item, value) in enumerate(zip(converted, values, strict=False)):
            yield from dropped_keys(item, value, (*path, str(index)))


_SINGLE_VALUE_TYPES = (str, bytes, dict, Mapping)


def _list_keys(model: Any) -> Iterator[str]:
    """Yield the keys of the fields that take a list of values."""
    for name, field in model.model_fields.items():
        kinds = [get_origin(member) or member for member in union_members(field.annotation)]
        if any(
            isinstance(kind, type) and issubclass(kind, Collection) and kind not in _SINGLE_VALUE_TYPES
            for kind in kinds
        ):
            yield from accepted_keys(model)[name]
