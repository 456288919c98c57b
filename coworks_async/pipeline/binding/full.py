"""The long road of binding: value by value, with all that is wrong.

Each step takes what is its own out of the query and the body; what is left at the end is refused.
"""

from collections.abc import Callable
from typing import Any

from msgspec import ValidationError
from starlette.types import Receive, Scope, Send

from coworks_async.entries.converters import field_error, unknown_name_errors
from coworks_async.entries.plan import BindingPlan, Slot
from coworks_async.exceptions import ErrorLocation, FieldError, Problem, UnprocessableContent, UnsupportedMediaType
from coworks_async.pipeline.body import may_have_body, read_body
from coworks_async.pipeline.invocation import invocation_type_error
from coworks_async.pipeline.limits import Limits
from coworks_async.pipeline.parse import NO_BODY, Body, BodyKind, nesting_error, parse_body
from coworks_async.pipeline.query import parse_query
from coworks_async.pipeline.request import get_request


async def bind_request(
    plan: BindingPlan, method: str, limits: Limits, scope: Scope, receive: Receive, send: Send
) -> tuple[list[Any], dict[str, Any]]:
    """Bind a request, whatever it brings, and return the arguments of its entry.

    Raises:
        Invalid: something that was sent is not bound; it names all of that.
        Problem: the body cannot be read.
    """
    query = parse_query(scope["query_string"])
    body, unread = (NO_BODY, None) if method == "GET" else await _body(plan, scope, receive, send, limits)
    binding = RequestBinding(plan, query, body)
    if (refused := invocation_type_error(scope)) is not None:
        binding.errors.append(refused)
    if method == "GET" and plan.request is None and may_have_body(scope) and await read_body(scope, receive, limits):
        binding.errors.append(FieldError("body", "", "nothing", f"A {scope['method']} takes no body"))
    try:
        binding.bind(scope["path_params"], from_query=method == "GET")
    except RecursionError:
        raise nesting_error() from None
    if unread is not None and binding.missing:
        raise unread
    if binding.errors:
        raise UnprocessableContent(binding.errors)
    if plan.request is not None:
        binding.values[plan.request.name] = get_request(scope, receive, send)
    return plan.build_arguments(binding.values)


async def _body(
    plan: BindingPlan, scope: Scope, receive: Receive, send: Send, limits: Limits
) -> tuple[Body, Problem | None]:
    """Take the body apart; for an entry that reads for itself, why it cannot be is told beside, to raise if need be."""
    if plan.request is not None and not plan.reads_input:
        return NO_BODY, None
    try:
        return await parse_body(scope, receive, send, limits, exact=plan.needs_exact_numbers), None
    except Problem as problem:
        if plan.request is None or problem.status_code == 413:
            raise
        return NO_BODY, problem


class RequestBinding:
    """One request being bound: the values so far, what is left to bind, and what is wrong."""

    def __init__(self, plan: BindingPlan, query: dict[str, list[str]], body: Body) -> None:
        self.plan = plan
        self.query = query
        self.body = body
        self.left = dict(body.names)
        self.values: dict[str, Any] = {}
        self.errors: list[FieldError] = []

    def bind(self, path: dict[str, str], *, from_query: bool) -> None:
        """Take the steps; on a GET the structured parameter has what the named ones leave, else the body is its own."""
        self.bind_path(path)
        if self.plan.structured is None:
            self.reject_duplicates()
        if not from_query:
            self.bind_structured(from_query=False)
        self.bind_raw_body()
        self.bind_named()
        self.bind_deep_objects()
        if from_query:
            self.bind_structured(from_query=True)
        self.bind_extra()

    @property
    def missing(self) -> bool:
        """Whether a parameter that must come has not come."""
        return any(slot.parameter.required and slot.name not in self.values for slot in self.plan.slots)

    def convert(self, slot: Slot, where: ErrorLocation, name: str, convert: Callable[[Any], Any], raw: Any) -> Any:
        """Convert one value; a failure is a fault."""
        try:
            return convert(raw)
        except ValidationError as error:
            self.errors.append(field_error(where, name, slot.expected, error))
            return None

    def bind_path(self, values: dict[str, str]) -> None:
        """Bind the parameters of the path."""
        for slot in self.plan.path:
            raw = [values[slot.name]]
            self.values[slot.name] = self.convert(slot, "path", slot.name, slot.converter.from_strings, raw)
        if (tail := self.plan.path_rest) is not None:
            rest = values[tail.name].split("/") if values[tail.name] else []
            self.values[tail.name] = [
                self.convert(tail, "path", tail.name, tail.converter.from_strings, [segment]) for segment in rest
            ]

    def reject_duplicates(self) -> None:
        """Refuse the names that stand in the query and in the body, where something takes them."""
        for name in [name for name in self.query if name in self.left]:
            slot = self.slot_for(name)
            if slot is None:
                continue
            self._reject_duplicate(slot, name)
            del self.left[name]

    def _reject_duplicate(self, slot: Slot, name: str) -> None:
        self.errors.append(FieldError("query", name, slot.expected, "Given in the query and in the body"))
        del self.query[name]
        self.values[slot.name] = None

    def slot_for(self, name: str) -> Slot | None:
        """Return what takes a name of the query or of the body."""
        gather = (slot for alias, slot in self.plan.deep_objects.items() if _is_bracketed(name, alias))
        return self.plan.named.get(name) or next(gather, self.plan.extra)

    def bind_raw_body(self) -> None:
        """Bind a body without names to the one parameter that can take it."""
        if self.body.form not in (BodyKind.VALUE, BodyKind.TEXT, BodyKind.BYTES):
            return
        whole = self.plan.structured
        slots = [whole] if whole is not None else [s for s in self.plan.named.values() if s.alias not in self.query]
        if self.body.form is BodyKind.VALUE:
            self._bind_json_value(slots)
            return
        takers = self._slots_accepting(slots)
        if len(takers) != 1 and self._reads_itself:
            return
        if not takers and whole is None and (given := self._slots_accepting(list(self.plan.named.values()))):
            for slot in given:
                self._reject_duplicate(slot, slot.alias)
        elif len(takers) != 1:
            which = "More than one" if takers else "No"
            raise UnsupportedMediaType(f"{which} parameter of this entry can be read from {self.body.media_type}.")
        else:
            self._bind_raw(takers[0])

    def _bind_raw(self, slot: Slot) -> None:
        try:
            raw = self.body.text if self._accepts_as_text(slot) else self.body.raw
        except Problem:
            if self.plan.request is None or slot.parameter.required:
                raise
            return  # the entry reads for itself what is not in the charset that it says
        self.values[slot.name] = self.convert(slot, "body", slot.alias, slot.converter.from_body, raw)

    def _slots_accepting(self, slots: list[Slot]) -> list[Slot]:
        """Return what can take a body of text or of bytes as it came."""
        texts = [slot for slot in slots if self._accepts_as_text(slot)]
        return texts or [slot for slot in slots if slot.converter.accepts_bytes]

    def _accepts_as_text(self, slot: Slot) -> bool:
        return bool(slot.converter.accepts_text) and self.body.form is BodyKind.TEXT

    @property
    def _reads_itself(self) -> bool:
        """Whether a body that no parameter takes is the entry's own affair."""
        return self.plan.request is not None and self.plan.structured is None

    def _bind_json_value(self, slots: list[Slot]) -> None:
        takers = []
        for slot in slots:
            try:
                takers.append((slot, slot.converter.from_json(self.body.value)))
            except ValidationError as error:
                only = field_error("body", "" if slot is self.plan.structured else slot.alias, slot.expected, error)
        if len(takers) == 1:
            slot, self.values[slot.name] = takers[0]
        elif self._reads_itself:
            return
        elif len(slots) == 1:
            self.errors.append(only)
            self.values[slots[0].name] = None
        else:
            why = "More than one parameter could take it" if takers else "No parameter can take it"
            self.errors.append(FieldError("body", "", "a JSON object", why))

    def bind_named(self) -> None:
        """Bind the parameters that have a name of their own."""
        for alias, slot in self.plan.named.items():
            if slot.name in self.values:
                continue
            if alias in self.query or alias in self.left:
                self.values[slot.name] = self._take(slot, alias)
            elif slot.parameter.required:
                by_query = self.body is NO_BODY or self.plan.structured is not None
                where: ErrorLocation = "query" if by_query and not slot.converter.accepts_file else "body"
                self.errors.append(FieldError(where, alias, slot.expected, "Missing"))

    def bind_deep_objects(self) -> None:
        """Bind the parameters that take all of name[...], each as a dict."""
        for alias, slot in self.plan.deep_objects.items():
            raw: dict[str, Any] = {}
            where: ErrorLocation = "query"
            count = len(self.errors)
            for source, text in ((self.query, True), (self.left, self.body.form is BodyKind.FIELDS)):
                for name in [name for name in source if _is_bracketed(name, alias)]:
                    value: Any = source.pop(name)
                    where = "query" if source is self.query else "body"
                    if text:
                        value = self.convert(slot, where, name, slot.converter.value_converter.unwrap_single, value)
                    raw[name[len(alias) + 1 : -1]] = value
            if len(self.errors) > count:
                continue
            if raw:
                self.values[slot.name] = self.convert(slot, where, alias, slot.converter.from_json, raw)
            elif slot.parameter.required and slot.name not in self.values:
                self.errors.append(FieldError("query", f"{alias}[...]", slot.expected, "Missing"))

    def bind_structured(self, *, from_query: bool) -> None:
        """Bind the parameter that takes the whole body, or the whole query."""
        slot = self.plan.structured
        if slot is None:
            return
        if from_query:
            raw, text, where = dict(self.query), True, "query"
            self.query.clear()
            if not raw and not slot.parameter.required:
                return
        elif self.body is NO_BODY:
            if slot.parameter.required:
                self.errors.append(FieldError("body", "", slot.expected, "Missing"))
            return
        elif self.body.form in (BodyKind.OBJECT, BodyKind.FIELDS):
            raw, text, where = dict(self.body.names), self.body.form is BodyKind.FIELDS, "body"
            self.left.clear()
        else:
            return
        value, errors = slot.converter.from_fields(raw, where, is_form=text)
        self.values[slot.name] = value
        self.errors += errors

    def bind_extra(self) -> None:
        """Give what is left to `**kwargs`, or refuse it, but to an entry that reads for itself."""
        slot = self.plan.extra
        if slot is None:
            if self.plan.request is None:
                self.errors += unknown_name_errors("query", self.query, self.plan.accepted_names)
                self.errors += unknown_name_errors("body", self.left, self.plan.accepted_names)
            return
        kept: dict[str, Any] = {}
        signature = self.plan.signature
        reserved = {"self", signature.receiver, *(parameter.name for parameter in signature.parameters)} - {slot.name}
        for name in [*self.query, *self.left]:
            if name in reserved:
                where: ErrorLocation = "query" if name in self.query else "body"
                self.errors.append(FieldError(where, name, "nothing", "The name of another parameter"))
            else:
                kept[name] = self._take(slot, name)
        self.values[slot.name] = kept

    def _take(self, slot: Slot, name: str) -> Any:
        if name in self.query:
            return self.convert(slot, "query", name, slot.converter.from_strings, self.query.pop(name))
        text = self.body.form is BodyKind.FIELDS
        convert = slot.converter.from_strings if text else slot.converter.from_json
        return self.convert(slot, "body", name, convert, self.left.pop(name))


def _is_bracketed(name: str, alias: str) -> bool:
    inner = name[len(alias) + 1 : -1]
    return name == f"{alias}[{inner}]" and inner != "" and "[" not in inner and "]" not in inner
