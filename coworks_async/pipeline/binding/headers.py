"""Read the headers and cookies of parameters, and bind them next to fast binding."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import ValidationError
from starlette.requests import cookie_parser
from starlette.types import Scope

from coworks_async.entries.plan import BindingPlan, Slot
from coworks_async.entries.signature import HEADER_AND_COOKIE_KINDS, ParameterKind
from coworks_async.pipeline.body import Limits

AddHeaders = Callable[[Scope, Sequence[Any], Mapping[str, Any]], tuple[Sequence[Any], Mapping[str, Any]]]
"""Adds headers and cookies to the other arguments of an entry, given by position and by name."""


def read_values(slot: Slot, scope: Scope) -> list[str] | None:
    """Return the values that a client sent for a header or a cookie; None if it sent no such header or cookie.

    Where the type takes only a list, a header is split at commas: some gateways join repeated headers
    (RFC 9110, section 5.3).
    """
    if slot.kind is ParameterKind.COOKIE:
        return _read_cookie(slot.alias, scope)
    name = slot.alias.lower().encode("ascii")
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    if slot.converter.requires_array and values:
        return [item.strip() for value in values for item in value.split(",") if item.strip()]
    return values or None


def _read_cookie(name: str, scope: Scope) -> list[str] | None:
    values = []
    for key, header in scope["headers"]:
        if key == b"cookie":
            # One at a time, because the parser keeps only the last cookie of a name.
            for pair in header.decode("latin-1").split(";"):
                cookie = cookie_parser(pair)
                if name in cookie:
                    values.append(cookie[name])
    return values or None


def create_header_binder(plan: BindingPlan, limits: Limits) -> AddHeaders:
    """Compile the binding of headers and cookies. The result has all arguments by name."""
    names = [
        parameter.name
        for parameter in plan.signature.parameters
        if parameter.kind not in HEADER_AND_COOKIE_KINDS and not parameter.keyword_only
    ]
    slots = [(slot, slot.converter.parse_string) for slot in plan.headers_and_cookies]

    def add_headers(
        scope: Scope, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Sequence[Any], dict[str, Any]]:
        arguments = {**dict(zip(names, args, strict=False)), **kwargs}
        for slot, parse_string in slots:
            values = read_values(slot, scope)
            if values is not None:
                if slot.converter.count_hashed is not None:
                    limits.check_hashed_items(slot.converter.count_hashed(values))
                is_plain = parse_string is not None and len(values) == 1
                arguments[slot.name] = parse_string(values[0]) if is_plain else slot.converter.from_strings(values)
            elif slot.required:
                raise ValidationError("Missing")
        return (), arguments

    return add_headers
