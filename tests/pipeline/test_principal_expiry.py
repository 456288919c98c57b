"""`exp` of a principal: its access ends at that time, also behind a gateway that caches the authorizer's result."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from coworks_async import TechMicroService, entry, request
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import assert_hidden_500, assert_problem, warnings_and_worse

LIFETIME = 0.6


class Sessions(TechMicroService):
    """Its sessions last for `LIFETIME` from their first use; one of them is prolonged each time it is checked."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[str, float] = {}

    async def token_authorizer(self, token: str):
        end = time.time() + LIFETIME
        self.ends[token] = end if token == "prolonged" else self.ends.get(token, end)
        return {"exp": self.ends[token]}

    @entry
    async def get(self):
        return request.auth


class Fixed(TechMicroService):
    principal: Any = None

    async def token_authorizer(self, token: str):
        return self.principal

    @entry
    async def get(self):
        return request.auth


def fixed(principal: object) -> Fixed:
    app = Fixed()
    app.principal = principal
    return app


TOKEN = {"authorization": "a"}


def test_an_expired_principal_is_a_401_within_a_second_also_if_a_gateway_has_cached_it(connect: Connect):
    client = connect(Sessions())
    assert client.get("/", headers=TOKEN).status_code == 200
    time.sleep(LIFETIME)
    response = client.get("/", headers=TOKEN)
    assert_problem(response, 401, "Unauthorized", "Token expired.")
    challenge = response.headers.get("www-authenticate") or response.headers["x-amzn-remapped-www-authenticate"]
    assert challenge == 'Token realm="sessions"'


def test_after_the_expiry_of_a_cached_principal_the_service_asks_the_authorizer_again(connect: Connect):
    client = connect(Sessions())
    headers = {"authorization": "prolonged"}
    first = client.get("/", headers=headers).json()["exp"]
    time.sleep(LIFETIME)
    assert client.get("/", headers=headers).json()["exp"] > first


@differs("http-rejected-token")
def test_a_principal_that_has_expired_before_its_first_request_is_a_401(connect: Connect):
    assert connect(fixed({"exp": int(time.time())})).get("/", headers=TOKEN).status_code == 401


@pytest.mark.parametrize("principal", [{"exp": 2**40}, {"exp": 1e12}, {"exp": None}, {"expires": 0}])
def test_a_principal_with_a_later_time_or_none_is_allowed(connect: Connect, principal: dict[str, Any]):
    assert connect(fixed(principal)).get("/", headers=TOKEN).json() == principal


@differs("http-own-errors")
@pytest.mark.parametrize("exp", ["1", True, datetime(2099, 1, 1, tzinfo=UTC), [1]])
def test_an_exp_that_is_not_a_number_is_a_500(connect: Connect, caplog: pytest.LogCaptureFixture, exp: object):
    assert_hidden_500(connect(fixed({"exp": exp})).get("/", headers=TOKEN))
    [record] = warnings_and_worse(caplog)
    kind = "str" if isinstance(exp, datetime) else type(exp).__name__
    assert record.getMessage() == (
        f"token_authorizer returned a {kind} as exp. It must be a number: seconds since the epoch; access denied"
    )
