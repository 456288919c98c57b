"""Asynchronous calls: a 202 at once, and the entry later, the same over every transport."""

import pytest
from starlette.middleware import Middleware

from coworks_async import Blueprint, entry, request
from coworks_async.testing import TestClient
from tests.cli.processes import until
from tests.clients import Connect
from tests.pipeline.jobs import ANN, EVENT, TOKEN, Jobs, Keeping, assert_accepted
from tests.tools import PATIENCE


def test_a_call_is_answered_202_and_its_entry_runs_later_as_it_would_have_run_at_once(connect: Connect):
    app = Jobs()
    client = connect(app)
    headers = {**TOKEN, "x-mine": "1"}
    content = {"note": "é", "depth": 2}
    at_once = client.post("/jobs/7", headers=headers, json=content).json()
    assert_accepted(client.post("/jobs/7", headers={**headers, **EVENT}, json=content))
    assert app.kept.response.status_code == 200
    later = app.kept.json
    assert (later["number"], later["note"], later["depth"], later["auth"]) == (7, "é", 2, ANN)
    assert (later["url"], later["own"]) == (at_once["url"], at_once["own"])
    assert later["headers"] == [name for name in at_once["headers"] if name != "authorization"]


def test_the_answer_is_kept_with_the_headers_of_its_request_but_not_the_token(connect: Connect):
    app = Jobs()
    connect(app).post("/jobs/7?note=a%26b", headers={**TOKEN, **EVENT, "X-Mine": "1"})
    assert app.kept.response.headers["content-type"] == "application/json"
    assert app.kept.json["note"] == "a&b"
    [(_, headers)] = app.kept.answers
    assert headers["x-mine"] == "1"
    assert "s3cr3t" not in str(headers)
    assert "invocationtype" not in headers


def test_a_token_of_another_header_is_not_kept_either(connect: Connect):
    class Keyed(Jobs):
        token_key = "X-Api-Key"

    app = Keyed()
    connect(app).post("/jobs/7", headers={"X-Api-Key": "s3cr3t", **EVENT})
    assert app.kept.json["auth"] == ANN
    assert "s3cr3t" not in str(app.kept.answers[0][1])


@pytest.mark.parametrize("value", ["Event", "event", "EVENT"])
def test_the_value_is_known_in_any_letter_case(connect: Connect, value: str):
    app = Jobs()
    assert_accepted(connect(app).get("/open", headers={"invocationTYPE": value}))
    assert app.kept.json == {"auth": None}


def test_a_request_response_call_is_an_ordinary_one(connect: Connect):
    client = connect(Jobs())
    for path in ("/open", "/plain", "/plain/items/3"):
        assert client.get(path, headers={"InvocationType": "requestResponse"}).status_code == 200
    assert client.post("/plain", headers={"InvocationType": "RequestResponse"}, json={"number": 1}).text == "plain"


def test_arguments_are_bound_later_and_what_is_wrong_is_the_answer_that_is_kept(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    app = Jobs()
    request_id = assert_accepted(connect(app).post("/jobs/x", headers={**TOKEN, **EVENT}))
    assert app.kept.response.status_code == 422
    assert app.kept.response.headers["content-type"] == "application/problem+json"
    assert [error["name"] for error in app.kept.json["errors"]] == ["number"]
    assert f"The background call {request_id} of post_jobs was answered 422" in caplog.messages


def test_a_failure_of_the_entry_is_logged_with_the_request_id_and_kept_as_a_problem(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    app = Jobs()
    request_id = assert_accepted(connect(app).get("/failing", headers=EVENT))
    assert app.kept.json == {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert f"The background call {request_id} of get_failing was answered 500" in caplog.messages
    assert "the reason" in caplog.text


def test_a_failure_to_keep_the_answer_is_logged_with_the_request_id(connect: Connect, caplog: pytest.LogCaptureFixture):
    class Losing(Jobs):
        def store_response(self, response, headers):
            self.kept.keep(response, headers)
            raise OSError("the disk is full")

    app = Losing()
    client = connect(app)
    request_id = assert_accepted(client.get("/open", headers=EVENT))
    assert app.kept.response.status_code == 200
    until(lambda: "was not stored" in caplog.text)
    # The next request finds the service as it was.
    assert client.get("/plain").text == "plain"
    records = [record for record in caplog.records if "was not stored" in record.getMessage()]
    assert [record.getMessage() for record in records] == [
        f"The response of the background call {request_id} of get_open was not stored"
    ]
    assert records[0].exc_info is not None
    assert "s3cr3t" not in caplog.text


def test_the_202_of_an_open_entry_is_open_to_browsers_and_a_heads_has_no_body(connect: Connect):
    client = connect(Jobs())
    assert client.get("/open", headers=EVENT).headers["access-control-allow-origin"] == "*"
    head = client.head("/open", headers=EVENT)
    assert (head.status_code, head.content) == (202, b"")


def test_the_hooks_run_with_the_entry_and_not_before_the_202(connect: Connect):
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

    answer = connect(app).post("/jobs/7", headers={**TOKEN, **EVENT})
    assert "x-after" not in answer.headers
    assert app.kept.response.headers["x-after"] == "1"
    assert ran == ["before {'number': '7'} POST", "after"]


def test_the_errors_of_a_call_are_answered_by_the_services_handlers(connect: Connect):
    app = Jobs()

    @app.errorhandler(413)
    def too_large(error):
        return f"{request.path_params['number']} is too large", 413

    answer = connect(app).post("/jobs/7", headers={**TOKEN, **EVENT}, json={"note": "x" * 750_000})
    assert (answer.status_code, answer.text) == (413, "7 is too large")


def test_an_entry_of_a_blueprint_is_called_below_its_prefix(connect: Connect):
    class Pages(Blueprint):
        @entry(background=True, no_auth=True)
        def get_page(self, number: int):
            return {"number": number}

        @entry(background=True, no_auth=True)
        async def get_parts(self, *parts):
            for part in parts:
                yield part

    app = Keeping()
    app.register_blueprint(Pages(), "/pages")
    client = connect(app)
    assert_accepted(client.get("/pages/page/3", headers=EVENT))
    assert app.kept.json == {"number": 3}
    app.kept.told.clear()
    assert_accepted(client.get("/pages/parts/a/b", headers=EVENT))
    assert app.kept.told.wait(PATIENCE)
    assert app.kept.answers[1][0].body == b"ab"


def test_no_call_makes_another_even_where_a_middleware_asks_for_it(caplog: pytest.LogCaptureFixture):
    class Asking:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                scope = {**scope, "headers": [*scope["headers"], (b"invocationtype", b"Event")]}
            await self.app(scope, receive, send)

    app = Jobs(middleware=[Middleware(Asking)])
    with TestClient(app) as client:
        assert_accepted(client.get("/open"))
    assert [response.status_code for response, _ in app.kept.answers] == [422]
    assert caplog.messages[-1].endswith("of get_open was answered 422")
