"""What becomes of a request, for those who trace it: its route, its user, its status, its failure."""

import time
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.routing import Mount

from coworks_async.entries.entry import Entry
from coworks_async.pipeline.request import current_request
from coworks_async.pipeline.routing import EntryRoute
from coworks_async.service import TechMicroService
from coworks_async.types import Message, Scope

MAX_TEXT = 250


class Outcome:
    """Fills while a request is answered: by a middleware, and from the inside by the hook of `watch_failures`.

    Parameters:
        record: gets what was raised, while its traceback is there, once and only where the service is to blame.

    Attributes:
        scope: the request's, as its entry has it.
        status: of its answer, None while there is none.
        ended_at: when its answer was whole, in nanoseconds of the epoch; None while it is not.
    """

    def __init__(self, scope: Scope, record: Callable[[BaseException], None]) -> None:
        self.scope = scope
        self.record = record
        self.status: int | None = None
        self.ended_at: int | None = None
        self._root: str = scope.get("root_path", "")
        self._failed: BaseException | None = None

    @property
    def entry(self) -> Entry | None:
        """The entry that answered, None where a plain route did, or nothing."""
        route = self.scope.get("route")
        return route.entry if isinstance(route, EntryRoute) else None

    @property
    def route(self) -> str | None:
        """The path of the route as it is declared, below where it is mounted; None where no route answered."""
        route = self.scope.get("route")
        path = route.entry.path if isinstance(route, EntryRoute) else getattr(route, "path", None)
        if not isinstance(path, str) or isinstance(route, Mount):
            return path
        return str(self.scope.get("root_path", "")).removeprefix(self._root) + path

    def user(self, key: str) -> str | None:
        """Return who asks: what `request.auth` has under a key, where that is a text or a number."""
        value = (self.scope.get("auth") or {}).get(key)
        return str(value)[:MAX_TEXT] if isinstance(value, str | int) and not isinstance(value, bool) else None

    def sent(self, message: Message) -> None:
        """Take a message that was sent."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.ended_at = time.time_ns()

    def failed(self, error: BaseException) -> None:
        """Take what was raised; it is recorded if the answer was a 5xx, or broke off, or if there was none."""
        if error is self._failed:
            return
        self._failed = error
        if self.status is None and isinstance(error, HTTPException):
            # A middleware's, which is answered outside of what sees the messages.
            self.status, self.ended_at = error.status_code, time.time_ns()
        if self.status is None or self.status >= 500 or self.ended_at is None:
            self.record(error)


def watch_failures(app: TechMicroService, key: str) -> None:
    """Tell the outcomes that stand in scopes under a key what entries raise: an answer does not tell it."""

    @app.teardown_request
    async def tell(error: BaseException | None) -> None:
        scope = current_request().scope
        outcome: Outcome | None = scope.get(key)
        if outcome is None:
            return
        outcome.scope = scope
        if error is not None:
            outcome.failed(error)
