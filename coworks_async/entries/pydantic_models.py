"""Pydantic models, for the services that use pydantic; it is imported by them, never by us."""

import dataclasses
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, get_origin

from msgspec import ValidationError

from coworks_async.entries.annotations import format_type, is_pydantic_model, union_members
from coworks_async.entries.coercion import decimals_to_floats
from coworks_async.exceptions import ErrorLocation, FieldError

KeyPath = tuple[str, ...]


def _pydantic() -> Any:
    return sys.modules["pydantic"]


def convert_model(kind: Any, value: Any) -> Any:
    """Convert to a model that stands inside of another type; raises `ValueError`."""
    try:
        model = kind.model_validate(value)
    except _pydantic().ValidationError as error:
        name, detail = next(_pydantic_errors(error))
        raise ValueError(f"{name}: {detail}" if name else detail) from None
    for place in dropped_keys(model, value):
        raise ValueError(f"Object contains unknown field `{'.'.join(place)}`")
    return model


class PydanticConverter:
    """Converts to a pydantic model, or to a union with one in it, by pydantic's own rules.

    Unknown keys are refused, but for the models that set `extra` themselves.
    """

    allows_strict_json = False
    needs_exact_numbers = False
    parse_string = None
    accepts_text = False
    accepts_bytes = False
    accepts_file = False

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self.expected = format_type(annotation)
        self._models = [member for member in union_members(annotation) if is_pydantic_model(member)]
        self._adapter = _pydantic().TypeAdapter(annotation)

    @property
    def field_names(self) -> list[str]:
        """The names that it takes."""
        named = [model for model in self._models if not _is_root_model(model)]
        return list(dict.fromkeys(key for model in named for keys in accepted_keys(model).values() for key in keys))

    def from_json(self, value: Any) -> Any:
        """Convert a value that is no object; raises `msgspec.ValidationError`."""
        value, faults = self.from_fields(value, "body", text=False)
        if faults:
            raise ValidationError(f"{faults[0].name}: {faults[0].detail}" if faults[0].name else faults[0].detail)
        return value

    def from_text(self, values: Collection[Any]) -> Any:
        """Convert what one name has in a query or a form; raises `msgspec.ValidationError`."""
        return self.from_json(_single(values))

    def from_fields(self, raw: Any, where: ErrorLocation, *, text: bool) -> tuple[Any, list[FieldError]]:
        """Return the model of a JSON object, or of a form or a query (`text`), and all that is wrong with it."""
        if text:
            lists = {name for model in self._models for name in _list_keys(model)}
            raw = {name: values if name in lists else _single(values) for name, values in raw.items()}
        try:
            model = self._adapter.validate_python(decimals_to_floats(raw))
        except _pydantic().ValidationError as error:
            faults = [
                FieldError(where, name, self._expected_of(name), detail) for name, detail in _pydantic_errors(error)
            ]
            # Which of several models was meant is not known.
            known = len(self._models) == 1 and isinstance(raw, dict)
            unknown = [(key,) for key in unknown_keys(self._models[0], raw)] if known else []
            return None, [*_unknown_key_errors(where, unknown), *faults]
        return model, _unknown_key_errors(where, dropped_keys(model, raw))

    def _expected_of(self, place: str) -> str:
        for model in self._models:
            for name, field in model.model_fields.items():
                if place.partition(".")[0] in (name, *accepted_keys(model)[name]):
                    return format_type(field.annotation)
        return self.expected


def _pydantic_errors(error: Any) -> Iterator[tuple[str, str]]:
    for one in error.errors(include_url=False, include_input=False):
        # The one message of pydantic's that repeats a value.
        is_tag = one["type"] == "union_tag_invalid"
        yield ".".join(map(str, one["loc"])), "Not one of the values allowed" if is_tag else one["msg"]


def _unknown_key_errors(where: ErrorLocation, places: Iterable[KeyPath]) -> list[FieldError]:
    return [FieldError(where, ".".join(place), "nothing", "Unknown name") for place in places]


def _single(values: Collection[Any]) -> Any:
    return next(iter(values)) if len(values) == 1 else list(values)


def accepted_keys(kind: Any) -> dict[str, list[str]]:
    """Return what a model, or a dataclass in one, takes: by field the names for it, the preferred one first."""
    infos: Mapping[str, Any] = getattr(kind, "__pydantic_fields__", {})
    if not infos:
        return (
            {field.name: [field.name] for field in dataclasses.fields(kind) if field.init}
            if _is_dataclass(kind)
            else {}
        )
    by_name = _config(kind).get("populate_by_name") or _config(kind).get("validate_by_name")
    keys: dict[str, list[str]] = {}
    for name, info in infos.items():
        choices = getattr(info.validation_alias, "choices", [info.validation_alias])
        aliases = [choice if isinstance(choice, str) else choice.path[0] for choice in choices if choice is not None]
        keys[name] = [*aliases, name] if by_name or not aliases else aliases
    return keys


def _config(kind: Any) -> Mapping[str, Any]:
    return getattr(kind, "model_config", None) or getattr(kind, "__pydantic_config__", None) or {}


def _is_root_model(kind: Any) -> bool:
    """Tell whether a model is what it holds, and has no keys of its own."""
    return bool(getattr(kind, "__pydantic_root_model__", False))


def _is_dataclass(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind)


def unknown_keys(kind: Any, raw: Mapping[str, Any]) -> list[str]:
    """Return the keys that no field takes; of several that stand for one field, pydantic takes but the first."""
    if _is_root_model(kind) or _config(kind).get("extra") is not None:
        return []
    taken = {key for keys in accepted_keys(kind).values() for key in [key for key in keys if key in raw][:1]}
    return [key for key in raw if key not in taken]


def dropped_keys(value: Any, raw: Any, place: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the places of the keys of `raw` that are not in `value`, which pydantic made of it.

    Looked for in the result, because only that tells which member of a union was taken.
    """
    kind = type(value)
    if _is_root_model(kind):
        yield from dropped_keys(value.root, raw, place)
    elif isinstance(raw, dict) and (is_pydantic_model(kind) or _is_dataclass(kind)):
        yield from ((*place, key) for key in unknown_keys(kind, raw))
        for name, keys in accepted_keys(kind).items():
            for key in [key for key in keys if key in raw][:1]:
                yield from dropped_keys(getattr(value, name, None), raw[key], (*place, key))
    elif isinstance(raw, dict) and isinstance(value, Mapping):
        if len(raw) != len(value):
            yield from ((*place, key) for key in raw if key not in value)
        for (key, sent), item in zip(raw.items(), value.values(), strict=False):
            # A key may have been converted; then its place is still the same.
            yield from dropped_keys(value.get(key, item), sent, (*place, key))
    elif isinstance(raw, list) and isinstance(value, Collection):
        for index, (item, sent) in enumerate(zip(value, raw, strict=False)):
            yield from dropped_keys(item, sent, (*place, str(index)))


def _list_keys(model: Any) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kinds = [get_origin(member) or member for member in union_members(field.annotation)]
        if any(
            isinstance(kind, type) and issubclass(kind, Collection) and kind not in _SINGLE_VALUE_TYPES
            for kind in kinds
        ):
            yield from accepted_keys(model)[name]


_SINGLE_VALUE_TYPES = (str, bytes, dict, Mapping)
