"""Keys of `JWT`: fetched from the provider, kept, refreshed in the background, looked up when unknown."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from coworks_async import TechMicroService, entry
from coworks_async.exceptions import AuthorizerError
from coworks_async.extensions import JWT
from coworks_async.extensions.jwt_keys import (
    MAX_AGE_SECONDS,
    MAX_DOCUMENT,
    REFRESH_SECONDS,
    RETRY_SECONDS,
    RemoteKeys,
    SigningKey,
    discover_key_set,
    fetch_json,
    fetch_key_set,
    find_key,
    read_key_set,
)
from tests.cli.processes import until
from tests.clients import Connect
from tests.extensions.identity_provider import (
    AUDIENCE,
    DISCOVERY,
    JWKS,
    IdentityProvider,
    ec_key,
    ed_key,
    rsa_key,
    to_jwk,
)
from tests.tools import PATIENCE

RS256 = ("RS256",)
LOGGER = logging.getLogger("keys")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(provider: IdentityProvider, clock: Clock) -> RemoteKeys:
    return RemoteKeys(lambda: fetch_key_set(provider.jwks_url, RS256), LOGGER, clock)


def select(keys: RemoteKeys, kid: str | None = "rsa") -> bool:
    """Return whether there is a key with this id. Each call has its own event loop, as in tests of a service."""
    return asyncio.run(keys.select(kid, "RS256")) is not None


# --- keeping and refreshing


def test_keys_are_fetched_at_first_use_and_kept(provider: IdentityProvider, keys: RemoteKeys, clock: Clock):
    assert provider.requests == []
    for _ in range(3):
        assert select(keys)
        clock.now += REFRESH_SECONDS / 4
    assert provider.requests == [JWKS]


def test_old_keys_are_refreshed_in_the_background(provider: IdentityProvider, keys: RemoteKeys, clock: Clock):
    assert select(keys)
    provider.keys = {"new": rsa_key("other")}
    provider.answering.clear()
    clock.now += REFRESH_SECONDS
    assert select(keys)
    provider.answering.set()
    until(lambda: not select(keys))
    assert select(keys, "new")
    assert provider.requests == [JWKS, JWKS]


def test_if_the_refresh_fails_the_old_keys_are_used_and_a_warning_is_logged(
    provider: IdentityProvider, keys: RemoteKeys, clock: Clock, caplog: pytest.LogCaptureFixture
):
    assert select(keys)
    provider.responses = {JWKS: (500, b"secret")}
    clock.now += REFRESH_SECONDS
    assert select(keys)
    until(lambda: caplog.messages != [])
    assert caplog.messages == [
        f"JWT could not refresh its keys and keeps the old ones. JWT: {provider.jwks_url} returned status 500"
    ]
    assert select(keys)
    assert provider.requests == [JWKS, JWKS]  # the next attempt is a minute later
    clock.now += RETRY_SECONDS
    provider.responses = {}
    assert select(keys)
    until(lambda: len(provider.requests) == 3)


@pytest.fixture
def lambda_keys(keys: RemoteKeys, monkeypatch: pytest.MonkeyPatch) -> RemoteKeys:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop-dev")
    return RemoteKeys(keys.load, LOGGER, keys.clock)


def test_in_lambda_a_request_waits_for_the_refresh_that_it_starts(
    provider: IdentityProvider, lambda_keys: RemoteKeys, clock: Clock
):
    assert select(lambda_keys)
    provider.keys = {"new": rsa_key("other")}
    provider.delay = 0.1
    clock.now += REFRESH_SECONDS
    assert not select(lambda_keys)
    assert select(lambda_keys, "new")
    assert provider.requests == [JWKS, JWKS]


def test_in_lambda_a_failed_refresh_keeps_the_old_keys(
    provider: IdentityProvider, lambda_keys: RemoteKeys, clock: Clock, caplog: pytest.LogCaptureFixture
):
    assert select(lambda_keys)
    provider.responses = {JWKS: (500, b"")}
    clock.now += REFRESH_SECONDS
    for _ in range(2):
        assert select(lambda_keys)
        assert len(caplog.messages) == 1
    assert provider.requests == [JWKS, JWKS]


def test_in_lambda_a_request_uses_the_old_keys_if_the_refresh_takes_long(
    provider: IdentityProvider, lambda_keys: RemoteKeys, clock: Clock
):
    assert select(lambda_keys)
    provider.keys = {"new": rsa_key("other")}
    load, may_load = lambda_keys.load, threading.Event()

    def load_slowly() -> Sequence[SigningKey]:
        may_load.wait(PATIENCE)
        return load()

    lambda_keys.load, lambda_keys.refresh_wait = load_slowly, 0.01
    clock.now += REFRESH_SECONDS
    assert select(lambda_keys)
    # After a freeze, the next request waits for it.
    clock.now += RETRY_SECONDS
    lambda_keys.refresh_wait = PATIENCE
    may_load.set()
    assert not select(lambda_keys)


def test_keys_that_could_not_be_refreshed_for_a_day_are_not_used(
    provider: IdentityProvider, keys: RemoteKeys, clock: Clock, caplog: pytest.LogCaptureFixture
):
    assert select(keys)
    provider.responses = {JWKS: (500, b"")}
    clock.now += MAX_AGE_SECONDS
    with pytest.raises(AuthorizerError, match="returned status 500"):
        select(keys)
    assert caplog.messages == []  # the authorizer logs the error of the request
    provider.responses = {}
    assert select(keys)


def test_without_a_thread_for_the_fetch_the_request_fails_and_the_next_one_tries_again(
    keys: RemoteKeys, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail_to_start)
        with pytest.raises(AuthorizerError, match=r"^JWT: the keys cannot be fetched: can't start new thread$"):
            select(keys)
    assert select(keys)


def test_without_a_thread_for_the_refresh_the_old_keys_are_used(
    keys: RemoteKeys, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    assert select(keys)
    clock.now += REFRESH_SECONDS
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail_to_start)
        assert select(keys)
    assert caplog.messages == [
        "JWT could not refresh its keys and keeps the old ones. JWT: the keys cannot be fetched: can't start new thread"
    ]


def fail_to_start(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_without_keys_each_request_tries_again(provider: IdentityProvider, keys: RemoteKeys):
    provider.responses = {JWKS: (500, b"")}
    for count in (1, 2):
        with pytest.raises(AuthorizerError):
            select(keys)
        assert len(provider.requests) == count
    provider.responses = {}
    assert select(keys)


def test_a_failure_that_is_not_expected_reaches_the_request(clock: Clock):
    def fail() -> Any:
        raise LookupError("unexpected")

    with pytest.raises(LookupError, match="unexpected"):
        select(RemoteKeys(fail, LOGGER, clock))


# --- unknown keys


def test_an_unknown_key_is_looked_up_at_most_once_a_minute(provider: IdentityProvider, keys: RemoteKeys, clock: Clock):
    assert select(keys)
    provider.keys["new"] = rsa_key("other")
    clock.now += RETRY_SECONDS - 1
    for _ in range(3):
        assert not select(keys, "new")
    assert provider.requests == [JWKS]
    clock.now += 1
    assert select(keys, "new")
    for number in range(3):
        assert not select(keys, f"unknown {number}")
    assert provider.requests == [JWKS, JWKS]


def test_a_failed_lookup_leaves_the_key_unknown(
    provider: IdentityProvider, keys: RemoteKeys, clock: Clock, caplog: pytest.LogCaptureFixture
):
    assert select(keys)
    clock.now += RETRY_SECONDS
    provider.responses = {JWKS: (500, b"")}
    assert not select(keys, "new")
    assert select(keys)
    assert len(caplog.messages) == 1


def test_a_token_without_key_id_is_not_looked_up(provider: IdentityProvider, keys: RemoteKeys, clock: Clock):
    provider.keys["other"] = rsa_key("other")
    assert not select(keys, None)
    clock.now += RETRY_SECONDS
    assert not select(keys, None)
    assert provider.requests == [JWKS]


def test_concurrent_requests_wait_for_one_fetch_even_if_one_is_cancelled(provider: IdentityProvider, keys: RemoteKeys):
    provider.answering.clear()

    async def select_many() -> list[Any]:
        tasks = [asyncio.create_task(keys.select("rsa", "RS256")) for _ in range(5)]
        await asyncio.sleep(0.1)
        tasks[0].cancel()
        provider.answering.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    cancelled, *found = asyncio.run(select_many())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert all(found)
    assert provider.requests == [JWKS]


def test_concurrent_tokens_of_a_new_key_wait_for_one_fetch(provider: IdentityProvider, keys: RemoteKeys, clock: Clock):
    assert select(keys)
    provider.keys["new"] = rsa_key("other")
    provider.delay = 0.3
    clock.now += RETRY_SECONDS

    async def select_many() -> list[Any]:
        return await asyncio.gather(*(keys.select("new", "RS256") for _ in range(5)))

    assert all(asyncio.run(select_many()))
    assert provider.requests == [JWKS, JWKS]


def test_a_token_of_a_new_key_waits_for_the_refresh_in_the_background(
    provider: IdentityProvider, keys: RemoteKeys, clock: Clock
):
    assert select(keys)
    provider.keys["new"] = rsa_key("other")
    provider.delay = 0.3
    clock.now += REFRESH_SECONDS
    assert select(keys)
    assert select(keys, "new")
    assert provider.requests == [JWKS, JWKS]


def test_a_rotated_key_is_accepted_over_every_transport(connect: Connect, provider: IdentityProvider):
    class Service(TechMicroService):
        @entry
        async def get(self):
            return "in"

    app, clock = Service(), Clock()
    extension = JWT(app, issuer=provider.issuer, audience=AUDIENCE)
    assert isinstance(extension.keys, RemoteKeys)
    extension.keys.clock = clock
    client = connect(app)
    tokens = [provider.sign()]
    assert client.get("/", headers={"authorization": f"Bearer {tokens[0]}"}).text == "in"
    provider.keys = {"new": rsa_key("other")}
    clock.now += RETRY_SECONDS
    tokens.append(provider.sign(kid="new"))
    assert client.get("/", headers={"authorization": f"Bearer {tokens[1]}"}).text == "in"
    assert provider.requests == [DISCOVERY, JWKS, DISCOVERY, JWKS]


# --- key sets


def test_a_key_is_found_by_its_id_and_its_kind():
    members = [
        to_jwk(rsa_key("rsa"), kid="a"),
        to_jwk(ec_key("p256"), kid="a"),
        to_jwk(ec_key("p384", ec.SECP384R1), kid="b"),
        to_jwk(ed_key("ed")),
    ]
    keys = read_key_set({"keys": members}, ("RS256", "PS256", "ES256", "EdDSA"))
    assert [(key.kid, key.algorithms) for key in keys] == [
        ("a", ["RS256", "PS256"]),
        ("a", ["ES256"]),
        (None, ["EdDSA"]),
    ]
    assert find_key(keys, "a", "PS256") is keys[0]
    assert find_key(keys, "a", "ES256") is keys[1]
    assert find_key(keys, "b", "ES256") is None
    assert find_key(keys, None, "EdDSA") is keys[2]


def test_a_single_key_without_an_id_is_used_for_any_id():
    members = [to_jwk(rsa_key("rsa")), to_jwk(ec_key("p256"), kid="a")]
    keys = read_key_set({"keys": members}, ("RS256", "ES256"))
    assert find_key(keys, "any", "RS256") is keys[0]
    assert find_key(keys, "any", "ES256") is None
    assert find_key([keys[0], keys[0]], "any", "RS256") is None


def test_without_an_id_only_a_single_key_is_found():
    members = [to_jwk(rsa_key("rsa"), kid="a"), to_jwk(rsa_key("other"), kid="b")]
    keys = read_key_set({"keys": members}, RS256)
    assert find_key(keys, None, "RS256") is None
    assert find_key(keys[:1], None, "RS256") is keys[0]


USABLE = to_jwk(rsa_key("rsa"), kid="rsa")

IGNORED: dict[str, Any] = {
    "for encryption": {**USABLE, "use": "enc"},
    "for another algorithm": {**USABLE, "alg": "RS512"},
    "for an unknown algorithm": {**USABLE, "alg": "RSA-OAEP"},
    "a secret": {"kty": "oct", "k": "c2VjcmV0"},
    "a private key": {"kty": "unknown"},
    "a short key": to_jwk(rsa_key("short", 1024)),
    "of another kind": to_jwk(ec_key("p256")),
    "malformed": {**USABLE, "n": "!"},
    "incomplete": {"kty": "RSA"},
    "without a kind": {"n": "1"},
    "not an object": "key",
}


@pytest.mark.parametrize("member", IGNORED.values(), ids=IGNORED)
def test_a_member_that_is_not_a_key_for_the_algorithms_is_ignored(member: Any):
    assert [key.kid for key in read_key_set({"keys": [member, USABLE]}, RS256)] == ["rsa"]
    with pytest.raises(ValueError, match="the key set has no key for RS256"):
        read_key_set({"keys": [member]}, RS256)


def test_a_private_key_in_a_set_is_ignored():
    from jwt.algorithms import RSAAlgorithm

    private = RSAAlgorithm.to_jwk(rsa_key("rsa"), as_dict=True)
    with pytest.raises(ValueError, match="the key set has no key for RS256"):
        read_key_set({"keys": [private]}, RS256)


@pytest.mark.parametrize("document", [[], {}, {"keys": {}}, "keys", None])
def test_a_document_without_keys_is_not_a_key_set(document: object):
    with pytest.raises(ValueError, match='the key set has no list "keys"'):
        read_key_set(document, RS256)


# --- fetching


def fetch_error(fetch: Callable[[], object]) -> str:
    with pytest.raises(AuthorizerError) as raised:
        fetch()
    return str(raised.value)


def test_errors_of_a_provider_name_the_url_and_the_reason(provider: IdentityProvider):
    url = provider.jwks_url
    fetch = partial(fetch_key_set, url, RS256)
    for status, body, reason in [
        (404, b"secret", f"JWT: {url} returned status 404"),
        (302, b"/other", f"JWT: {url} returned status 302"),
        (200, b"secret", f"JWT: {url} is not JSON"),
        (200, b"\xff", f"JWT: {url} is not JSON"),
        (200, b"[" * 100_000, f"JWT: {url} is not JSON"),
        (200, b"[" * (MAX_DOCUMENT + 1), f"JWT: {url} is over {MAX_DOCUMENT} bytes"),
        (200, b"[]", f'JWT: {url}: the key set has no list "keys"'),
        (200, b'{"keys": []}', f"JWT: {url}: the key set has no key for RS256"),
    ]:
        provider.responses = {JWKS: (status, body)}
        assert fetch_error(fetch) == reason
    assert set(provider.requests) == {JWKS}  # the redirect was not followed


def test_a_provider_that_sends_slowly_is_not_waited_for(provider: IdentityProvider):
    provider.pause = 0.05
    start = time.monotonic()
    error = fetch_error(partial(fetch_json, provider.jwks_url, timeout=0.2))
    assert error == f"JWT: {provider.jwks_url} cannot be fetched: timed out"
    assert time.monotonic() - start < 5  # the whole document would take over ten seconds


def test_a_provider_that_is_not_reachable_is_named(provider: IdentityProvider):
    url = provider.jwks_url
    provider.server_close()
    assert fetch_error(partial(fetch_key_set, url, RS256)).startswith(f"JWT: {url} cannot be fetched: ")


def test_the_discovered_issuer_must_be_the_expected_one(provider: IdentityProvider):
    issuer = provider.issuer.rstrip("/")
    url = issuer + DISCOVERY
    expected = f"JWT: the issuer at {url} is {provider.issuer!r}, not {issuer!r}. Pass it exactly, with its slash"
    assert fetch_error(partial(discover_key_set, issuer, RS256)) == expected
    provider.responses = {DISCOVERY: (200, b"[]")}
    assert f"the issuer at {url} is None" in fetch_error(partial(discover_key_set, provider.issuer, RS256))


@pytest.mark.parametrize("jwks_url", [None, "http://keys.example/", "file:///etc/passwd"])
def test_a_discovered_key_set_must_have_a_safe_url(provider: IdentityProvider, jwks_url: str | None):
    document = {"issuer": provider.issuer, "jwks_uri": jwks_url}
    provider.responses = {DISCOVERY: (200, json.dumps(document).encode())}
    url = provider.issuer.rstrip("/") + DISCOVERY
    error = fetch_error(partial(discover_key_set, provider.issuer, RS256))
    assert error.startswith(f"JWT: jwks_uri at {url}: {str(jwks_url)!r} is not an https:// URL. ")
