"""Bodies without fields, and entries that take the request."""

import pytest

from coworks_async import Request, TechMicroService, entry, request
from tests.clients import Connect, in_process
from tests.http_requests import JSON, assert_bound, assert_refused, shown
from tests.pipeline.checks import assert_problem

DUPLICATE = "Given in both the query and the body"


class Single(TechMicroService):
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


def test_json_that_is_not_an_object_binds_to_the_only_parameter_that_accepts_it(connect: Connect):
    client = connect(Single())
    assert_bound(client.post("/", json=["1", 2]), [1, 2], "")
    assert_bound(client.post("/", json="text"), None, "text")
    assert_bound(client.post("/?note=x", json=[1]), [1], "x")
    assert_bound(client.post("/", content=b"null", headers=JSON), None, "")
    assert_bound(client.patch("/", json="5"), 5)


def test_json_that_is_not_an_object_is_rejected_if_no_or_several_parameters_accept_it(connect: Connect):
    client = connect(Single())
    error = ("body", "", "a JSON object", "No parameter accepts it")
    assert_refused(client.post("/", json=5), error)
    assert_refused(client.request("DELETE", "/", json=[1]), error)
    assert_refused(client.put("/", json=5), ("body", "", "a JSON object", "More than one parameter accepts it"))
    assert_bound(client.put("/?low=1", json=5), 1, 5)
    assert_refused(client.patch("/", json=[1]), ("body", "number", "int", "Expected `int`, got `array`"))
    assert_refused(client.patch("/", json="x"), ("body", "number", "int", "Expected `int`, got `str`"))


class Reading(TechMicroService):
    @entry(no_auth=True)
    async def get(self, given: Request, limit: int = 1):
        return shown(limit, dict(given.query_params), await given.body())

    @entry(no_auth=True)
    async def post(self, given: Request, *, limit: int = 1, note: str = ""):
        return shown(limit, note, (await given.body()).decode())

    @entry(no_auth=True)
    async def put(self, given: Request):
        return shown([chunk async for chunk in given.stream() if chunk])


def test_an_entry_that_takes_the_request_accepts_any_query_and_body(connect: Connect):
    client = connect(Reading())
    assert_bound(client.get("/?limit=2&other=x"), 2, {"limit": "2", "other": "x"}, b"")
    assert_bound(client.request("GET", "/?other=x", content=b"abc"), 1, {"other": "x"}, b"abc")
    for sent in (b"abc", b"[1]", b'"x"', b'{"other": 1}', b"{", b"[" * 5000):
        response = client.post("/?other=x", content=sent, headers=JSON)
        assert response.status_code == 200
        assert response.text.endswith(shown(sent.decode()))
    assert_bound(client.post("/", content=b"abc", headers={"content-type": "application/pdf"}), 1, "", "abc")
    assert_bound(client.put("/?other=x", content=b"abc"), [b"abc"])


def test_an_entry_that_takes_the_request_accepts_undecodable_text(connect: Connect):
    class Raw(TechMicroService):
        @entry(no_auth=True)
        async def post(self, given: Request, note: str = ""):
            return shown(note, await given.body())

        @entry(no_auth=True)
        async def put(self, given: Request, *, note: str):
            return shown(note, await given.body())

    client = connect(Raw())
    plain = {"content-type": "text/plain"}
    assert_bound(client.post("/", content=b"\xff", headers=plain), "", b"\xff")
    detail = "The body is not encoded in its declared charset."
    assert_problem(client.put("/", content=b"\xff", headers=plain), 400, "Bad Request", detail)
    assert_bound(client.put("/?note=x", content=b"\xff", headers=plain), "x", b"\xff")


def test_named_parameters_of_an_entry_that_takes_the_request_are_validated(connect: Connect):
    client = connect(Reading())
    assert_bound(client.post("/?other=1", content=b'{"limit": "3", "other": 1}'), 3, "", '{"limit": "3", "other": 1}')
    assert_bound(client.post("/", content=b"abc", headers={"content-type": "text/plain"}), 1, "abc", "abc")
    assert_refused(client.get("/?limit=x&other=1"), ("query", "limit", "int", "Expected `int`, got `str`"))
    assert_refused(
        client.post("/?limit=1&other=1", json={"limit": 1, "other": 1}), ("query", "limit", "int", DUPLICATE)
    )
    assert_refused(
        client.post("/", json={"limit": "x", "other": 1}), ("body", "limit", "int", "Expected `int`, got `str`")
    )


def test_an_unparsable_body_is_rejected_if_a_required_parameter_must_come_from_it(connect: Connect):
    class Needing(TechMicroService):
        @entry(no_auth=True)
        async def post(self, given: Request, *, number: int):
            return shown(number, (await given.body()).decode())

    client = connect(Needing())
    response = client.post("/", content=b"{", headers=JSON)
    detail = "The body is not valid JSON: Input data was truncated."
    assert_problem(response, 400, "Bad Request", detail)
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


def test_a_hook_that_consumes_the_stream_makes_binding_fail(caplog: pytest.LogCaptureFixture):
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
    assert "A hook consumed the body with request.stream(). Use await request.body()" in caplog.text
