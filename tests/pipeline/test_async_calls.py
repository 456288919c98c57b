"""Asynchronous calls over every transport: a 202 at once, and the entry runs asynchronous."""

import pytest
from starlette.middleware import Middleware

from coworks_async import Blueprint, entry, request
from coworks_async.testing import TestClient
from tests.cli.processes import until
from tests.clients import Connect
from tests.pipeline.async_services import ANN, EVENT, TOKEN, Jobs, StoringService, assert_accepted
from tests.tools import PATIENCE


def test_a_call_gets_a_202_and_its_entry_runs_later_with_the_same_request(connect: Connect):
    app = Jobs()
    client = connect(app)
    headers = {**TOKEN, "x-mine": "1"}
    content = {"note": "é", "depth": 2}
    synchronous = client.post("/jobs/7", headers=headers, json=content).json()
    assert_accepted(client.post("/jobs/7", headers={**headers, **EVENT}, json=content))
    assert app.stored.response.status_code == 200
    asynchronous = app.stored.json
    assert (asynchronous["number"], asynchronous["note"], asynchronous["depth"], asynchronous["auth"]) == (
        7,
        "é",
        2,
        ANN,
    )
    assert (asynchronous["url"], asynchronous["own"]) == (synchronous["url"], synchronous["own"])
    assert asynchronous["headers"] == [name for name in synchronous["headers"] if name != "authorization"]


def test_the_response_is_stored_with_the_request_headers_without_the_token(connect: Connect):
    app = Jobs()
    connect(app).post("/jobs/7?note=a%26b", headers={**TOKEN, **EVENT, "X-Mine": "1"})
    assert app.stored.response.headers["content-type"] == "application/json"
    assert app.stored.json["note"] == "a&b"
    [(_, headers)] = app.stored.items
    assert headers["x-mine"] == "1"
    assert "s3cr3t" not in str(headers)
    assert "invocationtype" not in headers


def test_a_token_in_another_header_is_not_stored(connect: Connect):
    class Keyed(Jobs):
        token_key = "X-Api-Key"

    app = Keyed()
    connect(app).post("/jobs/7", headers={"X-Api-Key": "s3cr3t", **EVENT})
    assert app.stored.json["auth"] == ANN
    assert "s3cr3t" not in str(app.stored.items[0][1])


@pytest.mark.parametrize("value", ["Event", "event", "EVENT"])
def test_the_invocation_type_is_case_insensitive(connect: Connect, value: str):
    app = Jobs()
    assert_accepted(connect(app).get("/open", headers={"invocationTYPE": value}))
    assert app.stored.json == {"auth": {}}


def test_a_request_response_call_is_synchronous(connect: Connect):
    client = connect(Jobs())
    for path in ("/open", "/plain", "/plain/items/3"):
        assert client.get(path, headers={"InvocationType": "requestResponse"}).status_code == 200
    assert client.post("/plain", headers={"InvocationType": "RequestResponse"}, json={"number": 1}).text == "plain"


def test_arguments_are_bound_later_and_a_422_is_stored(connect: Connect, caplog: pytest.LogCaptureFixture):
    app = Jobs()
    request_id = assert_accepted(connect(app).post("/jobs/x", headers={**TOKEN, **EVENT}))
    assert app.stored.response.status_code == 422
    assert app.stored.response.headers["content-type"] == "application/problem+json"
    assert [error["name"] for error in app.stored.json["errors"]] == ["number"]
    assert f"Asynchronous call {request_id} of post_jobs returned status 422" in caplog.messages


def test_a_failure_of_the_entry_is_logged_with_the_request_id_and_stored_as_a_problem(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    app = Jobs()
    request_id = assert_accepted(connect(app).get("/failing", headers=EVENT))
    assert app.stored.json == {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert f"Asynchronous call {request_id} of get_failing returned status 500" in caplog.messages
    assert "the reason" in caplog.text


def test_a_failure_to_store_the_response_is_logged_with_the_request_id(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    class Failing(Jobs):
        def store_response(self, response, headers):
            self.stored.add(response, headers)
            raise OSError("the disk is full")

    app = Failing()
    client = connect(app)
    request_id = assert_accepted(client.get("/open", headers=EVENT))
    assert app.stored.response.status_code == 200
    until(lambda: "was not stored" in caplog.text)
    # The service still works.
    assert client.get("/plain").text == "plain"
    records = [record for record in caplog.records if "was not stored" in record.getMessage()]
    assert [record.getMessage() for record in records] == [
        f"The response of asynchronous call {request_id} of get_open was not stored"
    ]
    assert records[0].exc_info is not None
    assert "s3cr3t" not in caplog.text


def test_the_202_has_cors_headers_and_no_body_for_head(connect: Connect):
    client = connect(Jobs())
    assert client.get("/open", headers=EVENT).headers["access-control-allow-origin"] == "*"
    head = client.head("/open", headers=EVENT)
    assert (head.status_code, head.content) == (202, b"")


def test_hooks_run_with_the_entry_and_not_before_the_202(connect: Connect):
    app = Jobs()
    ran: list[str] = []

    @app.before_request
    def before():
        ran.append(f"before {request.path_params} {request.method}")

    @app.after_request
    def after(response):
        ran.append("after")
        response.headers["x-after"] = "1"
        return response

    response = connect(app).post("/jobs/7", headers={**TOKEN, **EVENT})
    assert "x-after" not in response.headers
    assert app.stored.response.headers["x-after"] == "1"
    assert ran == ["before {'number': '7'} POST", "after"]


def test_errors_of_a_call_use_the_services_error_handlers(connect: Connect):
    app = Jobs()

    @app.errorhandler(413)
    def too_large(error):
        return f"{request.path_params['number']} is too large", 413

    response = connect(app).post("/jobs/7", headers={**TOKEN, **EVENT}, json={"note": "x" * 750_000})
    assert (response.status_code, response.text) == (413, "7 is too large")


def test_a_blueprints_entry_accepts_calls_below_its_prefix(connect: Connect):
    class Pages(Blueprint):
        @entry(background=True, no_auth=True)
        def get_page(self, number: int):
            return {"number": number}

        @entry(background=True, no_auth=True)
        async def get_parts(self, *parts):
            for part in parts:
                yield part

    app = StoringService()
    app.register_blueprint(Pages(), "/pages")
    client = connect(app)
    assert_accepted(client.get("/pages/page/3", headers=EVENT))
    assert app.stored.json == {"number": 3}
    app.stored.added.clear()
    assert_accepted(client.get("/pages/parts/a/b", headers=EVENT))
    assert app.stored.added.wait(PATIENCE)
    assert app.stored.items[1][0].body == b"ab"


def test_a_call_never_starts_another_even_if_a_middleware_adds_the_header(caplog: pytest.LogCaptureFixture):
    class HeaderMiddleware:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                scope = {**scope, "headers": [*scope["headers"], (b"invocationtype", b"Event")]}
            await self.app(scope, receive, send)

    app = Jobs(middleware=[Middleware(HeaderMiddleware)])
    with TestClient(app) as client:
        assert_accepted(client.get("/open"))
    assert [response.status_code for response, _ in app.stored.items] == [422]
    assert caplog.messages[-1].endswith("of get_open returned status 422")
