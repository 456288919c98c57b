"""Bind: from what a request brings to the arguments of its entry.

Nothing that a client sends is dropped: each name is bound or is a fault, and one answer lists all the faults. What is
plain takes a short road (one decoder, or one loop over strings); where that road fails, or does not lead, the long one
binds value by value and says what is wrong.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import MsgspecError
from starlette.types import Receive, Scope, Send

from coworks_async.entries.plan import Plan, json_decoder
from coworks_async.entries.signature import REQUIRED
from coworks_async.exceptions import Fault, Invalid, Problem
from coworks_async.pipeline.binding import Binding
from coworks_async.pipeline.body import NO_BODY, Body, may_have_body, parse_body, read_body, too_deep
from coworks_async.pipeline.limits import Limits
from coworks_async.pipeline.query import parse_query, parse_single
from coworks_async.pipeline.request import request_of

Arguments = tuple[list[Any], Mapping[str, Any]]
Bind = Callable[[Scope, Receive, Send], Awaitable[Arguments]]

_NOTHING: dict[str, Any] = {}


def binder(plan: Plan, method: str, limits: Limits) -> Bind:
    """Return the binder of an entry: the shortest road that its plan allows."""
    long = long_binder(plan, method, limits)
    if not plan.is_plain:
        return long
    if method == "GET":
        return text_binder(plan, long) if plan.is_text else long
    return json_binder(plan, limits, long)


def text_binder(plan: Plan, long: Bind) -> Bind:
    """Bind strings alone: those of the path and of a query that gives each name once."""
    path = [(slot.name, slot.converter.scalar) for slot in plan.path]
    named = [(slot.alias, slot.name, slot.converter.scalar, slot.parameter.default) for slot in plan.named.values()]

    def convert(scope: Scope) -> Arguments | None:
        query = parse_single(scope["query_string"]) if scope["query_string"] else _NOTHING
        if query is None:
            return None
        values = scope["path_params"]
        kwargs: dict[str, Any] = {}
        taken = 0
        for alias, name, converter, default in named:
            raw = query.get(alias)
            if raw is not None:
                kwargs[name] = converter(raw)
                taken += 1
            elif default is REQUIRED:
                return None
        if taken != len(query):
            return None
        return [converter(values[name]) for name, converter in path], kwargs

    async def bind(scope: Scope, receive: Receive, send: Send) -> Arguments:
        if not may_have_body(scope):
            try:
                arguments = convert(scope)
            except (MsgspecError, UnicodeDecodeError):
                arguments = None
            if arguments is not None:
                return arguments
        return await long(scope, receive, send)

    return bind


def json_binder(plan: Plan, limits: Limits, long: Bind) -> Bind:
    """Bind a JSON body by the one decoder of the plan, beside a path of strings."""
    decode = json_decoder(plan)
    if decode is None or not all(slot.converter.scalar for slot in plan.path):
        return long
    path = [(slot.name, slot.converter.scalar) for slot in plan.path]

    async def bind(scope: Scope, receive: Receive, send: Send) -> Arguments:
        if not scope["query_string"] and _is_json(scope):
            body = await read_body(scope, receive, limits)
            if body:
                values = scope["path_params"]
                try:
                    return [converter(values[name]) for name, converter in path], decode(body)
                except (MsgspecError, UnicodeDecodeError, RecursionError):
                    pass  # the long road says what is wrong
        return await long(scope, receive, send)

    return bind


def _is_json(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if (name == b"content-type" and value != b"application/json") or name == b"content-encoding":
            return False
    return True


def long_binder(plan: Plan, method: str, limits: Limits) -> Bind:
    """Return the binder that takes any request, and tells all that is wrong with one."""

    async def bind(scope: Scope, receive: Receive, send: Send) -> Arguments:
        query = parse_query(scope["query_string"])
        body = NO_BODY if method == "GET" else await _body(plan, scope, receive, send, limits)
        binding = Binding(plan, query, body)
        if (
            method == "GET"
            and plan.request is None
            and may_have_body(scope)
            and await read_body(scope, receive, limits)
        ):
            binding.faults.append(Fault("body", "", "nothing", f"A {scope['method']} takes no body"))
        try:
            binding.bind(scope["path_params"], from_query=method == "GET")
        except RecursionError:
            raise too_deep() from None
        if binding.faults:
            raise Invalid(binding.faults)
        if plan.request is not None:
            binding.values[plan.request.name] = request_of(scope, receive, send)
        return plan.arguments(binding.values)

    return bind


async def _body(plan: Plan, scope: Scope, receive: Receive, send: Send, limits: Limits) -> Body:
    """Take the body apart; that of an entry which reads for itself is left alone, or at least not judged."""
    if plan.request is None:
        return await parse_body(scope, receive, send, limits, exact=plan.exact)
    if not plan.reads:
        return NO_BODY
    try:
        return await parse_body(scope, receive, send, limits, exact=plan.exact)
    except Problem as problem:
        if problem.status_code == 413:
            raise
        return NO_BODY
