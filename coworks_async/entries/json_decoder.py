"""Decode JSON to a type in one pass of msgspec, where that gives the result of a conversion field by field."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect as mi

from coworks_async.entries.coercion import walk_types
from coworks_async.entries.defaults import compile_defaults
from coworks_async.entries.key_check import create_key_type


def create_json_decoder(annotation: Any) -> Callable[[bytes], Any]:
    """Create a decoder that also rejects unknown keys, and sets defaults that msgspec leaves out."""
    info = mi.type_info(annotation)
    decode = msgspec.json.Decoder(annotation).decode
    check = msgspec.json.Decoder(create_key_type(info)).decode
    fill = compile_defaults(walk_types(info))

    def decode_checked(body: bytes) -> Any:
        check(body)
        value = decode(body)
        if fill is not None:
            fill(value)
        return value

    return decode_checked
