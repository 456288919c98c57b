"""`@entry(scopes=...)`: a principal without the required scopes gets a 403 that names them."""

from typing import Any

import pytest

from coworks_async import TechMicroService, entry, request
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import assert_problem

PRINCIPALS: dict[str, Any] = {
    "none": True,
    "read": {"scope": "links:read"},
    "both": {"scope": "links:read  links:write"},
    "list": {"scope": ["links:write", "links:read", 7]},
    "scp": {"scp": ["links:write"]},
    "scope first": {"scope": "", "scp": ["links:write"]},
    "number": {"scope": 7},
    "longer": {"scope": "links:writer"},
}


class Links(TechMicroService):
    async def token_authorizer(self, token: str):
        return PRINCIPALS.get(token)

    @entry(scopes="links:read")
    async def get(self):
        return "read"

    @entry(scopes={"links:write"})
    async def post(self, url: str = ""):
        return f"written {url}"

    @entry(scopes=("links:write", "links:admin"), no_cors=False)
    async def delete(self):
        return "deleted"

    @entry
    async def get_any(self):
        return request.auth


class BearerLinks(Links):
    auth_scheme = "Bearer"


def token(value: str) -> dict[str, str]:
    return {"authorization": value}


def test_a_principal_with_the_scope_is_allowed(connect: Connect):
    client = connect(Links())
    for value in ("both", "list", "scp"):
        assert client.post("/", headers=token(value)).status_code == 200
    for value in ("read", "both", "list"):
        assert client.get("/", headers=token(value)).text == "read"
    assert client.get("/any", headers=token("none")).json() == {}


@pytest.mark.parametrize("value", ["none", "read", "scope first", "number", "longer"])
def test_a_principal_without_the_scope_gets_a_403_that_names_it(connect: Connect, value: str):
    response = connect(Links()).post("/?unknown=1", headers=token(value))
    assert_problem(response, 403, "Forbidden", "Missing scope: links:write.")


def test_all_missing_scopes_are_named(connect: Connect):
    client = connect(Links())
    response = client.delete("/", headers={**token("read"), "origin": "https://elsewhere.example"})
    assert_problem(response, 403, "Forbidden", "Missing scopes: links:admin, links:write.")
    assert response.headers["access-control-allow-origin"] == "*"
    response = client.delete("/", headers=token("both"))
    assert_problem(response, 403, "Forbidden", "Missing scope: links:admin.")


@differs("rest-challenge", "remapped-headers")
def test_the_challenge_of_the_scheme_bearer_names_the_required_scopes(connect: Connect):
    client = connect(BearerLinks())
    challenge = client.delete("/", headers=token("Bearer both")).headers["www-authenticate"]
    assert challenge == 'Bearer realm="bearerlinks", error="insufficient_scope", scope="links:admin links:write"'


def test_other_schemes_have_no_challenge_for_scopes(connect: Connect):
    response = connect(Links()).post("/", headers=token("read"))
    assert not [name for name in response.headers if "www-authenticate" in name]


def test_no_hook_runs_without_the_scope(connect: Connect):
    reached: list[str] = []
    app = Links()
    app.before_request(lambda: reached.append("before"))
    app.errorhandler(403)(lambda error: reached.append("errorhandler"))
    assert connect(app).post("/", headers=token("read")).status_code == 403
    assert reached == []


def test_an_asynchronous_call_needs_the_scope_before_it_is_accepted(connect: Connect):
    class Jobs(Links):
        @entry(scopes="jobs", background=True)
        async def put(self):
            """Runs later."""

    response = connect(Jobs()).put("/", headers={**token("read"), "InvocationType": "Event"})
    assert_problem(response, 403, "Forbidden", "Missing scope: jobs.")
