"""The plan of an entry: its parameters with their converters, compiled once and followed by each request."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from coworks_async.entries.annotations import (
    find_foreign_constraint,
    format_type,
    is_pydantic_model,
    is_structured,
    union_members,
)
from coworks_async.entries.discovery import Declaration
from coworks_async.entries.signature import Parameter, ParameterKind, Signature
from coworks_async.exceptions import DeclarationError

if TYPE_CHECKING:
    from coworks_async.entries.converters import Converter
    from coworks_async.entries.pydantic_models import PydanticConverter
    from coworks_async.entries.whole import StructuredConverter

    AnyConverter = Converter | StructuredConverter | PydanticConverter


class Slot(msgspec.Struct, frozen=True):
    """A parameter and what converts to it."""

    parameter: Parameter
    converter: Any

    @property
    def name(self) -> str:
        return self.parameter.name

    @property
    def alias(self) -> str:
        return self.parameter.alias

    @property
    def expected(self) -> str:
        return str(self.converter.expected)


class BindingPlan(msgspec.Struct, frozen=True):
    """What a request's values go to.

    `named` and `deep_objects` are keyed by what a client writes. `extra` is `**kwargs`, `request` the parameter that
    gets the request itself.
    """

    signature: Signature
    path: tuple[Slot, ...]
    path_rest: Slot | None
    named: Mapping[str, Slot]
    deep_objects: Mapping[str, Slot]
    structured: Slot | None
    extra: Slot | None
    request: Parameter | None

    @property
    def slots(self) -> tuple[Slot, ...]:
        single = (slot for slot in (self.path_rest, self.structured, self.extra) if slot is not None)
        return (*self.path, *self.named.values(), *self.deep_objects.values(), *single)

    @property
    def reads_input(self) -> bool:
        """Something may come from the query or from the body."""
        return bool(self.named or self.deep_objects or self.structured or self.extra)

    @property
    def is_positional(self) -> bool:
        """The arguments are the path's, in order, then names."""
        if self.deep_objects or self.extra or self.request or self.path_rest:
            return False
        kinds = [parameter.kind for parameter in self.signature.parameters]
        return kinds[: len(self.path)] == [ParameterKind.PATH] * len(self.path) and not any(
            parameter.positional for parameter in self.signature.parameters[len(self.path) :]
        )

    @property
    def is_scalar(self) -> bool:
        """Each value is one string that one function converts."""
        return self.structured is None and all(slot.converter.parse_string for slot in self.slots)

    @property
    def needs_exact_numbers(self) -> bool:
        """Some number is to be read as it was written."""
        return any(slot.converter.needs_exact_numbers for slot in self.slots)

    @property
    def accepted_names(self) -> list[str]:
        """The names that a query or a body may hold."""
        whole = self.structured.converter.field_names if self.structured is not None else []
        return [*self.named, *(f"{alias}[...]" for alias in self.deep_objects), *whole]

    def arguments(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional arguments and those by name; what has no value gets its default."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for parameter in self.signature.parameters:
            if parameter.kind is ParameterKind.PATH_REST:
                args.extend(values[parameter.name])
            elif parameter.kind is ParameterKind.EXTRA:
                kwargs.update(values[parameter.name])
            elif parameter.keyword:
                kwargs[parameter.name] = values.get(parameter.name, parameter.default)
            else:
                args.append(values.get(parameter.name, parameter.default))
        return args, kwargs


def compile_plan(declaration: Declaration, signature: Signature) -> BindingPlan:
    """Compile the converters of an entry.

    Raises:
        DeclarationError: an annotation is not one that a request can be converted to, or a name is taken twice.
    """
    slots = {
        parameter.name: Slot(parameter, _compile_converter(parameter, declaration))
        for parameter in signature.parameters
        if parameter.kind is not ParameterKind.REQUEST
    }

    def of(kind: ParameterKind) -> tuple[Slot, ...]:
        return tuple(slots[parameter.name] for parameter in signature.of(kind))

    plan = BindingPlan(
        signature=signature,
        path=of(ParameterKind.PATH),
        path_rest=next(iter(of(ParameterKind.PATH_REST)), None),
        named={slot.alias: slot for slot in of(ParameterKind.NAMED)},
        deep_objects={slot.alias: slot for slot in of(ParameterKind.DEEP_OBJECT)},
        structured=next(iter(of(ParameterKind.STRUCTURED)), None),
        extra=next(iter(of(ParameterKind.EXTRA)), None),
        request=next(iter(signature.of(ParameterKind.REQUEST)), None),
    )
    _reject_hidden_fields(plan, declaration)
    return plan


def _compile_converter(parameter: Parameter, declaration: Declaration) -> "AnyConverter":
    annotation = parameter.annotation
    try:
        if isinstance(annotation, Hashable):
            return _cached_converter(annotation, format_type(annotation))
        return _create_converter(annotation)
    except Exception as error:  # what msgspec and pydantic raise for a wrong type is their own affair
        raise DeclarationError(
            f"{declaration.where}: the parameter {parameter.name!r} cannot be converted: {error}; "
            "change its annotation."
        ) from error


def _create_converter(annotation: Any) -> "AnyConverter":
    # Loaded with the first parameter: in Lambda the plan of an entry is compiled when that is first called.
    from coworks_async.entries.converters import Converter
    from coworks_async.entries.pydantic_models import PydanticConverter
    from coworks_async.entries.whole import StructuredConverter

    if any(is_pydantic_model(member) for member in union_members(annotation)):
        return PydanticConverter(annotation)
    constraint = find_foreign_constraint(annotation)
    if constraint is not None:
        raise TypeError(f"{constraint!r} would not be looked at; write msgspec.Meta(...), or use a pydantic model")
    return StructuredConverter(annotation) if is_structured(annotation) else Converter(annotation)


@lru_cache(maxsize=1024)
def _cached_converter(annotation: Any, shown: str) -> "AnyConverter":
    """A service has few types and many parameters; `int | str` and `str | int` are equal, but not shown alike."""
    return _create_converter(annotation)


def _reject_hidden_fields(plan: BindingPlan, declaration: Declaration) -> None:
    """On GET, a field of the structured type that another parameter takes away would never be filled."""
    if plan.structured is None or declaration.method != "GET":
        return
    for name in plan.structured.converter.field_names:
        if name in plan.named:
            raise DeclarationError(
                f"{declaration.where}: {name!r} is a parameter and a field of {plan.structured.name!r}, "
                "which both come from the query on a GET; rename one."
            )


JsonDecoder = Callable[[bytes], tuple[Sequence[Any], Mapping[str, Any]]]


def json_decoder(plan: BindingPlan) -> JsonDecoder | None:
    """Compile the one decoder that reads a JSON body straight into the arguments behind those of the path.

    None where msgspec's strict reading is not all there is to do. For plans that are plain.
    """
    if plan.structured is not None:
        return _structured_decoder(plan, plan.structured)
    slots = list(plan.named.values())
    if not all(slot.converter.allows_strict_json for slot in slots):
        return None
    struct = msgspec.defstruct("Body", [_field(slot) for slot in slots], forbid_unknown_fields=True, kw_only=True)
    decode = msgspec.json.Decoder(struct).decode
    astuple, asdict = msgspec.structs.astuple, msgspec.structs.asdict
    if any(slot.parameter.keyword for slot in slots):
        return lambda body: ((), asdict(decode(body)))
    return lambda body: (astuple(decode(body)), {})


def _structured_decoder(plan: BindingPlan, whole: Slot) -> JsonDecoder | None:
    if not whole.converter.allows_strict_json or any(slot.parameter.required for slot in plan.named.values()):
        return None
    decode = msgspec.json.Decoder(whole.parameter.annotation).decode
    return lambda body: ((), {whole.name: decode(body)})


def _field(slot: Slot) -> tuple[str, Any] | tuple[str, Any, Any]:
    parameter = slot.parameter
    if parameter.required:
        return parameter.name, parameter.annotation, msgspec.field(name=parameter.alias)
    default = parameter.default
    # A factory that gives the very default of the signature, as Python does: msgspec refuses some as plain defaults.
    return parameter.name, parameter.annotation, msgspec.field(default_factory=lambda: default, name=parameter.alias)
