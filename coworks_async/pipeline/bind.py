"""Bind: from what a request brings to the arguments of its entry.

Nothing that a client sends is dropped: each name is bound or is a fault, and one answer lists all the faults. What is
plain takes a short road (one decoder, or one loop over strings); where that road fails, or does not lead, the long one
binds value by value and says what is wrong.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from coworks_async.entries.plan import Plan, json_decoder
from coworks_async.entries.signature import REQUIRED
from coworks_async.exceptions import Fault, Invalid, Problem
from coworks_async.pipeline.binding import Binding
from coworks_async.pipeline.body import (
    NO_BODY,
    Body,
    is_plain_json,
    may_have_body,
    parse_body,
    read_body,
    receive_body,
    too_deep,
)
from coworks_async.pipeline.invocation import invocation_fault
from coworks_async.pipeline.limits import Limits
from coworks_async.pipeline.query import parse_query
from coworks_async.pipeline.request import request_of

Arguments = tuple[Sequence[Any], Mapping[str, Any]]
Bind = Callable[[Scope, Receive, Send], Awaitable[Arguments]]
BindNow = Callable[[Scope], Arguments | None]


@dataclass(frozen=True, slots=True)
class Binder:
    """How an entry is bound.

    `now` binds what needs no waiting, or returns None; then, or where it is None itself, `bind` takes any request.
    """

    now: BindNow | None
    bind: Bind


def binder(plan: Plan, method: str, limits: Limits) -> Binder:
    """Return the binder of an entry: the shortest road that its plan allows, before the long one."""
    long = long_binder(plan, method, limits)
    if not plan.is_plain:
        return Binder(None, long)
    if method != "GET":
        return Binder(None, json_binder(plan, limits, long))
    if not plan.slots:
        return Binder(bind_nothing, long)
    return Binder(text_binder(plan) if plan.is_text else None, long)


_NOTHING: Arguments = ((), {})


def bind_nothing(scope: Scope) -> Arguments | None:
    """Bind nothing, where nothing was sent."""
    return None if scope["query_string"] or may_have_body(scope) else _NOTHING


def text_binder(plan: Plan) -> BindNow:
    """Bind strings alone: those of the path and of a query that gives each name once, in one pass over it."""
    slots = [*plan.path, *plan.named.values()]
    path = [(index, slot.name, slot.converter.scalar) for index, slot in enumerate(plan.path)]
    named = {slot.alias: (1 << index, index, slot.converter.scalar) for index, slot in enumerate(slots)}
    defaults = [slot.parameter.default for slot in slots]
    required = (
        sum(1 << index for index, default in enumerate(defaults) if default is REQUIRED) >> len(path) << len(path)
    )
    keywords = [slot.name for slot in slots if slot.parameter.keyword]
    of_path = (1 << len(path)) - 1

    def bind_text(scope: Scope) -> Arguments | None:
        query_string, values = scope["query_string"], scope["path_params"]
        if may_have_body(scope):
            return None
        args = defaults.copy()
        seen = of_path
        try:
            for index, name, convert in path:
                args[index] = convert(values[name])
            query = query_string.decode()
            if "%" in query or "+" in query:
                return None
            for pair in query.split("&") if query else ():
                name, _, value = pair.partition("=")
                bit, index, convert = named[name]
                if seen & bit:
                    return None
                seen |= bit
                args[index] = convert(value)
        except (KeyError, ValueError):
            return None
        if seen & required != required:
            return None
        return (args, _NO_NAMES) if not keywords else split_names(args, keywords)

    return bind_text


_NO_NAMES: dict[str, Any] = {}


def split_names(args: list[Any], keywords: list[str]) -> Arguments:
    """Split the last arguments off, which are passed by name."""
    return args[: -len(keywords)], dict(zip(keywords, args[-len(keywords) :], strict=True))


def json_binder(plan: Plan, limits: Limits, long: Bind) -> Bind:
    """Bind a JSON body by the one decoder of the plan, beside a path of strings."""
    decode = json_decoder(plan)
    if decode is None or not all(slot.converter.scalar for slot in plan.path):
        return long
    path = [(slot.name, slot.converter.scalar) for slot in plan.path]

    async def bind(scope: Scope, receive: Receive, send: Send) -> Arguments:
        if not scope["query_string"] and is_plain_json(scope):
            body = await receive_body(scope, receive, limits)
            if body:
                try:
                    args, kwargs = decode(body)
                    if path:
                        values = scope["path_params"]
                        args = (*[convert(values[name]) for name, convert in path], *args)
                    return args, kwargs
                except (ValueError, RecursionError):
                    pass  # the long road says what is wrong
        return await long(scope, receive, send)

    return bind


def long_binder(plan: Plan, method: str, limits: Limits) -> Bind:
    """Return the binder that takes any request, and tells all that is wrong with one."""

    async def bind(scope: Scope, receive: Receive, send: Send) -> Arguments:
        query = parse_query(scope["query_string"])
        body = NO_BODY if method == "GET" else await _body(plan, scope, receive, send, limits)
        binding = Binding(plan, query, body)
        if (fault := invocation_fault(scope)) is not None:
            binding.faults.append(fault)
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
