"""`auth_scheme`: the scheme before the token, in the challenge and in the header."""

import pytest

from coworks_async import DeclarationError, TechMicroService, entry, request
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import assert_problem


class Links(TechMicroService):
    auth_scheme = "Bearer"

    async def token_authorizer(self, token: str):
        return {"token": token}

    @entry
    async def get(self):
        return request.auth


def token(value: str) -> dict[str, str]:
    return {"authorization": value}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_is_removed_in_any_letter_case(connect: Connect, scheme: str):
    assert connect(Links()).get("/", headers=token(f"{scheme} a.b c")).json() == {"token": "a.b c"}


@differs("http-rejected-token")
@pytest.mark.parametrize("value", ["a.b.c", "Basic dTpw", "Bearer", "Bearera.b.c", "Token a.b.c"])
def test_a_header_without_the_scheme_is_a_missing_token(connect: Connect, value: str):
    assert_problem(connect(Links()).get("/", headers=token(value)), 401, "Unauthorized", "A valid token is required.")


@differs("http-own-errors", "remapped-headers")
def test_the_challenge_has_the_scheme_and_no_reason_for_a_missing_token(connect: Connect):
    response = connect(Links()).get("/")
    assert (response.status_code, response.headers["www-authenticate"]) == (401, 'Bearer realm="links"')


def test_a_repeated_header_is_one_token(connect: Connect):
    headers = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")]
    assert connect(Links()).get("/", headers=headers).json() == {"token": "a,Bearer b"}


def test_any_scheme_is_possible_in_any_header(connect: Connect):
    class Keyed(Links):
        auth_scheme = "ApiKey"
        token_key = "X-Auth"

    client = connect(Keyed())
    assert client.get("/", headers={"x-auth": "apikey 7"}).json() == {"token": "7"}
    assert client.get("/", headers=token("ApiKey 7")).status_code == 401


@pytest.mark.parametrize("scheme", ["", "Bearer ", "Bearer:", "Bärer", 1])
def test_an_invalid_scheme_is_a_declaration_error(scheme: str):
    class Service(TechMicroService):
        auth_scheme = scheme

    with pytest.raises(DeclarationError, match=r"^Service.auth_scheme: .* is not a valid scheme, such as \"Bearer\"\."):
        Service()
