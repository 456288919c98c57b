"""Pydantic models, for the services that use pydantic; it is imported by them, never by us."""

import sys
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from msgspec import ValidationError

from coworks_async.entries.annotations import is_model, members, show
from coworks_async.exceptions import Fault, Where


def _pydantic() -> Any:
    return sys.modules["pydantic"]


def convert_model(kind: Any, value: Any) -> Any:
    """Convert to a model that stands inside of another type; raises `msgspec.ValidationError`."""
    adapter = _pydantic().TypeAdapter(kind)
    faults = _unknown_keys(kind, value, ())
    if faults:
        raise ValidationError(f"Object contains unknown field `{'.'.join(faults[0])}`")
    try:
        return adapter.validate_python(value)
    except _pydantic().ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValidationError(f"{place}: {first['msg']}" if place else first["msg"]) from None


class ModelConverter:
    """Converts to a pydantic model, or to a union with one in it, by pydantic's own rules.

    Unknown keys are refused, but for the models that set `extra` themselves.
    """

    trusted = False
    exact = False
    scalar = None
    text = False
    binary = False

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self.expected = show(annotation)
        self._models = [member for member in members(annotation) if is_model(member)]
        self._adapter = _pydantic().TypeAdapter(annotation)

    @property
    def names(self) -> list[str]:
        """The names that it takes."""
        return list(dict.fromkeys(name for model in self._models for name in keys_of(model)))

    def from_json(self, value: Any) -> Any:
        """Convert a value that is no object; raises `msgspec.ValidationError`."""
        value, faults = self.whole(value, "body", text=False)
        if faults:
            raise ValidationError(faults[0].detail)
        return value

    def whole(self, raw: Any, where: Where, *, text: bool) -> tuple[Any, list[Fault]]:
        """Return the model of a JSON object, or of a form or a query (`text`), and all that is wrong with it."""
        if text:
            lists = {name for model in self._models for name in _list_keys(model)}
            raw = {name: list(v) if len(v) != 1 or name in lists else v[0] for name, v in raw.items()}
        faults = []
        if len(self._models) == 1:
            for path in _unknown_keys(self._models[0], raw, ()):
                faults.append(Fault(where, ".".join(path), "nothing", "Unknown name"))
        try:
            value = self._adapter.validate_python(raw)
        except _pydantic().ValidationError as error:
            for one in error.errors(include_url=False, include_context=False, include_input=False):
                name = ".".join(map(str, one["loc"]))
                faults.append(Fault(where, name, self._expected_of(one["loc"]), one["msg"]))
            return None, faults
        return value, faults

    def _expected_of(self, place: tuple[int | str, ...]) -> str:
        for model in self._models:
            for name, field in model.model_fields.items():
                if place and place[0] in (name, field.alias):
                    return show(field.annotation)
        return self.expected


def keys_of(model: Any) -> set[str]:
    """Return the names that a model takes for its fields, aliases included."""
    keys: set[str] = set()
    by_name = model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        choices = getattr(alias, "choices", [alias])
        keys |= {choice if isinstance(choice, str) else choice.path[0] for choice in choices if choice is not None}
        if alias is None or by_name:
            keys.add(name)
    return keys


def _unknown_keys(model: Any, value: Any, place: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the places of the keys that no field takes, in this model and in those inside of it."""
    if not isinstance(value, dict):
        return []
    found = []
    if model.model_config.get("extra") is None:
        keys = keys_of(model)
        found += [(*place, name) for name in value if name not in keys]
    for name, field in model.model_fields.items():
        for key in {name, field.alias} & set(value):
            for inner, item in _inner(field.annotation, value[key]):
                found += _unknown_keys(inner, item, (*place, key))
    return found


def _inner(annotation: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the models that stand inside of a field, each with its value; unions of several are left to pydantic."""
    models = [member for member in members(annotation) if is_model(member)]
    if len(models) == 1:
        yield models[0], value
    for member in members(annotation):
        origin, arguments = get_origin(member), get_args(member)
        if origin in (list, tuple, set, frozenset) and arguments and isinstance(value, list):
            for item in value:
                yield from _inner(arguments[0], item)
        elif origin is dict and isinstance(value, dict):
            for item in value.values():
                yield from _inner(arguments[1], item)


def _list_keys(model: Any) -> Iterator[str]:
    for name, field in model.model_fields.items():
        for member in members(field.annotation):
            if (get_origin(member) or member) in (list, tuple, set, frozenset):
                yield field.alias or name
