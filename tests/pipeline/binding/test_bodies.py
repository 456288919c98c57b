"""Bodies without names, and entries that read for themselves."""

import pytest

from coworks_async import Request, TechMicroService, entry, request
from tests.clients import Connect, in_process
from tests.pipeline.checks import assert_problem
from tests.sending import JSON, assert_bound, assert_refused, shown

TWICE = "Given in the query and in the body"


class Sole(TechMicroService):
    @entry(no_auth=True)
    async def post(self, items: list[int] | None = None, note: str = ""):
        return shown(items, note)

    @entry(no_auth=True)
    async def put(self, low: int = 0, high: int = 0):
        return shown(low, high)

    @entry(no_auth=True)
    async def patch(self, *, number: int):
        return shown(number)

    @entry(no_auth=True)
    async def delete(self):
        return shown()


def test_a_body_that_is_no_object_goes_to_the_one_parameter_that_can_take_it(connect: Connect):
    client = connect(Sole())
    assert_bound(client.post("/", json=["1", 2]), [1, 2], "")
    assert_bound(client.post("/", json="text"), None, "text")
    assert_bound(client.post("/?note=x", json=[1]), [1], "x")
    assert_bound(client.post("/", content=b"null", headers=JSON), None, "")
    assert_bound(client.patch("/", json="5"), 5)


def test_a_body_that_is_no_object_is_refused_where_none_or_several_can_take_it(connect: Connect):
    client = connect(Sole())
    none = ("body", "", "a JSON object", "No parameter can take it")
    assert_refused(client.post("/", json=5), none)
    assert_refused(client.request("DELETE", "/", json=[1]), none)
    assert_refused(client.put("/", json=5), ("body", "", "a JSON object", "More than one parameter could take it"))
    assert_bound(client.put("/?low=1", json=5), 1, 5)
    assert_refused(client.patch("/", json=[1]), ("body", "number", "int", "Expected `int`, got `array`"))
    assert_refused(client.patch("/", json="x"), ("body", "number", "int", "Expected `int`, got `str`"))


class Reading(TechMicroService):
    @entry(no_auth=True)
    async def get(self, asked: Request, limit: int = 1):
        return shown(limit, dict(asked.query_params), await asked.body())

    @entry(no_auth=True)
    async def post(self, asked: Request, *, limit: int = 1, note: str = ""):
        return shown(limit, note, (await asked.body()).decode())

    @entry(no_auth=True)
    async def put(self, asked: Request):
        return shown([chunk async for chunk in asked.stream() if chunk])


def test_an_entry_that_takes_the_request_reads_for_itself(connect: Connect):
    client = connect(Reading())
    assert_bound(client.get("/?limit=2&other=x"), 2, {"limit": "2", "other": "x"}, b"")
    assert_bound(client.request("GET", "/?other=x", content=b"abc"), 1, {"other": "x"}, b"abc")
    for sent in (b"abc", b"[1]", b'"x"', b'{"other": 1}', b"{", b"[" * 5000):
        answer = client.post("/?other=x", content=sent, headers=JSON)
        assert answer.status_code == 200
        assert answer.text.endswith(shown(sent.decode()))
    assert_bound(client.post("/", content=b"abc", headers={"content-type": "application/pdf"}), 1, "", "abc")
    assert_bound(client.put("/?other=x", content=b"abc"), [b"abc"])


def test_an_entry_that_takes_the_request_reads_a_text_that_is_not_in_its_charset(connect: Connect):
    class Raw(TechMicroService):
        @entry(no_auth=True)
        async def post(self, asked: Request, note: str = ""):
            return shown(note, await asked.body())

        @entry(no_auth=True)
        async def put(self, asked: Request, *, note: str):
            return shown(note, await asked.body())

    client = connect(Raw())
    plain = {"content-type": "text/plain"}
    assert_bound(client.post("/", content=b"\xff", headers=plain), "", b"\xff")
    detail = "The body is not in the charset that it says."
    assert_problem(client.put("/", content=b"\xff", headers=plain), 400, "Bad Request", detail)
    assert_bound(client.put("/?note=x", content=b"\xff", headers=plain), "x", b"\xff")


def test_what_an_entry_that_takes_the_request_names_is_bound_and_checked(connect: Connect):
    client = connect(Reading())
    assert_bound(client.post("/?other=1", content=b'{"limit": "3", "other": 1}'), 3, "", '{"limit": "3", "other": 1}')
    assert_bound(client.post("/", content=b"abc", headers={"content-type": "text/plain"}), 1, "abc", "abc")
    assert_refused(client.get("/?limit=x&other=1"), ("query", "limit", "int", "Expected `int`, got `str`"))
    assert_refused(client.post("/?limit=1&other=1", json={"limit": 1, "other": 1}), ("query", "limit", "int", TWICE))
    assert_refused(
        client.post("/", json={"limit": "x", "other": 1}), ("body", "limit", "int", "Expected `int`, got `str`")
    )


def test_an_entry_that_takes_the_request_gets_no_body_unread_that_a_parameter_has_to_come_from(connect: Connect):
    class Needing(TechMicroService):
        @entry(no_auth=True)
        async def post(self, asked: Request, *, number: int):
            return shown(number, (await asked.body()).decode())

    client = connect(Needing())
    answer = client.post("/", content=b"{", headers=JSON)
    detail = "The body is not JSON: Input data was truncated."
    assert_problem(answer, 400, "Bad Request", detail)
    assert_refused(client.post("/", json={}), ("body", "number", "int", "Missing"))
    assert_bound(client.post("/?number=5", content=b"{", headers=JSON), 5, "{")


def test_a_hook_that_reads_the_body_leaves_it_for_the_entry(connect: Connect):
    class Hooked(TechMicroService):
        @entry(no_auth=True)
        async def post(self, value: int = 0):
            return shown(value, (await request.body()).decode())

    service = Hooked()

    @service.before_request
    async def read():
        await request.body()

    client = connect(service)
    assert_bound(client.post("/", json={"value": 5}), 5, '{"value":5}')
    assert_bound(client.post("/", data={"value": 5}), 5, "value=5")


def test_a_hook_that_takes_the_stream_of_the_body_leaves_none_for_the_entry(caplog: pytest.LogCaptureFixture):
    class Hooked(TechMicroService):
        @entry(no_auth=True)
        async def post(self, value: int = 0):
            return shown(value)

    service = Hooked()

    @service.before_request
    async def read():
        assert [chunk async for chunk in request.stream()]

    with in_process(service) as client:
        assert client.post("/", json={"value": 5}).status_code == 500
    assert "A hook took the body by request.stream(); let it use `await request.body()`" in caplog.text
