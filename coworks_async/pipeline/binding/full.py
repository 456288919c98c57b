"""Bind value by value and collect every error. Names in the query and the body that no step takes are rejected."""

from collections.abc import Callable
from typing import Any

from msgspec import ValidationError
from starlette.types import Receive, Scope, Send

from coworks_async.entries.converters import field_error, unknown_name_errors
from coworks_async.entries.plan import BindingPlan, Slot
from coworks_async.entries.signature import ParameterKind
from coworks_async.exceptions import ErrorLocation, FieldError, Problem, UnprocessableContent, UnsupportedMediaType
from coworks_async.pipeline.binding.headers import read_values
from coworks_async.pipeline.body import LARGE, Limits, convert_large, may_have_body, read_checked_body
from coworks_async.pipeline.invocation import invocation_type_error
from coworks_async.pipeline.parse import JSON_HINT, NO_BODY, Body, BodyKind, nesting_error, parse_body, parse_query
from coworks_async.pipeline.request import get_request


async def bind_request(
    plan: BindingPlan, method: str, limits: Limits, scope: Scope, receive: Receive, send: Send
) -> tuple[list[Any], dict[str, Any]]:
    """Bind any request and return positional and keyword arguments. One `UnprocessableContent` lists all errors."""
    query = parse_query(scope["query_string"])
    body, body_problem = (NO_BODY, None) if method == "GET" else await _parse_body(plan, scope, receive, send, limits)
    binding = RequestBinding(plan, query, body, limits)
    if (error := invocation_type_error(scope)) is not None:
        binding.errors.append(error)
    may_be_rejected = method == "GET" and plan.request is None and may_have_body(scope)
    if may_be_rejected and await read_checked_body(scope, receive, limits):
        binding.errors.append(FieldError("body", "", "nothing", f"A {scope['method']} request has no body"))
    try:
        if LARGE in scope:
            await convert_large(scope, binding.bind, scope["path_params"], method == "GET")
        else:
            binding.bind(scope["path_params"], method == "GET")
    except RecursionError:
        raise nesting_error() from None
    binding.bind_headers(scope)
    if body_problem is not None and binding.is_incomplete:
        raise body_problem
    if binding.errors:
        raise UnprocessableContent(_hide_values(binding.errors) if body.is_bare else binding.errors)
    if plan.request is not None:
        binding.values[plan.request.name] = get_request(scope, receive, send)
    return plan.build_arguments(binding.values)


async def _parse_body(
    plan: BindingPlan, scope: Scope, receive: Receive, send: Send, limits: Limits
) -> tuple[Body, Problem | None]:
    """Parse the body. An entry that takes the request may read any body, so its problem is returned, not raised."""
    if plan.request is not None and not plan.reads_input:
        return NO_BODY, None
    try:
        return await parse_body(scope, receive, send, limits, exact_numbers=plan.needs_exact_numbers), None
    except Problem as problem:
        if plan.request is None or problem.status_code == 413:
            raise
        return NO_BODY, problem


def _hide_values(errors: list[FieldError]) -> list[FieldError]:
    """Replace the unknown names of a form without `=`, which may be values, by one error."""
    known = [error for error in errors if error.where != "body" or error.expected != "nothing"]
    return known if len(known) == len(errors) else [*known, FieldError("body", "", "a form", JSON_HINT)]


class RequestBinding:
    """The binding of one request. `query` and `fields` contain what is not yet bound."""

    def __init__(self, plan: BindingPlan, query: dict[str, list[str]], body: Body, limits: Limits) -> None:
        self.plan = plan
        self.query = query
        self.body = body
        self.limits = limits
        self.hashed_items = 0
        self.fields = dict(body.fields)
        self.values: dict[str, Any] = {}
        self.errors: list[FieldError] = []

    def bind(self, path: dict[str, str], from_query: bool) -> None:
        """Bind all parameters. With `from_query`, the structured one takes what is left of the query at the end."""
        self._bind_path(path)
        if self.plan.structured is None:
            self._reject_duplicates()
        if not from_query:
            self._bind_structured_body()
        self._bind_raw_body()
        self._bind_named()
        self._bind_deep_objects()
        if from_query:
            self._bind_structured_query()
        self._bind_extra()

    def bind_headers(self, scope: Scope) -> None:
        """Bind headers and cookies. Those that no parameter takes are ignored."""
        for slot in self.plan.headers_and_cookies:
            where: ErrorLocation = "header" if slot.kind is ParameterKind.HEADER else "cookie"
            values = read_values(slot, scope)
            if values is not None:
                self.hashed_items = 0  # as in fast binding, each of these parameters is counted on its own
                self.values[slot.name] = self._convert(slot, where, slot.alias, slot.converter.from_strings, values)
            elif slot.required:
                self.errors.append(FieldError(where, slot.alias, slot.expected, "Missing"))

    @property
    def is_incomplete(self) -> bool:
        """Whether a required parameter from path, query or body has no value."""
        return any(slot.required and slot.name not in self.values for slot in self.plan.slots)

    def _convert(self, slot: Slot, where: ErrorLocation, name: str, convert: Callable[[Any], Any], raw: Any) -> Any:
        self._count_hashed(slot, raw)
        try:
            return convert(raw)
        except ValidationError as error:
            self.errors.append(field_error(where, name, slot.expected, error))
            return None

    def _count_hashed(self, slot: Slot, raw: Any) -> None:
        """Check the number of hash keys before a conversion creates them."""
        if slot.converter.count_hashed is not None:
            self.hashed_items += slot.converter.count_hashed(raw)
            self.limits.check_hashed_items(self.hashed_items)

    def _bind_path(self, values: dict[str, str]) -> None:
        for slot in self.plan.path:
            raw = [values[slot.name]]
            self.values[slot.name] = self._convert(slot, "path", slot.name, slot.converter.from_strings, raw)
        if (rest := self.plan.path_rest) is not None:
            segments = values[rest.name].split("/") if values[rest.name] else []
            self.values[rest.name] = [
                self._convert(rest, "path", rest.name, rest.converter.from_strings, [segment]) for segment in segments
            ]

    def _reject_duplicates(self) -> None:
        """Reject names that are in both the query and the body and that a parameter accepts."""
        for name in [name for name in self.query if name in self.fields]:
            deep_objects = (slot for alias, slot in self.plan.deep_objects.items() if _is_bracketed(name, alias))
            slot = self.plan.named.get(name) or next(deep_objects, self.plan.extra)
            if slot is not None:
                self._reject_duplicate(slot, name)
                del self.fields[name]

    def _reject_duplicate(self, slot: Slot, name: str) -> None:
        self.errors.append(FieldError("query", name, slot.expected, "Given in both the query and the body"))
        del self.query[name]
        self.values[slot.name] = None

    def _bind_raw_body(self) -> None:
        """Bind a body that has no fields to the only parameter that accepts it."""
        if self.body.kind not in (BodyKind.VALUE, BodyKind.TEXT, BodyKind.BYTES):
            return
        structured = self.plan.structured
        named = list(self.plan.named.values())
        slots = [slot for slot in named if slot.alias not in self.query] if structured is None else [structured]
        if self.body.kind is BodyKind.VALUE:
            return self._bind_json_value(slots)
        accepting = self._slots_accepting_raw(slots)
        if len(accepting) == 1:
            self._bind_raw(accepting[0])
        elif self._may_ignore_body:
            return
        elif not accepting and structured is None and (given := self._slots_accepting_raw(named)):
            for slot in given:
                self._reject_duplicate(slot, slot.alias)
        else:
            which = "More than one parameter accepts" if accepting else "No parameter accepts"
            is_json = self.body.raw.lstrip()[:1] in (b"{", b"[")
            hint = " Send JSON with the header Content-Type: application/json." if is_json else ""
            raise UnsupportedMediaType(f"{which} {self.body.media_type}.{hint}")

    def _bind_raw(self, slot: Slot) -> None:
        try:
            raw = self.body.text if self._accepts_text(slot) else self.body.raw
        except Problem:
            if self.plan.request is None or slot.required:
                raise
            return
        self.values[slot.name] = self._convert(slot, "body", slot.alias, slot.converter.from_body, raw)

    def _slots_accepting_raw(self, slots: list[Slot]) -> list[Slot]:
        texts = [slot for slot in slots if self._accepts_text(slot)]
        return texts or [slot for slot in slots if slot.converter.accepts_bytes]

    def _accepts_text(self, slot: Slot) -> bool:
        return bool(slot.converter.accepts_text) and self.body.kind is BodyKind.TEXT

    @property
    def _may_ignore_body(self) -> bool:
        """Whether the entry takes the request and may read the body itself."""
        return self.plan.request is not None and self.plan.structured is None

    def _bind_json_value(self, slots: list[Slot]) -> None:
        converted = []
        for slot in slots:
            self._count_hashed(slot, self.body.value)
            try:
                converted.append((slot, slot.converter.from_json(self.body.value)))
            except ValidationError as failure:
                name = "" if slot is self.plan.structured else slot.alias
                error = field_error("body", name, slot.expected, failure)
        if len(converted) == 1:
            slot, self.values[slot.name] = converted[0]
        elif self._may_ignore_body:
            return
        elif len(slots) == 1:
            self.errors.append(error)
            self.values[slots[0].name] = None
        else:
            detail = "More than one parameter accepts it" if converted else "No parameter accepts it"
            self.errors.append(FieldError("body", "", "a JSON object", detail))

    def _bind_named(self) -> None:
        for alias, slot in self.plan.named.items():
            if slot.name in self.values:
                continue
            if alias in self.query or alias in self.fields:
                self.values[slot.name] = self._take(slot, alias)
            elif slot.required:
                is_query = self.body is NO_BODY or self.plan.structured is not None
                where: ErrorLocation = "query" if is_query and not slot.converter.accepts_file else "body"
                self.errors.append(FieldError(where, alias, slot.expected, "Missing"))

    def _bind_deep_objects(self) -> None:
        """Bind each parameter that takes all of name[...] as a dict."""
        for alias, slot in self.plan.deep_objects.items():
            raw: dict[str, Any] = {}
            where: ErrorLocation = "query"
            count = len(self.errors)
            for source, is_text in ((self.query, True), (self.fields, self.body.kind is BodyKind.FIELDS)):
                for name in [name for name in source if _is_bracketed(name, alias)]:
                    value: Any = source.pop(name)
                    where = "query" if source is self.query else "body"
                    if is_text:
                        value = self._convert(slot, where, name, slot.converter.value_converter.unwrap_single, value)
                    raw[name[len(alias) + 1 : -1]] = value
            if len(self.errors) > count:
                continue
            if raw:
                self.values[slot.name] = self._convert(slot, where, alias, slot.converter.from_json, raw)
            elif slot.required and slot.name not in self.values:
                self.errors.append(FieldError("query", f"{alias}[...]", slot.expected, "Missing"))

    def _bind_structured_body(self) -> None:
        slot = self.plan.structured
        if slot is None:
            return
        if self.body is NO_BODY:
            if slot.required:
                self.errors.append(FieldError("body", "", slot.expected, "Missing"))
        elif self.body.kind in (BodyKind.OBJECT, BodyKind.FIELDS):
            self._convert_structured(slot, self.fields, "body", is_text=self.body.kind is BodyKind.FIELDS)

    def _bind_structured_query(self) -> None:
        slot = self.plan.structured
        if slot is not None and (self.query or slot.required):
            self._convert_structured(slot, self.query, "query", is_text=True)

    def _convert_structured(self, slot: Slot, fields: dict[str, Any], where: ErrorLocation, *, is_text: bool) -> None:
        self._count_hashed(slot, fields)
        self.values[slot.name], errors = slot.converter.from_fields(dict(fields), where, is_form=is_text)
        self.errors += errors
        fields.clear()

    def _bind_extra(self) -> None:
        """Bind what is left to `**kwargs`, or reject it unless the entry takes the request."""
        slot = self.plan.extra
        if slot is None:
            if self.plan.request is None:
                self.errors += unknown_name_errors("query", self.query, self.plan.accepted_names)
                self.errors += unknown_name_errors("body", self.fields, self.plan.accepted_names)
            return
        extra: dict[str, Any] = {}
        signature = self.plan.signature
        reserved = {"self", signature.receiver, *(parameter.name for parameter in signature.parameters)} - {slot.name}
        for name in [*self.query, *self.fields]:
            if name in reserved:
                where: ErrorLocation = "query" if name in self.query else "body"
                self.errors.append(FieldError(where, name, "nothing", "The name of another parameter"))
            else:
                extra[name] = self._take(slot, name)
        self.values[slot.name] = extra

    def _take(self, slot: Slot, name: str) -> Any:
        if name in self.query:
            return self._convert(slot, "query", name, slot.converter.from_strings, self.query.pop(name))
        is_text = self.body.kind is BodyKind.FIELDS
        convert = slot.converter.from_strings if is_text else slot.converter.from_json
        return self._convert(slot, "body", name, convert, self.fields.pop(name))


def _is_bracketed(name: str, alias: str) -> bool:
    key = name[len(alias) + 1 : -1]
    return name == f"{alias}[{key}]" and key != "" and "[" not in key and "]" not in key
