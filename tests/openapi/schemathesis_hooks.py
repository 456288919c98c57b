"""What Schemathesis loads to change the requests that it makes."""

from typing import Any

import schemathesis
from hypothesis import strategies as st

WELL_KNOWN = ["Accept", "Accept-Language", "Cookie", "If-None-Match", "Origin", "Range", "Referer", "X-Forwarded-For"]

# What HTTP lets stand in a value, whose blanks at the ends no server keeps.
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40).map(str.strip)
NAMES = st.sampled_from(WELL_KNOWN) | st.from_regex(r"X-[A-Za-z0-9-]{1,20}", fullmatch=True)
HEADERS = st.dictionaries(NAMES, VALUES, max_size=4)


@schemathesis.hook
def before_generate_case(context: schemathesis.HookContext, strategy: st.SearchStrategy[Any]) -> Any:
    """Add headers that no document tells of: so what takes nothing has as many requests as the others."""

    def with_headers(case: Any, headers: dict[str, str]) -> Any:
        for name, value in headers.items():
            case.headers.setdefault(name, value)
        return case

    return st.builds(with_headers, strategy, HEADERS)


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Write `7.0` as `7`, the same to JSON Schema; an `int` takes the second alone, as `docs/openapi.md` says."""
    if isinstance(body, float) and body.is_integer():
        return int(body)
    if isinstance(body, list):
        return [map_body(context, item) for item in body]
    if isinstance(body, dict):
        return {name: map_body(context, item) for name, item in body.items()}
    return body
