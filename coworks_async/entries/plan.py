"""Compile the binding plan of an entry: its parameters with their converters."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from coworks_async.entries.annotations import (
    find_foreign_constraint,
    is_pydantic_model,
    is_structured,
    union_members,
)
from coworks_async.entries.discovery import Declaration
from coworks_async.entries.signature import HEADER_AND_COOKIE_KINDS, Parameter, ParameterKind, Signature
from coworks_async.entries.sources import is_marker
from coworks_async.exceptions import DeclarationError


class Slot(Parameter, frozen=True):
    """A parameter with its converter: a `Converter`, `StructuredConverter` or `PydanticConverter`."""

    converter: Any

    @property
    def expected(self) -> str:
        return str(self.converter.expected)


class BindingPlan(msgspec.Struct, frozen=True):
    """The parameters that the values of a request bind to, by kind; `named` and `deep_objects` by alias."""

    signature: Signature
    path: tuple[Slot, ...]
    path_rest: Slot | None
    named: Mapping[str, Slot]
    deep_objects: Mapping[str, Slot]
    structured: Slot | None
    extra: Slot | None
    headers_and_cookies: tuple[Slot, ...]
    request: Parameter | None

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The parameters from path, query and body."""
        single = (slot for slot in (self.path_rest, self.structured, self.extra) if slot is not None)
        return (*self.path, *self.named.values(), *self.deep_objects.values(), *single)

    @property
    def reads_input(self) -> bool:
        """Whether a parameter takes values from the query or the body."""
        return bool(self.named or self.deep_objects or self.structured or self.extra)

    @property
    def is_positional(self) -> bool:
        """Whether the arguments, except headers and cookies, are those of the path in order, then all others.

        Fast binding requires it.
        """
        if self.deep_objects or self.extra or self.request or self.path_rest:
            return False
        if self.headers_and_cookies and any(parameter.positional_only for parameter in self.signature.parameters):
            return False  # with headers, all arguments are passed by name
        parameters = [
            parameter for parameter in self.signature.parameters if parameter.kind not in HEADER_AND_COOKIE_KINDS
        ]
        count = len(self.path)
        is_path_first = all(
            parameter.kind is ParameterKind.PATH and not parameter.keyword_only for parameter in parameters[:count]
        )
        return is_path_first and not any(parameter.positional_only for parameter in parameters[count:])

    @property
    def is_scalar(self) -> bool:
        """Whether each value is a single string."""
        return self.structured is None and all(slot.converter.parse_string for slot in self.slots)

    @property
    def needs_exact_numbers(self) -> bool:
        """Whether JSON fractions must be parsed as Decimal."""
        return any(slot.converter.needs_exact_numbers for slot in self.slots)

    @property
    def accepted_names(self) -> list[str]:
        """The names that a query or a body may contain, for error messages."""
        fields = self.structured.converter.field_names if self.structured is not None else []
        return [*self.named, *(f"{alias}[...]" for alias in self.deep_objects), *fields]

    def build_arguments(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return positional and keyword arguments for values by parameter name, with defaults for those missing."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for parameter in self.signature.parameters:
            if parameter.kind is ParameterKind.PATH_REST:
                args.extend(values[parameter.name])
            elif parameter.kind is ParameterKind.EXTRA:
                kwargs.update(values[parameter.name])
            elif parameter.keyword_only:
                kwargs[parameter.name] = values.get(parameter.name, parameter.default)
            else:
                args.append(values.get(parameter.name, parameter.default))
        return args, kwargs


def compile_plan(declaration: Declaration, signature: Signature) -> BindingPlan:
    slots: dict[ParameterKind, list[Slot]] = {kind: [] for kind in ParameterKind}
    for parameter in signature.parameters:
        if parameter.kind is not ParameterKind.REQUEST:
            converter = _create_converter(parameter, declaration)
            slots[parameter.kind].append(Slot(**msgspec.structs.asdict(parameter), converter=converter))
    plan = BindingPlan(
        signature=signature,
        path=tuple(slots[ParameterKind.PATH]),
        path_rest=next(iter(slots[ParameterKind.PATH_REST]), None),
        named={slot.alias: slot for slot in slots[ParameterKind.NAMED]},
        deep_objects={slot.alias: slot for slot in slots[ParameterKind.DEEP_OBJECT]},
        structured=next(iter(slots[ParameterKind.STRUCTURED]), None),
        extra=next(iter(slots[ParameterKind.EXTRA]), None),
        headers_and_cookies=(*slots[ParameterKind.HEADER], *slots[ParameterKind.COOKIE]),
        request=next(iter(signature.of_kind(ParameterKind.REQUEST)), None),
    )
    if not plan.needs_exact_numbers:
        for slot in plan.slots:
            slot.converter.expect_no_decimals()
    if plan.structured is not None and declaration.method == "GET":
        for name in plan.structured.converter.field_names:
            if name in plan.named:
                raise DeclarationError(
                    f"{declaration.qualname}: {name!r} is a parameter and a field of {plan.structured.name!r}; "
                    "on GET both come from the query. Rename one."
                )
    return plan


def _create_converter(parameter: Parameter, declaration: Declaration) -> Any:
    # Lambda cold start: entries without parameters need no converters.
    from coworks_async.entries.converters import Converter, StructuredConverter, check_text_type
    from coworks_async.entries.pydantic_models import PydanticConverter

    annotation = parameter.annotation
    try:
        if parameter.kind in HEADER_AND_COOKIE_KINDS:
            check_text_type(annotation, parameter.kind.value, several=parameter.kind is ParameterKind.HEADER)
        if any(map(is_pydantic_model, union_members(annotation))):
            return PydanticConverter(annotation)
        constraint = find_foreign_constraint(annotation)
        if constraint is not None and is_marker(constraint):
            raise TypeError("Header() and Cookie() must mark the whole annotation: Annotated[str | None, Header()]")
        if constraint is not None:
            raise TypeError(f"{constraint!r} has no effect outside a pydantic model; use msgspec.Meta(...)")
        return StructuredConverter(annotation) if is_structured(annotation) else Converter(annotation)
    except Exception as error:  # msgspec and pydantic raise errors of several types
        raise DeclarationError(
            f"{declaration.qualname}: cannot convert parameter {parameter.name!r}: {error}. Change its annotation."
        ) from error


JsonDecoder = Callable[[bytes], tuple[Sequence[Any], Mapping[str, Any]]]


def compile_json_decoder(plan: BindingPlan) -> JsonDecoder | None:
    """Compile a function from a JSON body to the arguments after those of the path; the plan must be positional.

    Returns None if msgspec's strict decoding would give other results.
    """
    slots, structured = list(plan.named.values()), plan.structured
    if structured is not None:
        if not structured.converter.allows_strict_json or any(slot.required for slot in slots):
            return None
        decode_whole = _create_decoder(structured.annotation, [structured])
        return lambda body: ((), {structured.name: decode_whole(body)})
    if not all(slot.converter.allows_strict_json for slot in slots):
        return None
    struct = msgspec.defstruct("Body", list(map(_struct_field, slots)), forbid_unknown_fields=True, kw_only=True)
    decode = _create_decoder(struct, slots)
    astuple, asdict = msgspec.structs.astuple, msgspec.structs.asdict
    if any(slot.keyword_only for slot in slots):
        return _add_array_decoder(slots, lambda body: ((), asdict(decode(body))))
    return _add_array_decoder(slots, lambda body: (astuple(decode(body)), {}))


def _add_array_decoder(slots: Sequence[Slot], decode_object: JsonDecoder) -> JsonDecoder:
    """Also decode an array, if exactly one parameter accepts it and all others have defaults."""
    accepting = [slot for slot in slots if slot.converter.accepts_array]
    if len(accepting) != 1 or any(slot.required for slot in slots if slot is not accepting[0]):
        return decode_object
    decode_array = _create_decoder(accepting[0].annotation, accepting)
    defaults = {slot.name: slot.default for slot in slots}

    def decode(body: bytes) -> tuple[Sequence[Any], Mapping[str, Any]]:
        if body[:1] != b"[":
            return decode_object(body)
        return (), {**defaults, accepting[0].name: decode_array(body)}

    return decode


def _create_decoder(annotation: Any, slots: Sequence[Slot]) -> Callable[[bytes], Any]:
    if all(slot.converter.rejects_unknown_keys for slot in slots):
        return msgspec.json.Decoder(annotation).decode
    from coworks_async.entries.json_decoder import create_json_decoder  # Lambda cold start: as above

    return create_json_decoder(annotation)


def _struct_field(slot: Slot) -> tuple[str, Any, Any]:
    if slot.required:
        return slot.name, slot.annotation, msgspec.field(name=slot.alias)
    default = slot.default
    # A factory, because msgspec rejects some plain defaults. It returns the same object each time, as Python does.
    return slot.name, slot.annotation, msgspec.field(default_factory=lambda: default, name=slot.alias)
