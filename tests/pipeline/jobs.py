"""A service whose answers of asynchronous calls are kept in memory, and how the tests call it."""

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
class Kept:
    """What was given to `store_response`."""

    answers: list[tuple[Response, Headers]] = field(default_factory=list)
    told: threading.Event = field(default_factory=threading.Event)

    def keep(self, response: Response, headers: Headers) -> None:
        self.answers.append((response, headers))
        self.told.set()

    @property
    def response(self) -> Response:
        """The first answer, once it is there."""
        assert self.told.wait(PATIENCE)
        return self.answers[0][0]

    @property
    def json(self) -> Any:
        return httpx2.Response(200, content=bytes(self.response.body)).json()


class Keeping(TechMicroService):
    """Keeps the answers of its asynchronous calls in memory."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.kept = Kept()

    async def token_authorizer(self, token: str):
        return ANN if token == "s3cr3t" else None

    async def store_response(self, response, headers):
        self.kept.keep(response, headers)


class Jobs(Keeping):
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


def assert_accepted(answer: httpx2.Response) -> str:
    """Assert that an answer is the 202 of an asynchronous call; return its request id."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["content-type"] == "application/json"
    [(name, request_id)] = answer.json().items()
    assert name == "request_id"
    assert len(request_id) == 36
    return str(request_id)
