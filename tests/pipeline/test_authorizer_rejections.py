"""Reasons for a rejected token: `token_authorizer` raises or returns a `Problem` of status 401 or 403."""

import logging
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from coworks_async import Problem, TechMicroService, entry
from tests.clients import Connect, in_process
from tests.differences import differs
from tests.pipeline.checks import assert_hidden_500, assert_problem, warnings_and_worse


class Shop(TechMicroService):
    problem: HTTPException = Problem(401, "The session has ended.")

    async def token_authorizer(self, token: str) -> Any:
        if token == "raise":
            raise self.problem
        return self.problem

    @entry
    async def get(self):
        return "in"


class Links(Shop):
    auth_scheme = "Bearer"


def token(value: str) -> dict[str, str]:
    return {"authorization": value}


def with_problem(app: Shop, problem: HTTPException) -> Shop:
    app.problem = problem
    return app


@differs("http-rejected-token", "remapped-headers")
def test_a_problem_of_status_401_is_a_401_with_a_challenge(connect: Connect):
    client = connect(Shop())
    for value in ("raise", "return"):
        response = client.get("/", headers=token(value))
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Token realm="shop"'
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("status", [401, 403])
@differs("rest-rejected-token", "http-own-errors")
def test_the_response_contains_the_reason(connect: Connect, status: int):
    client = connect(with_problem(Shop(), Problem(status, "The session has ended.")))
    title = {401: "Unauthorized", 403: "Forbidden"}[status]
    for value in ("raise", "return"):
        assert_problem(client.get("/", headers=token(value)), status, title, "The session has ended.")


@differs("rest-rejected-token", "http-own-errors", "remapped-headers")
def test_the_challenge_of_the_scheme_bearer_contains_the_reason(connect: Connect):
    app = with_problem(Links(), Problem(401, 'Not "valid".'))
    challenge = 'Bearer realm="links", error="invalid_token", error_description="Not -valid-."'
    assert connect(app).get("/", headers=token("Bearer raise")).headers["www-authenticate"] == challenge


@differs("rest-rejected-token", "http-own-errors", "remapped-headers")
@pytest.mark.parametrize(("detail", "description"), [([1, 2], "[1, 2]"), (5, "5"), ({"code": 1}, "{'code': 1}")])
def test_a_reason_that_is_not_text_is_sent_as_in_any_problem(connect: Connect, detail: Any, description: str):
    response = connect(with_problem(Links(), Problem(401, detail))).get("/", headers=token("Bearer raise"))
    assert (response.status_code, response.json()["detail"]) == (401, detail)
    challenge = f'Bearer realm="links", error="invalid_token", error_description="{description}"'
    assert response.headers["www-authenticate"] == challenge


@differs("rest-rejected-token", "http-own-errors", "remapped-headers")
def test_a_challenge_of_the_problem_replaces_the_default(connect: Connect):
    problem = Problem(401, "Sign in again.")
    problem.headers = {"WWW-Authenticate": "Negotiate", "x-hint": "kerberos"}
    response = connect(with_problem(Shop(), problem)).get("/", headers=token("raise"))
    assert response.headers.get_list("www-authenticate") == ["Negotiate"]
    assert response.headers["x-hint"] == "kerberos"


@pytest.mark.parametrize("headers", [{"WWW-Authenticate": "Negotiate €"}, {"x-hint": 5}, [("x-hint", "a")]])
def test_a_problem_with_headers_that_cannot_be_sent_is_a_failure_of_the_authorizer(
    caplog: pytest.LogCaptureFixture, headers: Any
):
    problem = Problem(401, "Sign in again.")
    problem.headers = headers
    with in_process(with_problem(Shop(), problem)) as client:
        assert_hidden_500(client.get("/", headers=token("raise")))
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == (
        "token_authorizer returned a Problem whose headers do not map names to values, both latin-1 strings; "
        "access denied"
    )


def test_a_403_has_no_challenge(connect: Connect):
    response = connect(with_problem(Shop(), Problem(403))).get("/", headers=token("raise"))
    assert response.status_code == 403
    assert not [name for name in response.headers if "www-authenticate" in name]


@differs("http-rejected-token")
def test_an_http_exception_of_starlette_rejects_as_well(connect: Connect):
    client = connect(with_problem(Shop(), HTTPException(401)))
    assert [client.get("/", headers=token(value)).status_code for value in ("raise", "return")] == [401, 401]


def test_a_problem_that_is_raised_for_each_request_collects_no_frames(connect: Connect):
    app = with_problem(Shop(), Problem(403))
    client = connect(app)
    for value in ("raise", "return", "return"):
        assert client.get("/", headers=token(value)).status_code == 403
    assert app.problem.__traceback__ is None


def test_a_rejection_runs_no_hook_and_is_not_logged(connect: Connect, caplog: pytest.LogCaptureFixture):
    reached: list[str] = []
    app = with_problem(Shop(), Problem(403, "Not you."))
    app.before_request(lambda: reached.append("before"))
    app.after_request(lambda response: reached.append("after"))
    app.teardown_request(lambda error: reached.append("teardown"))
    app.errorhandler(403)(lambda error: reached.append("errorhandler"))
    client = connect(app)
    for value in ("raise", "return"):
        assert client.get("/", headers=token(value)).status_code == 403
    assert (reached, warnings_and_worse(caplog)) == ([], [])


@differs("http-own-errors")
@pytest.mark.parametrize("status", [400, 409, 500, 503])
def test_a_problem_of_another_status_is_a_failure_of_the_authorizer(
    connect: Connect, caplog: pytest.LogCaptureFixture, status: int
):
    client = connect(with_problem(Shop(), Problem(status, "secret")))
    assert_hidden_500(client.get("/", headers=token("raise")))
    assert_hidden_500(client.get("/", headers=token("return")))
    raised, returned = warnings_and_worse(caplog)
    assert raised.getMessage().startswith("token_authorizer failed; access denied\n")
    assert returned.getMessage() == (
        f"token_authorizer returned a {status}, but only 401 and 403 reject a token; access denied"
    )
    assert (returned.levelno, "secret" in caplog.text) == (logging.ERROR, False)


@differs("rest-rejected-token", "http-own-errors")
def test_the_response_contains_the_extension_members_of_the_problem(connect: Connect):
    problem = Problem(403, "Too many devices.", type="https://example.com/devices", extensions={"limit": 3})
    response = connect(with_problem(Shop(), problem)).get("/", headers=token("raise"))
    assert (response.status_code, response.json()["limit"]) == (403, 3)
    assert response.json()["type"] == "https://example.com/devices"


@differs("rest-rejected-token", "http-own-errors")
def test_a_problem_that_cannot_be_sent_is_a_500(connect: Connect, caplog: pytest.LogCaptureFixture):
    client = connect(with_problem(Shop(), Problem(403, "No.", extensions={"limit": object()})))
    assert_hidden_500(client.get("/", headers=token("raise")))
    (record,) = warnings_and_worse(caplog)
    assert record.getMessage().startswith("token_authorizer returned dict, which cannot be encoded")
