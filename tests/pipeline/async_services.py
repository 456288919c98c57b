"""Services that store the responses of asynchronous calls in memory."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import httpx2
from starlette.datastructures import Headers
from starlette.responses import Response

from coworks_async import TechMicroService, entry, request
from tests.tools import PATIENCE

EVENT = {"InvocationType": "Event"}
TOKEN = {"Authorization": "s3cr3t"}
ANN = {"name": "ann", "rights": [1, 2.5, None]}


@dataclass
class MemoryStore:
    """The arguments of `store_response`."""

    items: list[tuple[Response, Headers]] = field(default_factory=list)
    added: threading.Event = field(default_factory=threading.Event)

    def add(self, response: Response, headers: Headers) -> None:
        self.items.append((response, headers))
        self.added.set()

    @property
    def response(self) -> Response:
        """The first response; waits for it."""
        assert self.added.wait(PATIENCE)
        return self.items[0][0]

    @property
    def json(self) -> Any:
        return httpx2.Response(200, content=bytes(self.response.body)).json()


class StoringService(TechMicroService):
    """Stores the responses of its asynchronous calls in memory."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.stored = MemoryStore()

    async def token_authorizer(self, token: str):
        return ANN if token == "s3cr3t" else None

    async def store_response(self, response, headers):
        self.stored.add(response, headers)


class Waiting(StoringService):
    """Its entry ends when the test sets an event."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.may_end = threading.Event()
        self.started = threading.Event()

    @entry(background=True, no_auth=True)
    async def get(self):
        self.started.set()
        while not self.may_end.is_set():  # noqa: ASYNC110 - the test's thread sets it
            await asyncio.sleep(0.002)
        return {"state": getattr(request.state, "opened", None)}


class Jobs(StoringService):
    @entry(background=True)
    async def post_jobs(self, number: int, *, note: str = "", depth: int = 0):
        return {
            "number": number,
            "note": note,
            "depth": depth,
            "auth": request.auth,
            "headers": sorted(request.headers.keys()),
            "url": str(request.url),
            "own": self.url_for("post_jobs", number=number),
        }

    @entry(background=True, no_auth=True, no_cors=False)
    async def get_open(self):
        return {"auth": request.auth}

    @entry(background=True, no_auth=True)
    async def get_failing(self):
        raise LookupError("the reason")

    @entry(no_auth=True)
    async def get_plain(self):
        return "plain"

    @entry(no_auth=True)
    async def get_plain_items(self, number: int):
        return "plain"

    @entry(no_auth=True)
    async def post_plain(self, *, number: int):
        return "plain"


def assert_accepted(response: httpx2.Response) -> str:
    """Assert that a response is the 202 of an asynchronous call; return its request id."""
    assert response.status_code == 202, response.text
    assert response.headers["content-type"] == "application/json"
    [(name, request_id)] = response.json().items()
    assert name == "request_id"
    assert len(request_id) == 36
    return str(request_id)
