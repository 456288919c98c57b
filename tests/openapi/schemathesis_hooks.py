"""Hooks of Schemathesis that change the requests it sends."""

from typing import Any

import schemathesis
from hypothesis import strategies as st

WELL_KNOWN = ["Accept", "Accept-Language", "Cookie", "If-None-Match", "Origin", "Range", "Referer", "X-Forwarded-For"]

# Valid header values. Servers strip blanks at both ends.
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40).map(str.strip)
NAMES = st.sampled_from(WELL_KNOWN) | st.from_regex(r"X-[A-Za-z0-9-]{1,20}", fullmatch=True)
HEADERS = st.dictionaries(NAMES, VALUES, max_size=4)


@schemathesis.hook
def before_generate_case(context: schemathesis.HookContext, strategy: st.SearchStrategy[Any]) -> Any:
    """Add undocumented headers, so that operations without parameters have as many cases as the others."""

    def with_headers(case: Any, headers: dict[str, str]) -> Any:
        for name, value in headers.items():
            case.headers.setdefault(name, value)
        return case

    return st.builds(with_headers, strategy, HEADERS)


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Write `7.0` as `7`. JSON Schema has one integer for both; an `int` accepts only `7` (see `openapi.md`)."""
    if isinstance(body, float) and body.is_integer():
        return int(body)
    if isinstance(body, list):
        return [map_body(context, item) for item in body]
    if isinstance(body, dict):
        return {name: map_body(context, item) for name, item in body.items()}
    return body
