"""Fast binding of plain requests: one decoder for JSON, or one loop over strings.

Whatever fast binding cannot handle goes to full binding, which also reports errors.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from coworks_async.entries.plan import BindingPlan, compile_json_decoder
from coworks_async.entries.signature import REQUIRED
from coworks_async.pipeline.body import Limits, is_plain_json, may_have_body, read_body

Arguments = tuple[Sequence[Any], Mapping[str, Any]]
"""Positional and keyword arguments of an entry."""

Bind = Callable[[Scope, Receive, Send], Awaitable[Arguments]]
BindSync = Callable[[Scope], Arguments | None]


class Binder(Struct, frozen=True):
    """Binds requests to the arguments of one entry.

    Attributes:
        bind_sync: binds without waiting; returns None if `bind` is needed.
        bind: binds any request.
    """

    bind_sync: BindSync | None
    bind: Bind


def create_binder(plan: BindingPlan, method: str, limits: Limits) -> Binder:
    """Create the fastest binder that a plan allows."""
    bind = full_binding(plan, method, limits)
    if not plan.is_positional:
        return Binder(None, bind)
    if method != "GET":
        return Binder(None, _json_binding(plan, limits, bind))
    if not plan.slots:
        return Binder(_bind_nothing, bind)
    return Binder(_scalar_binding(plan) if plan.is_scalar else None, bind)


_NO_ARGUMENTS: Arguments = ((), {})


def _bind_nothing(scope: Scope) -> Arguments | None:
    return None if scope["query_string"] or may_have_body(scope) else _NO_ARGUMENTS


def _scalar_binding(plan: BindingPlan) -> BindSync:
    """Bind path segments and query values in one pass. A bit mask records which parameters have a value."""
    slots = [*plan.path, *plan.named.values()]
    path = [(index, slot.name, slot.converter.parse_string) for index, slot in enumerate(plan.path)]
    named = {slot.alias: (1 << index, index, slot.converter.parse_string) for index, slot in enumerate(slots)}
    defaults = [slot.parameter.default for slot in slots]
    path_mask = (1 << len(path)) - 1
    required_mask = sum(1 << index for index, default in enumerate(defaults) if default is REQUIRED) & ~path_mask
    keywords = [slot.name for slot in slots if slot.parameter.keyword_only]

    def bind_sync(scope: Scope) -> Arguments | None:
        query_string, values = scope["query_string"], scope["path_params"]
        if may_have_body(scope):
            return None
        args = defaults.copy()
        seen = path_mask
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
        if seen & required_mask != required_mask:
            return None
        return (args, _NO_KEYWORDS) if not keywords else _split_keywords(args, keywords)

    return bind_sync


_NO_KEYWORDS: dict[str, Any] = {}


def _split_keywords(args: list[Any], keywords: list[str]) -> Arguments:
    return args[: -len(keywords)], dict(zip(keywords, args[-len(keywords) :], strict=True))


def _json_binding(plan: BindingPlan, limits: Limits, bind_fully: Bind) -> Bind:
    """Bind a JSON body with one decoder, and path segments."""
    decode = compile_json_decoder(plan)
    if decode is None or not all(slot.converter.parse_string for slot in plan.path):
        return bind_fully
    path = [(slot.name, slot.converter.parse_string) for slot in plan.path]

    async def bind(scope: Scope, receive: Receive, send: Send) -> Arguments:
        if not scope["query_string"] and is_plain_json(scope):
            body = await read_body(scope, receive, limits)
            if body:
                try:
                    args, kwargs = decode(body)
                    if path:
                        values = scope["path_params"]
                        args = (*[convert(values[name]) for name, convert in path], *args)
                    return args, kwargs
                except (ValueError, RecursionError):
                    pass  # full binding reports the errors
        return await bind_fully(scope, receive, send)

    return bind


def full_binding(plan: BindingPlan, method: str, limits: Limits) -> Bind:
    async def bind(scope: Scope, receive: Receive, send: Send) -> Arguments:
        from coworks_async.pipeline.binding.full import bind_request  # Lambda cold start: plain requests need none

        return await bind_request(plan, method, limits, scope, receive, send)

    return bind
