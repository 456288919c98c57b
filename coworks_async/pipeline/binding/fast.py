"""Fast binding of plain requests: one decoder for JSON, or one loop over strings. The rest goes to full binding."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from coworks_async.entries.plan import BindingPlan, JsonDecoder, compile_json_decoder
from coworks_async.entries.signature import REQUIRED
from coworks_async.pipeline.body import LARGE, Limits, convert_large, is_plain_json, may_have_body, read_body

if TYPE_CHECKING:
    from coworks_async.pipeline.binding.headers import AddHeaders

Arguments = tuple[Sequence[Any], Mapping[str, Any]]
"""Positional and keyword arguments of an entry."""

Bind = Callable[[Scope, Receive, Send], Awaitable[Arguments]]
BindSync = Callable[[Scope], Arguments | None]


class Binder(Struct, frozen=True):
    """Binds requests to the arguments of one entry."""

    bind_sync: BindSync | None  # returns None if `bind` is needed
    bind: Bind


def create_binder(plan: BindingPlan, method: str, limits: Limits) -> Binder:
    bind = create_full_bind(plan, method, limits)
    if not plan.is_positional:
        return Binder(None, bind)
    add_headers: AddHeaders | None = None
    if plan.headers_and_cookies:
        # Lambda cold start: few entries need it.
        from coworks_async.pipeline.binding.headers import create_header_binder

        add_headers = create_header_binder(plan, limits)
    if method != "GET":
        return Binder(None, _create_json_bind(plan, limits, bind, add_headers))
    if plan.slots and not plan.is_scalar:
        return Binder(None, bind)
    bind_sync = _create_scalar_bind(plan) if plan.slots else _bind_nothing
    return Binder(bind_sync if add_headers is None else _with_headers(bind_sync, add_headers), bind)


def _bind_nothing(scope: Scope) -> Arguments | None:
    return None if scope["query_string"] or may_have_body(scope) else ((), {})


def _with_headers(bind_sync: BindSync, add_headers: "AddHeaders") -> BindSync:
    def bind_with_headers(scope: Scope) -> Arguments | None:
        bound = bind_sync(scope)
        try:
            return None if bound is None else add_headers(scope, *bound)
        except ValueError:
            return None  # full binding reports the errors

    return bind_with_headers


def _create_scalar_bind(plan: BindingPlan) -> BindSync:
    """Bind path segments and query values in one pass. A bit mask records which parameters have a value."""
    slots = [*plan.path, *plan.named.values()]
    path = [(index, slot.name, slot.converter.parse_string) for index, slot in enumerate(plan.path)]
    named = {slot.alias: (1 << index, index, slot.converter.parse_string) for index, slot in enumerate(slots)}
    defaults = [slot.default for slot in slots]
    path_mask = (1 << len(path)) - 1
    required_mask = sum(1 << index for index, default in enumerate(defaults) if default is REQUIRED) & ~path_mask
    keywords = [slot.name for slot in slots if slot.keyword_only]

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
        if not keywords:
            return args, {}
        return args[: -len(keywords)], dict(zip(keywords, args[-len(keywords) :], strict=True))

    return bind_sync


def _create_json_bind(plan: BindingPlan, limits: Limits, bind_fully: Bind, add_headers: "AddHeaders | None") -> Bind:
    """Bind a JSON body with one decoder, and path segments and headers."""
    decode = compile_json_decoder(plan)
    if decode is None or not all(slot.converter.parse_string for slot in plan.path):
        return bind_fully
    path = [(slot.name, slot.converter.parse_string) for slot in plan.path]

    async def bind(scope: Scope, receive: Receive, send: Send) -> Arguments:
        if not scope["query_string"] and is_plain_json(scope):
            body = await read_body(scope, receive, limits)
            if body:
                try:
                    if LARGE in scope:
                        args, kwargs = await convert_large(scope, _decode_large, decode, body, limits)
                    else:
                        args, kwargs = decode(body)
                    if path:
                        values = scope["path_params"]
                        args = (*[convert(values[name]) for name, convert in path], *args)
                    return (args, kwargs) if add_headers is None else add_headers(scope, args, kwargs)
                except (ValueError, RecursionError):
                    pass  # full binding reports the errors
        return await bind_fully(scope, receive, send)

    return bind


def _decode_large(decode: JsonDecoder, body: bytes, limits: Limits) -> Arguments:
    limits.check_items(body)
    return decode(body)


def create_full_bind(plan: BindingPlan, method: str, limits: Limits) -> Bind:
    async def bind(scope: Scope, receive: Receive, send: Send) -> Arguments:
        from coworks_async.pipeline.binding.full import bind_request  # Lambda cold start: plain requests do not need it

        return await bind_request(plan, method, limits, scope, receive, send)

    return bind
