"""Bind: from what a request brings to the arguments of its entry.

Nothing that a client sends is dropped: each name is bound or is a fault, and one answer lists all the faults. What is
plain takes a short road (one decoder, or one loop over strings); where that road fails, or does not lead, the long one
binds value by value and says what is wrong.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from coworks_async.entries.plan import BindingPlan, compile_json_decoder
from coworks_async.entries.signature import REQUIRED
from coworks_async.pipeline.body import is_plain_json, may_have_body, receive_body
from coworks_async.pipeline.limits import Limits

Arguments = tuple[Sequence[Any], Mapping[str, Any]]
Bind = Callable[[Scope, Receive, Send], Awaitable[Arguments]]
BindSync = Callable[[Scope], Arguments | None]


class Binder(Struct, frozen=True):
    """How an entry is bound.

    `now` binds what needs no waiting, or returns None; then, or where it is None itself, `bind` takes any request.
    """

    now: BindSync | None
    bind: Bind


def binder(plan: BindingPlan, method: str, limits: Limits) -> Binder:
    """Return the binder of an entry: the shortest road that its plan allows, before the long one."""
    long = full_binder(plan, method, limits)
    if not plan.is_positional:
        return Binder(None, long)
    if method != "GET":
        return Binder(None, json_binder(plan, limits, long))
    if not plan.slots:
        return Binder(bind_empty, long)
    return Binder(scalar_binder(plan) if plan.is_scalar else None, long)


_NO_ARGUMENTS: Arguments = ((), {})


def bind_empty(scope: Scope) -> Arguments | None:
    """Bind nothing, where nothing was sent."""
    return None if scope["query_string"] or may_have_body(scope) else _NO_ARGUMENTS


def scalar_binder(plan: BindingPlan) -> BindSync:
    """Bind strings alone: those of the path and of a query that gives each name once, in one pass over it."""
    slots = [*plan.path, *plan.named.values()]
    path = [(index, slot.name, slot.converter.parse_string) for index, slot in enumerate(plan.path)]
    named = {slot.alias: (1 << index, index, slot.converter.parse_string) for index, slot in enumerate(slots)}
    defaults = [slot.parameter.default for slot in slots]
    required = (
        sum(1 << index for index, default in enumerate(defaults) if default is REQUIRED) >> len(path) << len(path)
    )
    keywords = [slot.name for slot in slots if slot.parameter.keyword_only]
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
        return (args, _NO_KEYWORDS) if not keywords else split_keywords(args, keywords)

    return bind_text


_NO_KEYWORDS: dict[str, Any] = {}


def split_keywords(args: list[Any], keywords: list[str]) -> Arguments:
    """Split the last arguments off, which are passed by name."""
    return args[: -len(keywords)], dict(zip(keywords, args[-len(keywords) :], strict=True))


def json_binder(plan: BindingPlan, limits: Limits, long: Bind) -> Bind:
    """Bind a JSON body by the one decoder of the plan, beside a path of strings."""
    decode = compile_json_decoder(plan)
    if decode is None or not all(slot.converter.parse_string for slot in plan.path):
        return long
    path = [(slot.name, slot.converter.parse_string) for slot in plan.path]

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


def full_binder(plan: BindingPlan, method: str, limits: Limits) -> Bind:
    """Return the binder that takes any request, and tells all that is wrong with one."""

    async def bind(scope: Scope, receive: Receive, send: Send) -> Arguments:
        # What a container's first requests may never need is not loaded before (a tenth of all that is ours).
        from coworks_async.pipeline.binding.full import bind_request

        return await bind_request(plan, method, limits, scope, receive, send)

    return bind
