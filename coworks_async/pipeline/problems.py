"""Problems: every error is answered as problem+json (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus, client
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from coworks_async.exceptions import FieldError, Problem
from coworks_async.pipeline.responses import BODILESS_STATUSES

MEDIA_TYPE = "application/problem+json"

# The phrases of RFC 9110, which Python has since 3.13 alone.
_TITLES = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


def status_title(status: int) -> str:
    """Return the standard phrase of a status."""
    if status in _TITLES:
        return _TITLES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error" if status >= 400 else "Answer"


def problem_members(status: int, detail: str | None = None, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    """Return the members of a problem."""
    title = status_title(status)
    members: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    if detail and detail not in (title, client.responses.get(status)):
        members["detail"] = detail
    if errors:
        members["errors"] = errors
    return members


def problem_response(
    status: int,
    detail: str | None = None,
    *,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the response of a problem."""
    if status in BODILESS_STATUSES:
        return Response(status_code=status, headers=headers)
    body = msgspec.json.encode(problem_members(status, detail, errors))
    return Response(body, status, headers, media_type=MEDIA_TYPE)


def problem_from_exception(error: HTTPException) -> Response:
    """Return the problem that an exception of Starlette's, or one of ours, stands for."""
    errors = error.errors if isinstance(error, Problem) else ()
    return problem_response(error.status_code, error.detail, errors=errors, headers=error.headers)
