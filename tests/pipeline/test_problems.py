"""Problems: every error is problem+json, the same on every Python version."""

import http.client
import logging
from datetime import date
from decimal import Decimal
from http import HTTPStatus

import pytest
from starlette.exceptions import HTTPException

from coworks_async import Problem, ReturnError, TechMicroService, entry
from coworks_async.pipeline.errors import status_title
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import assert_hidden_500, assert_logged_once, assert_problem, warnings_and_worse


def raising(*errors: Exception) -> TechMicroService:
    """Create a service that raises each of these errors at its index."""

    class Raising(TechMicroService):
        @entry(no_auth=True)
        async def get(self, number: int):
            raise errors[number]

    return Raising()


class Closed(TechMicroService):
    """An entry that requires a token, and one with a number."""

    async def token_authorizer(self, token: str):
        if token == "broken":
            raise RuntimeError
        return token == "token"

    @entry
    async def get(self):
        return "in"

    @entry(no_auth=True)
    async def post(self, number: int = 0):
        return number


@differs("rest-missing-route", "http-own-errors")
def test_each_status_of_the_contract_is_a_problem(connect: Connect):
    app = Closed(max_body_size=100)
    client = connect(app)
    json = {"content-type": "application/json"}
    cases = [
        (client.post("/", content=b"{", headers=json), 400, "Bad Request"),
        (client.get("/"), 401, "Unauthorized"),
        (client.get("/", headers={"authorization": "other"}), 403, "Forbidden"),
        (client.get("/nowhere"), 404, "Not Found"),
        (client.delete("/"), 405, "Method Not Allowed"),
        (client.post("/", content=b"1" * 101, headers=json), 413, "Content Too Large"),
        (client.post("/", content=b"<a/>", headers={"content-type": "text/xml"}), 415, "Unsupported Media Type"),
        (client.post("/", content=b'{"number": "x"}', headers=json), 422, "Unprocessable Content"),
        (client.get("/", headers={"authorization": "broken"}), 500, "Internal Server Error"),
    ]
    for response, status, title in cases:
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", title, status)
        assert set(problem) <= {"type", "title", "status", "detail", "errors"}
        assert ("errors" in problem) == (status == 422)


def test_a_422_lists_where_name_expected_and_detail(connect: Connect):
    response = connect(Closed()).post("/?nope=1", json={"number": "x"})
    assert (response.status_code, response.json()["detail"]) == (422, "Invalid: number, nope.")
    errors = response.json()["errors"]
    assert [(error["where"], error["name"], error["expected"]) for error in errors] == [
        ("body", "number", "int"),
        ("query", "nope", "nothing"),
    ]
    assert all(set(error) == {"where", "name", "expected", "detail"} and error["detail"] for error in errors)


def test_a_problem_is_raised_with_its_status_and_detail(connect: Connect):
    client = connect(raising(Problem(409, "Already there."), Problem(409)))
    assert_problem(client.get("/0"), 409, "Conflict", "Already there.")
    assert_problem(client.get("/1"), 409, "Conflict")


def test_a_problem_has_its_type_title_and_extensions(connect: Connect):
    out_of_stock = Problem(
        409,
        "Only 3 pens are left.",
        {"x-kind": "stock"},
        type="https://example.com/out-of-stock",
        title="Out of stock",
        extensions={"left": 3, "price": Decimal("1.50"), "since": date(2026, 1, 2), "instance": "/orders/7"},
    )
    response = connect(raising(out_of_stock)).get("/0")
    assert (response.status_code, response.headers["x-kind"]) == (409, "stock")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.text == (
        '{"type":"https://example.com/out-of-stock","title":"Out of stock","status":409,'
        '"detail":"Only 3 pens are left.","left":3,"price":"1.50","since":"2026-01-02","instance":"/orders/7"}'
    )


def test_a_type_without_a_title_has_the_phrase_of_the_status(connect: Connect):
    response = connect(raising(Problem(404, type="https://example.com/no-such-pen"))).get("/0")
    assert response.json() == {"type": "https://example.com/no-such-pen", "title": "Not Found", "status": 404}


@pytest.mark.parametrize("name", ["type", "title", "status", "detail", "errors"])
def test_an_extension_cannot_replace_another_member(name: str):
    with pytest.raises(
        ValueError, match=rf"Problem\(extensions=...\): '{name}' is a reserved member of problems. Rename"
    ):
        Problem(409, extensions={name: 1})


@pytest.mark.parametrize("value", [object(), float("nan")])
def test_an_extension_that_is_not_valid_json_is_a_logged_500(
    connect: Connect, caplog: pytest.LogCaptureFixture, value: object
):
    assert_hidden_500(connect(raising(Problem(409, extensions={"value": value}))).get("/0"))
    assert_logged_once(caplog, warnings_and_worse(caplog)[0].getMessage(), ReturnError)


def test_an_http_exception_is_a_problem_with_its_headers(connect: Connect):
    error = HTTPException(503, "Later, please.", headers={"Retry-After": "30", "x-kind": "busy"})
    response = connect(raising(error)).get("/0")
    assert_problem(response, 503, "Service Unavailable", "Later, please.")
    assert (response.headers["retry-after"], response.headers["x-kind"]) == ("30", "busy")


def test_an_http_exception_is_not_logged(connect: Connect, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    connect(raising(HTTPException(500, "Detail."), Problem(404))).get("/0")
    assert warnings_and_worse(caplog) == []


def test_the_phrase_of_the_status_is_not_repeated_as_detail(connect: Connect):
    statuses = [400, 404, 413, 414, 416, 418, 422, 451, 500, 503]
    client = connect(raising(*(HTTPException(status, http.client.responses[status]) for status in statuses)))
    for number, status in enumerate(statuses):
        assert_problem(client.get(f"/{number}"), status, status_title(status))


@differs("rest-content-type")
def test_a_bodiless_status_has_no_body(connect: Connect):
    client = connect(raising(*(HTTPException(status, headers={"x-kind": "a"}) for status in (204, 205, 304))))
    for number, status in enumerate((204, 205, 304)):
        response = client.get(f"/{number}")
        assert (response.status_code, response.content, response.headers["x-kind"]) == (status, b"", "a")
        assert "content-type" not in response.headers


def test_an_unknown_status_is_a_problem(connect: Connect):
    client = connect(raising(HTTPException(499, "Gone away."), HTTPException(299, "Strange.")))
    assert_problem(client.get("/0"), 499, "Error", "Gone away.")
    assert_problem(client.get("/1"), 299, "Response", "Strange.")


def test_an_http_exception_that_cannot_be_sent_is_a_logged_500(connect: Connect, caplog: pytest.LogCaptureFixture):
    errors = [
        HTTPException(101),
        HTTPException(0),
        HTTPException(600),
        HTTPException(400, headers={"x": "a\r\nb"}),
        HTTPException(400, headers={"x": "€"}),
        HTTPException(400, object()),  # type: ignore[arg-type]
    ]
    client = connect(raising(*errors))
    for number in range(len(errors)):
        caplog.clear()
        assert_hidden_500(client.get(f"/{number}"))
        [record] = warnings_and_worse(caplog)
        assert "GET /{number} (raising.<locals>.Raising.get)" in record.getMessage()
        assert record.exc_info is not None


def test_a_500_never_shows_the_text_of_the_exception(connect: Connect):
    response = connect(raising(ValueError("postgres://user:secret@db"))).get("/0")
    assert_hidden_500(response)
    assert "secret" not in response.text + str(response.headers)


def test_a_bug_is_logged_once_with_its_traceback(connect: Connect, caplog: pytest.LogCaptureFixture):
    connect(raising(ValueError("why"))).get("/0")
    assert_logged_once(caplog, "GET /{number} (raising.<locals>.Raising.get) failed", ValueError)


def test_an_exception_group_is_a_500(connect: Connect, caplog: pytest.LogCaptureFixture):
    assert_hidden_500(connect(raising(ExceptionGroup("both", [ValueError(), KeyError()]))).get("/0"))
    assert_logged_once(caplog, "GET /{number} (raising.<locals>.Raising.get) failed", ExceptionGroup)


def test_the_problem_of_a_head_has_no_body_and_the_same_length(connect: Connect):
    client = connect(raising(Problem(409, "Already there.")))
    get, head = client.get("/0"), client.head("/0")
    assert (head.status_code, head.content) == (409, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_the_titles_are_the_same_on_every_python():
    """RFC 9110 renamed four of them; Python follows since 3.13."""
    renamed = {
        413: "Content Too Large",
        414: "URI Too Long",
        416: "Range Not Satisfiable",
        422: "Unprocessable Content",
    }
    for status in HTTPStatus:
        assert status_title(status) == renamed.get(status, status.phrase)
