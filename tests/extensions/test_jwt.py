"""`JWT`: tokens of an identity provider over all transports."""

import base64
import json
import time
from typing import Any

import anyio
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from coworks_async import Problem, TechMicroService, entry, request
from coworks_async.extensions import JWT
from tests.clients import Connect
from tests.differences import differs
from tests.extensions.identity_provider import (
    AUDIENCE,
    DISCOVERY,
    IdentityProvider,
    ec_key,
    ed_key,
    encode_segment,
    rsa_key,
    to_jwk,
    to_pem,
)
from tests.pipeline.checks import assert_hidden_500, assert_problem, warnings_and_worse


class Links(TechMicroService):
    @entry
    async def get(self):
        return request.auth

    @entry("/links/{code}", scopes={"links:write"})
    async def put_link(self, code: str):
        return f"{code} by {request.auth['sub']}"


def with_jwt(provider: IdentityProvider, **settings: Any) -> Links:
    app = Links()
    JWT(app, **{"issuer": provider.issuer, "audience": AUDIENCE, **settings})
    return app


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


# --- accepted tokens


def test_the_claims_of_a_valid_token_are_the_principal(connect: Connect, provider: IdentityProvider):
    claims = {"sub": "ann", "exp": int(time.time()) + 60, "roles": ["admin"]}
    response = connect(with_jwt(provider)).get("/", headers=bearer(provider.sign(claims)))
    assert response.json() == {**claims, "iss": provider.issuer, "aud": AUDIENCE}


def test_the_keys_of_an_issuer_are_discovered_once(connect: Connect, provider: IdentityProvider):
    client = connect(with_jwt(provider))
    assert provider.requests == []
    for name in ("ann", "bob"):
        assert client.get("/", headers=bearer(provider.sign({"sub": name}))).json()["sub"] == name
    assert provider.requests == [DISCOVERY, "/jwks.json"]


def test_the_keys_may_have_another_url(connect: Connect, provider: IdentityProvider):
    client = connect(with_jwt(provider, jwks=provider.jwks_url))
    assert client.get("/", headers=bearer(provider.sign())).status_code == 200
    assert provider.requests == ["/jwks.json"]


def test_a_key_set_may_be_given(connect: Connect, provider: IdentityProvider):
    provider.keys["other"] = rsa_key("other")
    members = [to_jwk(key, kid=kid) for kid, key in provider.keys.items()]
    client = connect(with_jwt(provider, jwks={"keys": members}))
    for kid in ("rsa", "other"):
        assert client.get("/", headers=bearer(provider.sign(kid=kid))).status_code == 200
    assert provider.requests == []


ALGORITHMS: dict[str, Any] = {
    "RS256": rsa_key("rsa"),
    "PS512": rsa_key("rsa"),
    "ES256": ec_key("p256"),
    "ES384": ec_key("p384", ec.SECP384R1),
    "EdDSA": ed_key("ed"),
}


@pytest.mark.parametrize(("algorithm", "key"), ALGORITHMS.items(), ids=ALGORITHMS)
def test_a_public_key_is_used_without_any_request(
    connect: Connect, provider: IdentityProvider, algorithm: str, key: Any
):
    provider.keys = {"any": key}
    client = connect(with_jwt(provider, key=to_pem(key), algorithms=algorithm))
    token = provider.sign(kid="any", algorithm=algorithm)
    assert client.get("/", headers=bearer(token)).status_code == 200
    assert provider.requests == []


def test_a_secret_is_used_for_the_hs_algorithms(connect: Connect, provider: IdentityProvider):
    secret = "s" * 32
    provider.keys = {"any": secret.encode()}
    client = connect(with_jwt(provider, key=secret, algorithms=["HS256"], issuer=None, audience=None))
    token = provider.sign({"aud": None}, kid="any", algorithm="HS256")
    assert client.get("/", headers=bearer(token)).status_code == 200


def test_several_keys_and_algorithms_can_be_accepted(connect: Connect, provider: IdentityProvider):
    provider.keys |= {"p256": ec_key("p256"), "ed": ed_key("ed")}
    client = connect(with_jwt(provider, algorithms=["RS256", "ES256", "EdDSA"]))
    for kid, algorithm in (("rsa", "RS256"), ("p256", "ES256"), ("ed", "EdDSA")):
        assert client.get("/", headers=bearer(provider.sign(kid=kid, algorithm=algorithm))).status_code == 200


def test_one_of_several_audiences_is_enough(connect: Connect, provider: IdentityProvider):
    client = connect(with_jwt(provider, audience=["a", "b"]))
    for audience in ("b", ["c", "a"]):
        assert client.get("/", headers=bearer(provider.sign({"aud": audience}))).status_code == 200


def test_a_token_of_cognito_has_a_client_id_instead_of_an_audience(connect: Connect, provider: IdentityProvider):
    claims = {"aud": None, "client_id": "web", "token_use": "access"}
    client = connect(with_jwt(provider, audience=None, claims={"client_id": ["web", "app"], "token_use": "access"}))
    assert client.get("/", headers=bearer(provider.sign(claims))).status_code == 200


# --- rejected tokens

PAST = int(time.time()) - 1

REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": PAST}, "Token expired."),
    "without expiry": ({"exp": None}, "Missing claim: exp."),
    "expiry in text": ({"exp": "9999999999"}, "Invalid token."),
    "expiry is not a time": ({"exp": "later"}, "Invalid token."),
    "infinite": ({"exp": float("inf")}, "Invalid token."),
    "not yet valid": ({"nbf": 9_999_999_999}, "Token not yet valid."),
    "other issuer": ({"iss": "https://other.example/"}, "Wrong issuer."),
    "without issuer": ({"iss": None}, "Missing claim: iss."),
    "other audience": ({"aud": "other"}, "Wrong audience."),
    "without audience": ({"aud": None}, "Missing claim: aud."),
    "other use": ({"use": "id"}, "Wrong use."),
    "without use": ({"use": None}, "Wrong use."),
}


@differs("rest-rejected-token", "http-own-errors")
@pytest.mark.parametrize(("claims", "detail"), REJECTED.values(), ids=REJECTED)
def test_a_token_with_wrong_claims_is_a_401_with_the_reason(
    connect: Connect, provider: IdentityProvider, claims: dict[str, Any], detail: str
):
    client = connect(with_jwt(provider, claims={"use": {"access"}}))
    token = provider.sign({"use": "access", **claims})
    assert_problem(client.get("/", headers=bearer(token)), 401, "Unauthorized", detail)


def create_forgeries(provider: IdentityProvider) -> dict[str, tuple[str, str]]:
    """Return tokens that nobody must be able to make, with the expected reason."""
    valid = provider.sign()
    header, payload, signature = valid.split(".")
    claims = jwt.decode(valid, options={"verify_signature": False})
    public_pem = to_pem(provider.keys["rsa"]).encode()
    unsigned = f"{encode_segment({'alg': 'none', 'kid': 'rsa'})}.{payload}."
    # Signed with the public key as a secret; PyJWT itself refuses to do this.
    confused = jwt.encode(claims, base64.b64encode(public_pem), "HS256", headers={"kid": "rsa"})
    other = jwt.encode(claims, rsa_key("other"), "RS256", headers={"kid": "rsa"})
    unknown = jwt.encode(claims, rsa_key("other"), "RS256", headers={"kid": "unknown"})
    embedded = jwt.encode(claims, rsa_key("other"), "RS256", headers={"kid": "rsa", "jwk": {"kty": "RSA"}})
    critical = jwt.encode(claims, provider.keys["rsa"], "RS256", headers={"kid": "rsa", "crit": ["x"], "x": 1})
    elliptic = jwt.encode(claims, ec_key("p256"), "ES256", headers={"kid": "rsa"})
    nested = base64.urlsafe_b64encode(b'{"a":' + b"[" * 5000).decode()
    changed = f"{header}.{encode_segment({**claims, 'sub': 'eve'})}.{signature}"
    return {
        "unsigned": (unsigned, "Wrong algorithm. Allowed: RS256, ES384."),
        "symmetric": (confused, "Wrong algorithm. Allowed: RS256, ES384."),
        "other algorithm": (elliptic, "Wrong algorithm. Allowed: RS256, ES384."),
        "other key": (other, "Wrong signature."),
        "unknown key": (unknown, "Unknown signing key."),
        "embedded key": (embedded, "Wrong signature."),
        "changed": (changed, "Wrong signature."),
        "critical header": (critical, "Malformed token."),
        "algorithm for another key": (
            f"{encode_segment({'alg': 'ES384', 'kid': 'rsa'})}.{payload}.{signature}",
            "Unknown signing key.",
        ),
        "key id that is not text": (
            f"{encode_segment({'alg': 'RS256', 'kid': 7})}.{payload}.{signature}",
            "Malformed token.",
        ),
        "deeply nested": (f"{nested}.{payload}.{signature}", "Malformed token."),
        "no segments": ("token", "Malformed token."),
        "encrypted": (f"{valid}.a.b", "Malformed token."),
        "not ASCII": ("é.é.é", "Malformed token."),
    }


@differs("rest-rejected-token", "http-own-errors")
def test_a_forged_token_is_a_401_with_the_reason(connect: Connect, provider: IdentityProvider):
    client = connect(with_jwt(provider, algorithms=["RS256", "ES384"]))
    for name, (token, detail) in create_forgeries(provider).items():
        response = client.get("/", headers=[(b"authorization", f"Bearer {token}".encode("latin-1"))])
        assert (response.status_code, response.json()["detail"]) == (401, detail), name


@differs("http-rejected-token")
def test_a_forged_token_is_a_401(connect: Connect, provider: IdentityProvider, caplog: pytest.LogCaptureFixture):
    client = connect(with_jwt(provider, algorithms=["RS256", "ES384"]))
    assert client.get("/", headers=bearer(provider.sign())).status_code == 200
    for name, (token, _) in create_forgeries(provider).items():
        headers = [(b"authorization", f"Bearer {token}".encode("latin-1"))]
        assert client.get("/", headers=headers).status_code == 401, name
    assert warnings_and_worse(caplog) == []


@differs("rest-rejected-token", "http-own-errors", "remapped-headers")
def test_the_challenge_has_the_reason(connect: Connect, provider: IdentityProvider):
    response = connect(with_jwt(provider)).get("/", headers=bearer(provider.sign({"exp": PAST})))
    challenge = 'Bearer realm="links", error="invalid_token", error_description="Token expired."'
    assert response.headers["www-authenticate"] == challenge


def test_a_token_is_a_401_from_its_expiry_on_also_if_a_gateway_has_cached_the_result(
    connect: Connect, provider: IdentityProvider
):
    client = connect(with_jwt(provider))
    expiry = time.time() + 1.5
    token = bearer(provider.sign({"exp": expiry}))
    assert client.get("/", headers=token).status_code == 200
    time.sleep(max(expiry - time.time(), 0))
    assert_problem(client.get("/", headers=token), 401, "Unauthorized", "Token expired.")


def test_the_leeway_extends_the_expiry_on_every_transport(connect: Connect, provider: IdentityProvider):
    client = connect(with_jwt(provider, leeway=30))
    exp = int(time.time()) - 10
    token = bearer(provider.sign({"exp": exp, "nbf": exp + 30}))
    for _ in range(2):
        assert client.get("/", headers=token).json()["exp"] == exp + 30


# --- scopes


def test_scopes_of_the_token_give_access_to_entries(connect: Connect, provider: IdentityProvider):
    client = connect(with_jwt(provider))
    allowed, denied = provider.sign({"scope": "openid links:write"}), provider.sign({"scope": "openid"})
    assert client.put("/links/a", headers=bearer(allowed)).text == "a by ann"
    response = client.put("/links/a", headers=bearer(denied))
    assert_problem(response, 403, "Forbidden", "Missing scope: links:write.")
    assert client.put("/links/a").status_code == 401


def test_scope_claim_names_another_claim(connect: Connect, provider: IdentityProvider):
    client = connect(with_jwt(provider, scope_claim="permissions"))
    cases: list[tuple[dict[str, Any], int]] = [
        ({"permissions": ["links:write"]}, 200),
        ({"permissions": [], "scope": "links:write"}, 403),
        ({"scope": "links:write"}, 403),
    ]
    for claims, status in cases:
        assert client.put("/links/a", headers=bearer(provider.sign(claims))).status_code == status


# --- providers that fail


@differs("http-own-errors")
def test_a_provider_that_fails_is_a_logged_500_and_is_asked_again(
    connect: Connect, provider: IdentityProvider, caplog: pytest.LogCaptureFixture
):
    client = connect(with_jwt(provider))
    provider.responses = {"/jwks.json": (503, b"secret")}
    token = bearer(provider.sign())
    assert_hidden_500(client.get("/", headers=token))
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == f"JWT: {provider.jwks_url} returned status 503; access denied"
    provider.responses = {}
    assert client.get("/", headers=token).status_code == 200


# --- your own authorizer


class Own(Links):
    async def token_authorizer(self, token: str):
        claims = await self.extensions["jwt"].verify(token)
        if claims["sub"] == "eve":
            raise Problem(403, "Not you.")
        return {"sub": claims["sub"].title(), "exp": claims["exp"]}


def test_a_class_with_its_own_authorizer_verifies_tokens_itself(connect: Connect, provider: IdentityProvider):
    app = Own()
    JWT(app, issuer=provider.issuer, audience=AUDIENCE)
    client = connect(app)
    assert client.get("/", headers=bearer(provider.sign())).json()["sub"] == "Ann"
    assert client.get("/", headers=bearer(provider.sign({"sub": "eve"}))).status_code == 403


def test_the_problem_of_verify_never_contains_a_part_of_the_token(provider: IdentityProvider):
    verify = with_jwt(provider).extensions["jwt"].verify

    async def check() -> None:
        for token, _ in create_forgeries(provider).values():
            with pytest.raises(Problem) as raised:
                await verify(token)
            parts = [part for part in token.split(".") if len(part) > 5]
            assert not [part for part in parts if part in json.dumps(raised.value.detail)]

    anyio.run(check)
