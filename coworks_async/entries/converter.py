"""Converters: from what a client sent to what an annotation asks for, compiled once per parameter."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import ValidationError
from msgspec import inspect as types
from starlette.datastructures import UploadFile

from coworks_async.entries.annotations import is_model, show
from coworks_async.entries.models import convert_model
from coworks_async.entries.relax import ARRAYS, relax_bool, relax_float, relax_int, relaxer, same
from coworks_async.exceptions import Fault, Where

Raw = Mapping[str, Any]
"""A query, a form or a JSON object: names to values. In a query or a form each value is the list of those sent."""


class Converter:
    """Converts to one annotation.

    Attributes:
        expected: the annotation as a person writes it.
        trusted: what msgspec takes strictly from JSON is right by our rules too, so that one decoder may do all.
        exact: numbers are to be read as written, not through a float.
        scalar: the function for one string, where that is all there is to do.
        text, binary: it takes a body of text, or of bytes, as it came.

    Raises:
        TypeError: the annotation is not one that a request can be converted to.
    """

    def __init__(self, annotation: Any) -> None:
        info = types.type_info(annotation)
        msgspec.json.Decoder(annotation)  # refuses the unions that cannot be told apart
        each = info.types if isinstance(info, types.UnionType) else (info,)
        bare = [member.type if isinstance(member, types.Metadata) else member for member in each]
        _refuse_unknown(info)
        self.annotation = annotation
        self.expected = show(annotation)
        self.trusted = is_trusted(info)
        self.exact = holds(info, types.DecimalType)
        self.scalar = _direct(info)
        self.text = any(isinstance(member, types.StrType) for member in bare)
        self.binary = any(isinstance(member, types.BytesType) for member in bare)
        self._any = any(isinstance(member, types.AnyType) for member in bare)
        self._many = any(isinstance(member, ARRAYS) for member in bare)
        self._only_many = all(isinstance(member, (*ARRAYS, types.NoneType)) for member in bare)
        self._relax = relaxer(info)

    def from_json(self, value: Any) -> Any:
        """Convert a value out of a JSON body; raises `msgspec.ValidationError`."""
        return msgspec.convert(self._relax(value), self.annotation, str_keys=True, dec_hook=custom)

    def from_text(self, values: Sequence[Any]) -> Any:
        """Convert what one name has in a query or a form (strings, or files); raises `msgspec.ValidationError`."""
        try:
            return self.from_json(self.flat(values))
        except ValidationError:
            if not self._many or len(values) != 1:
                raise
            return self.from_json(list(values))

    def from_raw(self, value: str | bytes) -> Any:
        """Take a body of text or of bytes as it came, within the constraints; raises `msgspec.ValidationError`."""
        return msgspec.convert(value, self.annotation)

    def flat(self, values: Sequence[Any]) -> Any:
        """Return one value where one was sent and one is wanted, a list otherwise."""
        if len(values) == 1 and not self._only_many:
            return values[0]
        if not self._many and not self._any:
            raise ValidationError("Given more than once")
        return list(values)


def custom(kind: Any, value: Any) -> Any:
    """Convert to the types that msgspec leaves to us: files, and pydantic models inside of other types."""
    if is_model(kind):
        return convert_model(kind, value)
    if isinstance(value, kind):
        return value
    raise ValidationError(f"Expected a file, got `{type(value).__name__}`")


def fault(where: Where, name: str, expected: str, error: Exception) -> Fault:
    """Return the fault that a failed conversion is to a client, without the value."""
    detail = str(error)
    if detail.startswith("Invalid enum value"):
        detail = "Not one of the values allowed" + detail.partition("'")[2].rpartition("'")[2]
    return Fault(where, name, expected, detail.replace(" - at `$", " - at `" + name))


def unknown(where: Where, name: str, known: Sequence[str]) -> Fault:
    """Return the fault of a name that nothing takes."""
    listed = ", ".join(known)
    return Fault(where, name, "nothing", f"Unknown name; known here: {listed}" if listed else "Nothing is taken here")


def holds(info: types.Type, kind: type[types.Type]) -> bool:
    """Tell whether a type, or one inside of it, is of this kind."""
    return any(isinstance(member, kind) for member in walk(info))


def walk(info: types.Type, seen: set[int] | None = None) -> list[types.Type]:
    """Return a type and all the types inside of it, each once."""
    seen = set() if seen is None else seen
    if id(info) in seen:
        return []
    seen.add(id(info))
    found = [info]
    for inner in inside(info):
        found += walk(inner, seen)
    return found


def inside(info: Any) -> list[types.Type]:
    """Return the types that stand directly inside of one."""
    inner = [getattr(info, name) for name in ("type", "item_type", "key_type", "value_type") if hasattr(info, name)]
    inner += getattr(info, "types", ()) or getattr(info, "item_types", ())
    return [*inner, *(field.type for field in getattr(info, "fields", ()))]


def is_trusted(info: types.Type) -> bool:
    """Tell whether msgspec's strict reading of JSON is ours as well, all through a type."""
    return all(_is_trusted(member) for member in walk(info))


def _is_trusted(info: types.Type) -> bool:
    if isinstance(info, types.StructType):
        return info.forbid_unknown_fields
    if isinstance(info, types.UnionType):
        kinds = {type(member) for member in info.types}
        strings = kinds & {types.StrType, types.LiteralType, types.EnumType, types.BytesType}
        numbers = kinds & {types.IntType, types.FloatType, types.BoolType}
        return not (strings and numbers)
    return not isinstance(info, types.DataclassType | types.TypedDictType | types.CustomType | types.DecimalType)


def _direct(info: types.Type) -> Callable[[str], Any] | None:
    """Return the function that converts one string, for the plain types alone, without constraints."""
    if isinstance(info, types.UnionType) and len(info.types) == 2:
        info = next((member for member in info.types if not isinstance(member, types.NoneType)), info)
    return next((convert for plain, convert in _PLAIN if plain == info), None)


def _checked(relax: Callable[[str], Any], kind: type) -> Callable[[str], Any]:
    def convert(value: str) -> Any:
        converted = relax(value)
        if type(converted) is not kind:
            raise ValidationError(f"Expected `{kind.__name__}`, got `str`")
        return converted

    return convert


_PLAIN: tuple[tuple[types.Type, Callable[[str], Any]], ...] = (
    (types.IntType(), _checked(relax_int, int)),
    (types.FloatType(), _checked(relax_float, float)),
    (types.BoolType(), _checked(relax_bool, bool)),
    (types.StrType(), same),
    (types.AnyType(), same),
)


def _refuse_unknown(info: types.Type) -> None:
    for member in walk(info):
        if isinstance(member, types.CustomType):
            kind = member.cls
            if not (is_model(kind) or (isinstance(kind, type) and issubclass(kind, UploadFile))):
                raise TypeError(f"{show(kind)} is no type that a request can be converted to")
