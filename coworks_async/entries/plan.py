"""The plan of an entry: its parameters with their converters, compiled once and followed by each request."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from coworks_async.entries.annotations import foreign_constraint, is_model, is_structured, members, show
from coworks_async.entries.discovery import Declaration
from coworks_async.entries.signature import Kind, Parameter, Signature
from coworks_async.exceptions import DeclarationError

if TYPE_CHECKING:
    from coworks_async.entries.converters import Converter
    from coworks_async.entries.pydantic_models import ModelConverter
    from coworks_async.entries.whole import WholeConverter

    AnyConverter = Converter | WholeConverter | ModelConverter


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


class Plan(msgspec.Struct, frozen=True):
    """What a request's values go to.

    `named` and `gather` are keyed by what a client writes. `rest` is `**kwargs`, `request` the parameter that gets the
    request itself.
    """

    signature: Signature
    path: tuple[Slot, ...]
    tail: Slot | None
    named: Mapping[str, Slot]
    gather: Mapping[str, Slot]
    whole: Slot | None
    rest: Slot | None
    request: Parameter | None

    @property
    def slots(self) -> tuple[Slot, ...]:
        single = (slot for slot in (self.tail, self.whole, self.rest) if slot is not None)
        return (*self.path, *self.named.values(), *self.gather.values(), *single)

    @property
    def reads(self) -> bool:
        """Something may come from the query or from the body."""
        return bool(self.named or self.gather or self.whole or self.rest)

    @property
    def is_plain(self) -> bool:
        """The arguments are the path's, in order, then names."""
        if self.gather or self.rest or self.request or self.tail:
            return False
        kinds = [parameter.kind for parameter in self.signature.parameters]
        return kinds[: len(self.path)] == [Kind.PATH] * len(self.path) and not any(
            parameter.positional for parameter in self.signature.parameters[len(self.path) :]
        )

    @property
    def is_text(self) -> bool:
        """Each value is one string that one function converts."""
        return self.whole is None and all(slot.converter.scalar for slot in self.slots)

    @property
    def exact(self) -> bool:
        """Some number is to be read as it was written."""
        return any(slot.converter.exact for slot in self.slots)

    @property
    def known(self) -> list[str]:
        """The names that a query or a body may hold."""
        whole = self.whole.converter.names if self.whole is not None else []
        return [*self.named, *(f"{alias}[...]" for alias in self.gather), *whole]

    def arguments(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional arguments and those by name; what has no value gets its default."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for parameter in self.signature.parameters:
            if parameter.kind is Kind.TAIL:
                args.extend(values[parameter.name])
            elif parameter.kind is Kind.REST:
                kwargs.update(values[parameter.name])
            elif parameter.keyword:
                kwargs[parameter.name] = values.get(parameter.name, parameter.default)
            else:
                args.append(values.get(parameter.name, parameter.default))
        return args, kwargs


def compile_plan(declaration: Declaration, signature: Signature) -> Plan:
    """Compile the converters of an entry.

    Raises:
        DeclarationError: an annotation is not one that a request can be converted to, or a name is taken twice.
    """
    slots = {
        parameter.name: Slot(parameter, _converter(parameter, declaration))
        for parameter in signature.parameters
        if parameter.kind is not Kind.REQUEST
    }

    def of(kind: Kind) -> tuple[Slot, ...]:
        return tuple(slots[parameter.name] for parameter in signature.of(kind))

    plan = Plan(
        signature=signature,
        path=of(Kind.PATH),
        tail=next(iter(of(Kind.TAIL)), None),
        named={slot.alias: slot for slot in of(Kind.NAMED)},
        gather={slot.alias: slot for slot in of(Kind.GATHER)},
        whole=next(iter(of(Kind.WHOLE)), None),
        rest=next(iter(of(Kind.REST)), None),
        request=next(iter(signature.of(Kind.REQUEST)), None),
    )
    _refuse_hidden(plan, declaration)
    return plan


def _converter(parameter: Parameter, declaration: Declaration) -> "AnyConverter":
    annotation = parameter.annotation
    try:
        if isinstance(annotation, Hashable):
            return _cached_converter(annotation, show(annotation))
        return _converter_to(annotation)
    except Exception as error:  # what msgspec and pydantic raise for a wrong type is their own affair
        raise DeclarationError(
            f"{declaration.where}: the parameter {parameter.name!r} cannot be converted: {error}; "
            "change its annotation."
        ) from error


def _converter_to(annotation: Any) -> "AnyConverter":
    # Loaded with the first parameter: in Lambda the plan of an entry is compiled when that is first called.
    from coworks_async.entries.converters import Converter
    from coworks_async.entries.pydantic_models import ModelConverter
    from coworks_async.entries.whole import WholeConverter

    if any(is_model(member) for member in members(annotation)):
        return ModelConverter(annotation)
    constraint = foreign_constraint(annotation)
    if constraint is not None:
        raise TypeError(f"{constraint!r} would not be looked at; write msgspec.Meta(...), or use a pydantic model")
    return WholeConverter(annotation) if is_structured(annotation) else Converter(annotation)


@lru_cache(maxsize=1024)
def _cached_converter(annotation: Any, shown: str) -> "AnyConverter":
    """A service has few types and many parameters; `int | str` and `str | int` are equal, but not shown alike."""
    return _converter_to(annotation)


def _refuse_hidden(plan: Plan, declaration: Declaration) -> None:
    """On GET, a field of the structured type that another parameter takes away would never be filled."""
    if plan.whole is None or declaration.method != "GET":
        return
    for name in plan.whole.converter.names:
        if name in plan.named:
            raise DeclarationError(
                f"{declaration.where}: {name!r} is a parameter and a field of {plan.whole.name!r}, "
                "which both come from the query on a GET; rename one."
            )


Decode = Callable[[bytes], tuple[Sequence[Any], Mapping[str, Any]]]


def json_decoder(plan: Plan) -> Decode | None:
    """Compile the one decoder that reads a JSON body straight into the arguments behind those of the path.

    None where msgspec's strict reading is not all there is to do. For plans that are plain.
    """
    if plan.whole is not None:
        return _whole_decoder(plan, plan.whole)
    slots = list(plan.named.values())
    if not all(slot.converter.trusted for slot in slots):
        return None
    struct = msgspec.defstruct("Body", [_field(slot) for slot in slots], forbid_unknown_fields=True, kw_only=True)
    decode = msgspec.json.Decoder(struct).decode
    astuple, asdict = msgspec.structs.astuple, msgspec.structs.asdict
    if any(slot.parameter.keyword for slot in slots):
        return lambda body: ((), asdict(decode(body)))
    return lambda body: (astuple(decode(body)), {})


def _whole_decoder(plan: Plan, whole: Slot) -> Decode | None:
    if not whole.converter.trusted or any(slot.parameter.required for slot in plan.named.values()):
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
