"""Exceptions of the project.

    CoWorksError
    ├── DeclarationError            a class declares something invalid
    ├── RequestContextError         `request` is used without a current request
    ├── ReturnError                 an entry, a hook or a handler returned an invalid value
    ├── UnknownEndpoint             `url_for` cannot build the URL
    ├── UnresolvedReference         the value `ssm:/path` or `secret:NAME` of a variable cannot be read
    ├── LambdaError                 a Lambda event fails
    │   ├── AuthorizerError         `token_authorizer` failed, or its principal is invalid
    │   ├── AsyncCallError          an asynchronous call is invalid
    │   ├── StartupError            the lifespan did not start
    │   └── UnknownEvent            no handler for the event
    ├── DeployError                 a deploy failed
    └── CommandError                a command is used incorrectly

    starlette.exceptions.HTTPException
    └── Problem                     a problem+json response
        ├── BadRequest              400
        ├── ContentTooLarge         413
        ├── UnsupportedMediaType    415
        └── UnprocessableContent    422, with a list of errors

A `CoWorksError` is for the developer of a service, an `HTTPException` for its client.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from pathlib import Path

MAX_UNKNOWN_NAMES = 100
"""Unknown names in one location that a 422 lists; the rest is counted."""

MAX_FIELD_ERRORS = 300
"""Errors that a 422 lists; the rest is counted."""

MAX_TEXT = 500
"""Characters of a name or detail in a 422."""

ErrorLocation = Literal["path", "query", "body", "header", "cookie"]


class CoWorksError(Exception):
    """Base class of the errors for the developer of a service."""


class DeclarationError(CoWorksError):
    """A class declares an invalid entry, blueprint or hook.

    Raised when the service is built. The message names class, method, parameter and remedy.
    """


class RequestContextError(CoWorksError, RuntimeError):
    """`request` was used without a current request; the message explains where it is available."""


class ReturnError(CoWorksError, TypeError):
    """An entry, a hook or an error handler returned an invalid value. It is logged, and the client gets a 500."""


class UnknownEndpoint(CoWorksError, LookupError):
    """No entry has this endpoint, or its path cannot be built from the given parameters."""


class UnresolvedReference(CoWorksError):
    """The value `ssm:/path` or `secret:NAME` of an environment variable is invalid or cannot be read.

    The message names the variable and the reference, never the value that it refers to.
    """


class LambdaError(CoWorksError):
    """A Lambda event fails. A request never fails: it gets a response."""


class AuthorizerError(LambdaError):
    """`token_authorizer` failed, or its principal is invalid. Fails the event: a gateway would cache a rejection."""


class AsyncCallError(LambdaError):
    """An asynchronous call is invalid, or reaches another entry than the one that accepted it."""


class StartupError(LambdaError):
    """The service's lifespan did not start. The next event tries again."""


class UnknownEvent(LambdaError):
    """An event is not a request, and the service does not override `on_event`."""


def unknown_event_error(event: object) -> UnknownEvent:
    """Create the error of an event without a handler. It names keys and source of the event, but no other values."""
    if not isinstance(event, dict):
        kind = type(event).__name__
        return UnknownEvent(f"An event of type {kind} is not a request. Override on_event to handle it.")
    source = f" from {event['source']}" if isinstance(event.get("source"), str) else ""
    keys = f"with the keys {', '.join(sorted(map(str, event)))}" if event else "without keys"
    return UnknownEvent(f"An event{source} {keys} is not a request. Override on_event to handle it.")


class DeployError(CoWorksError):
    """A deploy failed. The command prints the message as one line and exits with code 1.

    Attributes:
        log: the file with the complete output, if there is one.
    """

    def __init__(self, message: str, log: "Path | None" = None) -> None:
        super().__init__(message)
        self.log = log


class CommandError(CoWorksError):
    """A command is used incorrectly. `cws` prints the message as one line and exits with code 2."""


class FieldError(Struct, frozen=True):
    """An error in a request: an item of `errors` in a 422. It never contains the value, which may be a secret."""

    where: ErrorLocation
    name: str  # as the client sent it; empty for the whole body
    expected: str  # the expected type, as `format_type` writes it
    detail: str


PROBLEM_MEMBERS = ("type", "title", "status", "detail", "errors")
"""The members of a problem that an extension cannot have."""


class Problem(HTTPException):
    """An error response in problem+json (RFC 9457). An entry, a hook or an error handler raises it.

    Args:
        status_code: the status of the response.
        detail: an explanation of this occurrence, for people.
        headers: headers of the response.
        type: a URI that identifies the kind of problem. Its document explains the problem.
        title: a summary of the kind of problem; by default the phrase of the status.
        extensions: more members of the response, as an entry may return them in a dict.

    Raises:
        ValueError: an extension has the name of another member.

    Examples:
        >>> from coworks_async import Problem, TechMicroService, entry
        >>> class Shop(TechMicroService):
        ...     @entry(no_auth=True)
        ...     async def get(self):
        ...         raise Problem(
        ...             409,
        ...             "Only 3 pens are left.",
        ...             type="https://example.com/problems/out-of-stock",
        ...             title="Out of stock",
        ...             extensions={"left": 3},
        ...         )
        >>> from coworks_async.testing import TestClient
        >>> TestClient(Shop()).get("/").json()["left"]
        3
    """

    errors: Sequence[FieldError] = ()

    def __init__(
        self,
        status_code: int,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        type: str = "about:blank",
        title: str | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status_code, detail, headers)
        self.type = type
        self.title = title
        self.extensions = dict(extensions or {})
        for name in self.extensions:
            if name in PROBLEM_MEMBERS:
                raise ValueError(
                    f"Problem(extensions=...): {name!r} is a reserved member of problems. Rename the extension."
                )


class BadRequest(Problem):
    """400: the request cannot be parsed."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, detail)


class ContentTooLarge(Problem):
    """413: the body, or the number of its parts, is over the limit."""

    def __init__(self, detail: str) -> None:
        super().__init__(413, detail)


class UnsupportedMediaType(Problem):
    """415: the body's content type, charset or encoding is not supported."""

    def __init__(self, detail: str) -> None:
        super().__init__(415, detail)


class UnprocessableContent(Problem):
    """422: the request can be parsed, but is invalid for the reasons in `errors`."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        listed = [
            replace(error, name=_truncate(error.name), detail=_truncate(error.detail))
            for error in errors[:MAX_FIELD_ERRORS]
        ]
        if len(errors) > MAX_FIELD_ERRORS:
            listed.append(omitted_errors(errors[MAX_FIELD_ERRORS].where, len(errors) - MAX_FIELD_ERRORS))
        names = ", ".join(dict.fromkeys(error.name or f"the {error.where}" for error in listed))
        super().__init__(422, f"Invalid: {names}.")
        self.errors = tuple(listed)


def omitted_errors(where: ErrorLocation, count: int) -> FieldError:
    """Create the error that replaces those over the limit."""
    return FieldError(where, "", "nothing", f"{count} more errors are not listed")


def _truncate(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
