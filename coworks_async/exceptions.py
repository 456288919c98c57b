"""Every error of the project.

    CoWorksError
    ├── DeclarationError        a class declares what cannot be served
    ├── RequestContextError     `request` is used where there is no request
    ├── ReturnError             an entry returned what cannot be sent
    ├── UnknownEndpoint         `url_for` is asked for what is not there
    ├── LambdaError             an event of Lambda's fails
    │   ├── AuthorizerError     `token_authorizer` failed, or its answer cannot be told to a gateway
    │   ├── BackgroundError     an envelope is no asynchronous call of this service's
    │   ├── StartupError        the lifespan did not start
    │   └── UnknownEvent        nothing handles the event
    ├── DeployError             a deploy, or a step of it, failed
    └── CommandError            a command is used the wrong way

    starlette.exceptions.HTTPException
    └── Problem                 an answer in problem+json
        ├── BadRequest          400
        ├── ContentTooLarge     413
        ├── UnsupportedMedia    415
        └── Invalid             422, with its faults

What derives from `CoWorksError` is for the author of a service, what derives from `HTTPException` for its client.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from pathlib import Path

MAX_UNKNOWN_NAMES = 100
MAX_FIELD_ERRORS = 300
"""How many unknown names of one place, and how many faults at all, a 422 lists before it only counts them."""

MAX_TEXT = 500

ErrorLocation = Literal["path", "query", "body", "header"]


class CoWorksError(Exception):
    """The base of every error meant for the author of a service."""


class DeclarationError(CoWorksError):
    """A class declares an entry, a blueprint or a hook that cannot be served.

    Raised when the service is built, never while it answers. The message names the class, the method, the parameter
    and the remedy.
    """


class RequestContextError(CoWorksError, RuntimeError):
    """`request` was used where there is no current request; the message tells which place that is."""


class ReturnError(CoWorksError, TypeError):
    """An entry returned what no answer can be made of; it is logged and the client gets a 500."""


class UnknownEndpoint(CoWorksError, LookupError):
    """No entry has this endpoint, or its path cannot be built from the parameters given."""


class LambdaError(CoWorksError):
    """An event fails, as Lambda counts it; a request's never does."""


class AuthorizerError(LambdaError):
    """`token_authorizer` failed, or its answer cannot be told to a gateway, and must not be cached as a no."""


class AsyncCallError(LambdaError):
    """An envelope holds no asynchronous call that this service takes."""


class StartupError(LambdaError):
    """The service's lifespan did not start; the next event tries again."""


class UnknownEvent(LambdaError):
    """An event that is no request and that the service has no `on_event` for."""


def unknown_event_error(event: object) -> UnknownEvent:
    """Return the error of an event that nothing handles: it names its keys and its source, nothing of its values."""
    if not isinstance(event, dict):
        return UnknownEvent(f"An event of type {type(event).__name__} is no request; override on_event to handle it.")
    told = f" from {event['source']}" if isinstance(event.get("source"), str) else ""
    keys = f"with the keys {', '.join(sorted(map(str, event)))}" if event else "without keys"
    return UnknownEvent(f"An event{told} {keys} is no request; override on_event to handle it.")


class DeployError(CoWorksError):
    """A deploy, or a step of it, failed: its message is the one line that is printed, before the exit with code 1.

    Attributes:
        log: the file that holds all that was said, where there is one.
    """

    def __init__(self, message: str, log: "Path | None" = None) -> None:
        super().__init__(message)
        self.log = log


class CommandError(CoWorksError):
    """A command is used the wrong way: its message is the one line that is printed, before the exit with code 2."""


class FieldError(Struct, frozen=True):
    """One thing that is wrong with a request: a member of the `errors` of a 422.

    `name` is the parameter as the client wrote it (empty for a body as a whole), `expected` a type as Python writes
    it. The value itself is never repeated: it may be a secret.
    """

    where: ErrorLocation
    name: str
    expected: str
    detail: str


class Problem(HTTPException):
    """An error that is answered as problem+json (RFC 9457), as in `raise Problem(409, "Already there.")`."""

    errors: Sequence[FieldError] = ()


class BadRequest(Problem):
    """400: the request cannot be parsed."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, detail)


class ContentTooLarge(Problem):
    """413: the body, or the number of its parts, is over the limit."""

    def __init__(self, detail: str) -> None:
        super().__init__(413, detail)


class UnsupportedMediaType(Problem):
    """415: no parameter of the entry can be read from this content type."""

    def __init__(self, detail: str) -> None:
        super().__init__(415, detail)


class UnprocessableContent(Problem):
    """422: the request was understood and is refused, for all the reasons in `errors`."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        listed = [_shorten(fault) for fault in errors[:MAX_FIELD_ERRORS]]
        if len(errors) > MAX_FIELD_ERRORS:
            listed.append(omitted_errors(errors[MAX_FIELD_ERRORS].where, len(errors) - MAX_FIELD_ERRORS))
        names = ", ".join(dict.fromkeys(fault.name or f"the {fault.where}" for fault in listed))
        super().__init__(422, f"Refused: {names}.")
        self.errors = tuple(listed)


def omitted_errors(where: ErrorLocation, count: int) -> FieldError:
    """Return the fault that stands for those that an answer has no room for."""
    return FieldError(where, "", "nothing", f"And {count} more")


def _shorten(fault: FieldError) -> FieldError:
    """A client may send a name of megabytes, which need not come back."""
    if len(fault.name) <= MAX_TEXT and len(fault.detail) <= MAX_TEXT:
        return fault
    return replace(fault, name=_truncate(fault.name), detail=_truncate(fault.detail))


def _truncate(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
