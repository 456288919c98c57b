"""The outcome of a request, for the tracing extensions."""

import time
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.routing import Mount

from coworks_async.pipeline.request import current_request
from coworks_async.pipeline.routing import EntryRoute
from coworks_async.service import TechMicroService
from coworks_async.types import Message, Scope

MAX_USER_LENGTH = 250


class RequestOutcome:
    """The route, user, status and failure of a request, from the messages of a middleware and exceptions of entries.

    `record` is called at most once, with an exception that is the service's fault, while its traceback exists.
    """

    def __init__(self, scope: Scope, record: Callable[[BaseException], None]) -> None:
        self.scope = scope
        self.record = record
        self.status: int | None = None
        self.ended_at: int | None = None  # time of the last byte, in nanoseconds since the epoch
        self._root: str = scope.get("root_path", "")
        self._error: BaseException | None = None

    @property
    def endpoint(self) -> str | None:
        """Endpoint of the entry that handled the request, if one did."""
        route = self.scope.get("route")
        return route.entry.endpoint if isinstance(route, EntryRoute) else None

    @property
    def route(self) -> str | None:
        """Path template of the route, including the mounts above it; None if no route matched."""
        route = self.scope.get("route")
        path = route.entry.path if isinstance(route, EntryRoute) else getattr(route, "path", None)
        if not isinstance(path, str) or isinstance(route, Mount):
            return path
        return str(self.scope.get("root_path", "")).removeprefix(self._root) + path

    def get_user(self, key: str) -> str | None:
        """Return the value of a key of `request.auth`, if it is a string or an integer."""
        value = (self.scope.get("auth") or {}).get(key)
        return str(value)[:MAX_USER_LENGTH] if isinstance(value, str | int) and not isinstance(value, bool) else None

    def handle_message(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.ended_at = time.time_ns()

    def handle_failure(self, error: BaseException) -> None:
        """Record an exception if the response is a 5xx, incomplete or missing."""
        if error is self._error:
            return
        self._error = error
        if self.status is None and isinstance(error, HTTPException):
            # Raised by a middleware, and converted to a response outside of the middleware that sees the messages.
            self.status, self.ended_at = error.status_code, time.time_ns()
        if self.status is None or self.status >= 500 or self.ended_at is None:
            self.record(error)


def report_failures(app: TechMicroService, key: str) -> None:
    """Register a hook that reports exceptions of entries to the outcome in the scope; middleware does not see them."""

    @app.teardown_request
    async def report(error: BaseException | None) -> None:
        scope = current_request().scope
        outcome: RequestOutcome | None = scope.get(key)
        if outcome is None:
            return
        # Unlike the middleware's, this scope has the route below a mount.
        outcome.scope = scope
        if error is not None:
            outcome.handle_failure(error)
