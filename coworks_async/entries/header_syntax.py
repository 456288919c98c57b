"""The syntax of header names and values (RFC 9110, sections 5.1 and 5.5)."""

import string

_NAME_OCTETS = (string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode()
_VALUE_OCTETS = bytes([*b"\t", *range(0x20, 0x7F), *range(0x80, 0x100)])


HEADER_NAME_RULE = "Allowed characters: letters, digits and !#$%&'*+-.^_`|~."
"""The end of an error message about a header name."""


def is_header_name(name: object) -> bool:
    return isinstance(name, str) and name.isascii() and is_raw_header_name(name.encode())


def is_header_value(value: object) -> bool:
    try:
        return isinstance(value, str) and is_raw_header_value(value.encode("latin-1"))
    except UnicodeEncodeError:
        return False


def is_raw_header_name(name: bytes) -> bool:
    return name != b"" and not name.translate(None, _NAME_OCTETS)


def is_raw_header_value(value: bytes) -> bool:
    """Return whether a server can send a value: one line, without leading or trailing blanks."""
    return value == value.strip(b"\t ") and not value.translate(None, _VALUE_OCTETS)
