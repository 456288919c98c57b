"""Arguments of `JWT`: mistakes are errors when the service is created."""

import sys
from typing import Any

import pytest
from starlette.testclient import TestClient

from coworks_async import DeclarationError, TechMicroService, entry
from coworks_async.extensions import JWT
from tests.extensions.identity_provider import AUDIENCE, ec_key, rsa_key, to_jwk, to_pem

ISSUER = "https://example.eu.auth0.com/"
VALID: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE}


class Links(TechMicroService):
    @entry
    async def get(self):
        return "in"


def declaration_error(**settings: Any) -> str:
    with pytest.raises(DeclarationError) as raised:
        JWT(Links(), **settings)
    return str(raised.value)


def test_it_is_available_as_an_extension_and_becomes_the_authorizer():
    app = Links()
    extension = JWT(app, **VALID)
    assert app.extensions["jwt"] is extension
    assert (app.auth_scheme, app.token_authorizer) == ("Bearer", extension.verify)
    assert Links().auth_scheme is None


def test_the_scheme_of_the_class_and_another_header_are_kept():
    class Schemed(Links):
        auth_scheme = "DPoP"

    class Keyed(Links):
        token_key = "X-Amzn-Oidc-Data"

    for app, scheme in ((Schemed(), "DPoP"), (Keyed(), None)):
        JWT(app, **VALID)
        assert app.auth_scheme == scheme


def test_the_authorizer_of_a_class_is_kept():
    class Own(Links):
        async def token_authorizer(self, token: str):
            return False

    app = Own()
    JWT(app, **VALID)
    assert app.token_authorizer.__func__ is Own.token_authorizer  # type: ignore[attr-defined]


@pytest.mark.parametrize("package", ["jwt", "cryptography"])
def test_the_error_for_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, package: str):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"JWT needs {package}: pip install 'coworks-async\[jwt\]'"):
        JWT(Links(), **VALID)


def test_it_must_be_created_before_the_first_request():
    app = Links()
    TestClient(app).get("/")
    with pytest.raises(DeclarationError, match=r"^JWT: called after the service has started\."):
        JWT(app, **VALID)


def test_an_audience_or_another_claim_is_required_for_a_provider():
    error = declaration_error(issuer=ISSUER)
    assert error.startswith("JWT(audience=...) is missing. ")
    assert 'claims={"client_id": "..."}' in error
    JWT(Links(), issuer=ISSUER, claims={"client_id": "web"})
    JWT(Links(), key=to_pem(rsa_key("rsa")))


@pytest.mark.parametrize("value", [None, "", [], ["web", None], {""}])
def test_a_required_claim_needs_an_accepted_value(value: Any):
    listed = list(value) if isinstance(value, list | set) else [value]
    error = declaration_error(issuer=ISSUER, claims={"client_id": value})
    assert error == f"JWT(claims=...): 'client_id' has no accepted value in {listed!r}. Pass one or more."


@pytest.mark.parametrize("jwks", [ISSUER, {"keys": [to_jwk(rsa_key("rsa"))]}], ids=["url", "mapping"])
def test_an_issuer_is_required_for_the_keys_of_a_provider(jwks: Any):
    error = declaration_error(jwks=jwks, issuer=None, audience=AUDIENCE)
    assert error.startswith("JWT(issuer=...) is missing. A provider may sign the tokens of several issuers ")
    JWT(Links(), jwks=jwks, audience=AUDIENCE, claims={"iss": [ISSUER, "https://other.example/"]})
    JWT(Links(), issuer=ISSUER, jwks=jwks, audience=AUDIENCE)


@pytest.mark.parametrize(
    ("option", "value", "rule"),
    [
        *(("issuer", value, "must be a text that is not empty") for value in ("", 5, [ISSUER])),
        *(("scope_claim", value, "must be a text that is not empty") for value in ("", 5)),
        *(("audience", value, "must be an audience or several") for value in ([], "", 5, ["a", None], ["a", ""])),
        *(("leeway", value, "must be a number of seconds, 0 or more") for value in (-5, "5", True, None)),
        ("leeway", float("inf"), "must be a number of seconds, 0 or more"),
        ("claims", ["client_id"], "must map names of claims to accepted values"),
    ],
)
def test_an_invalid_option_is_an_error(option: str, value: Any, rule: str):
    settings = {**VALID, "jwks": ISSUER, option: value}
    assert declaration_error(**settings) == f"JWT({option}=...) {rule}, not {value!r}."


def test_several_audiences_are_kept():
    assert JWT(Links(), issuer=ISSUER, audience=iter(["a", "b"])).audience == ("a", "b")  # type: ignore[arg-type]


def test_a_service_has_one_jwt():
    app = Links()
    first = JWT(app, **VALID)
    with pytest.raises(DeclarationError, match=r"^JWT: the service already has a JWT\."):
        JWT(app, **VALID)
    assert app.extensions["jwt"] is first


def test_the_source_of_the_keys_is_required_and_only_one_is_allowed():
    assert declaration_error(audience=AUDIENCE) == (
        "JWT: the source of the keys is missing. Pass issuer=..., jwks=... or key=..."
    )
    both = declaration_error(**VALID, jwks=ISSUER, key="k")
    assert both == "JWT(key=..., jwks=...): pass one of them, not both."


ALLOWED_URLS = [
    "https://a.example/x",
    "http://localhost:8080/x",
    "http://127.0.0.1/",
    "http://[::1]:1/",
    "http://idp/x",
]
REFUSED_URLS = [
    "http://a.example/x",
    "ftp://localhost/",
    "file:///etc/passwd",
    "a.example",
    "https://",
    "http://[::2]/",
]


@pytest.mark.parametrize("url", ALLOWED_URLS)
def test_keys_come_over_https_or_from_this_machine_or_its_containers(url: str):
    JWT(Links(), issuer=url, audience=AUDIENCE)
    JWT(Links(), issuer=ISSUER, jwks=url, audience=AUDIENCE)


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_another_url_is_an_error(url: str):
    assert declaration_error(issuer=url, audience=AUDIENCE).startswith(
        f"JWT(issuer=...): {url!r} is not an https:// URL. "
    )


@pytest.mark.parametrize(
    "algorithms", [[], "none", ["none"], None, 5, ["RS256", "HS256"], ["RS256", "none"], ["rs256"], [""], [None]]
)
def test_only_known_algorithms_of_one_kind_are_allowed(algorithms: Any):
    error = declaration_error(**VALID, algorithms=algorithms)
    assert error.startswith("JWT(algorithms=...) must be one or more of RS256, ")
    assert error.endswith(f"with a secret, not {algorithms!r}.")


def test_the_hs_algorithms_need_a_secret():
    assert (
        declaration_error(**VALID, algorithms=["HS256", "HS512"])
        == "JWT(key=...) is missing. HS256, HS512 needs the secret."
    )


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"key": "short", "algorithms": "HS256"}, "JWT(key=...): the key has 5 bytes. HS256 needs 32 or more."),
        (
            {"key": b"s" * 63, "algorithms": ["HS256", "HS512"]},
            "JWT(key=...): the key has 63 bytes. HS256, HS512 needs 64 or more.",
        ),
        (
            {"key": to_pem(rsa_key("rsa")), "algorithms": "HS256"},
            "JWT(key=...): the key is a public key, not the secret of HS256.",
        ),
        ({"key": "k" * 32}, "JWT(key=...): the key is not a public key in PEM (-----BEGIN PUBLIC KEY-----)."),
        ({"key": to_pem(ec_key("p256"))}, "JWT(key=...): the key is not for RS256."),
        ({"key": to_pem(rsa_key("short", 1024))}, "JWT(key=...): the key is not for RS256."),
        ({"key": 5}, "JWT(key=...): the key must be text or bytes, not a int."),
        ({"jwks": 5, "issuer": ISSUER, "audience": AUDIENCE}, "JWT(jwks=...): 5 is not a URL."),
        (
            {"jwks": {"keys": []}, "issuer": ISSUER, "audience": AUDIENCE},
            "JWT(jwks=...): the key set has no key for RS256.",
        ),
    ],
)
def test_a_key_that_does_not_fit_the_algorithms_is_an_error(settings: dict[str, Any], error: str):
    assert declaration_error(**settings) == error
