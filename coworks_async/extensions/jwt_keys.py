"""Keys of the extension `JWT`: given, or fetched from a URL, kept and refreshed."""

import asyncio
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK, PyJWTError
from jwt.algorithms import HMACAlgorithm
from msgspec import Struct

from coworks_async.exceptions import AuthorizerError
from coworks_async.extensions.jwt import HMAC_ALGORITHMS

REFRESH_SECONDS = 3600
"""Age at which keys are fetched again, in the background."""

REFRESH_WAIT = 2.0
"""Seconds for which a request waits for a refresh in Lambda, which freezes background work after the response."""

MAX_AGE_SECONDS = 24 * 3600
"""Age at which keys are no longer used, because the provider may have withdrawn them."""

RETRY_SECONDS = 60
"""Minimum time between two fetches while there are keys."""

FETCH_TIMEOUT = 5.0
MAX_DOCUMENT = 1024 * 1024

_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512", "secp256k1": "ES256K"}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_MIN_RSA_BITS = 2048  # RFC 7518, section 3.3


class SigningKey(Struct, frozen=True):
    """A key, and the accepted algorithms that it is for."""

    key: Any
    algorithms: Sequence[str]
    kid: str | None = None


class Keys(Protocol):
    async def select(self, kid: str | None, algorithm: str) -> SigningKey | None:
        """Return the key for a token with this key id and algorithm."""


class FixedKeys:
    """Keys that never change."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self.keys = keys

    async def select(self, kid: str | None, algorithm: str) -> SigningKey | None:
        return find_key(self.keys, kid, algorithm)


class RemoteKeys:
    """Keys of a provider. They are fetched in a thread, so that no event loop waits and none has to stay the same.

    Args:
        load: fetches the keys; raises `AuthorizerError`.
        logger: receives a warning for each refresh that failed.
        clock: the time in seconds. It continues while Lambda freezes the environment, as a monotonic one may not.

    Attributes:
        refresh_wait: seconds for which the request that starts a refresh waits for it; then it uses the old keys.
    """

    def __init__(
        self,
        load: Callable[[], Sequence[SigningKey]],
        logger: logging.Logger,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.load = load
        self.logger = logger
        self.clock = clock
        # The connection of a fetch would time out while the environment is frozen.
        self.refresh_wait = REFRESH_WAIT if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else 0.0
        self._keys: Sequence[SigningKey] = ()
        self._loaded_at = self._tried_at = 0.0
        self._pending: Future[Exception | None] | None = None
        self._lock = threading.Lock()

    async def select(self, kid: str | None, algorithm: str) -> SigningKey | None:
        age = self.clock() - self._loaded_at
        if not self._keys or age >= MAX_AGE_SECONDS:
            await self._wait(self._start())
        elif age >= REFRESH_SECONDS and self._may_retry():
            refresh = self._start()
            if self.refresh_wait:
                await asyncio.wait([asyncio.wrap_future(refresh)], timeout=self.refresh_wait)
        key = find_key(self._keys, kid, algorithm)
        if key is None and kid is not None:
            # A fetch that is under way may bring the key, too: all tokens of a new key arrive at once.
            pending = self._pending or (self._start() if self._may_retry() else None)
            if pending is not None:
                with suppress(AuthorizerError):  # already logged; the key stays unknown
                    await self._wait(pending)
            key = find_key(self._keys, kid, algorithm)
        return key

    def _may_retry(self) -> bool:
        return self.clock() - self._tried_at >= RETRY_SECONDS

    async def _wait(self, pending: "Future[Exception | None]") -> None:
        # All requests wait for the same fetch, which goes on if one of them is cancelled.
        error = await asyncio.shield(asyncio.wrap_future(pending))
        if error is not None:
            raise error

    def _start(self) -> "Future[Exception | None]":
        """Start a fetch unless one is under way. Its result is the error, as an unread exception would be logged."""
        with self._lock:
            if self._pending is not None:
                return self._pending
            pending: Future[Exception | None] = Future()
            self._tried_at = self.clock()
            try:
                threading.Thread(target=self._run, args=(pending,), name="jwt-keys", daemon=True).start()
            except RuntimeError as failure:  # too many threads
                error = AuthorizerError(f"JWT: the keys cannot be fetched: {failure}")
                self._warn(error)
                pending.set_result(error)
            else:
                self._pending = pending
            return pending

    def _run(self, pending: "Future[Exception | None]") -> None:
        error: Exception | None = None
        try:
            self._keys = self.load()
            self._loaded_at = self.clock()
        except Exception as failure:
            error = failure
            self._warn(failure)
        with self._lock:
            self._pending = None
        pending.set_result(error)

    def _warn(self, failure: Exception) -> None:
        """Log a failed refresh. If there are no keys to use, the request that waits reports the failure."""
        if self._keys and self.clock() - self._loaded_at < MAX_AGE_SECONDS:
            self.logger.warning("JWT could not refresh its keys and keeps the old ones. %s", failure)


def find_key(keys: Sequence[SigningKey], kid: str | None, algorithm: str) -> SigningKey | None:
    """Return the key with this id. If the token or the only key for the algorithm has no id, return the only key."""
    fitting = [key for key in keys if algorithm in key.algorithms]
    found = next((key for key in fitting if kid is not None and key.kid == kid), None)
    if found is None and len(fitting) == 1 and None in (kid, fitting[0].kid):
        return fitting[0]
    return found


def read_key(key: object, algorithms: Sequence[str]) -> SigningKey:
    """Return a public key in PEM, or a secret. A `ValueError` is for the user."""
    if not isinstance(key, str | bytes):
        raise ValueError(f"the key must be text or bytes, not a {type(key).__name__}")
    data = key.encode() if isinstance(key, str) else key
    if algorithms[0] in HMAC_ALGORITHMS:
        length = max(HMAC_ALGORITHMS[name] for name in algorithms)
        if len(data) < length:
            raise ValueError(f"the key has {len(data)} bytes. {', '.join(algorithms)} needs {length} or more")
        try:
            HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(data)
        except PyJWTError:
            raise ValueError(f"the key is a public key, not the secret of {', '.join(algorithms)}") from None
        return SigningKey(data, algorithms)
    try:
        public_key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the key is not a public key in PEM (-----BEGIN PUBLIC KEY-----)") from None
    fitting = _list_fitting(public_key, algorithms)
    if not fitting:
        raise ValueError(f"the key is not for {', '.join(algorithms)}")
    return SigningKey(public_key, fitting)


def read_key_set(document: object, algorithms: Sequence[str]) -> list[SigningKey]:
    """Return the keys of a set that fit the algorithms, at least one (RFC 7517). A `ValueError` is for the user."""
    members = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(members, list):
        raise ValueError('the key set has no list "keys"')
    keys = [key for member in members if (key := _read_member(member, algorithms)) is not None]
    if not keys:
        raise ValueError(f"the key set has no key for {', '.join(algorithms)}")
    return keys


def _read_member(member: object, algorithms: Sequence[str]) -> SigningKey | None:
    # Never a secret (`oct`): a public key set contains no secret.
    if not isinstance(member, Mapping) or member.get("kty") == "oct" or member.get("use", "sig") != "sig":
        return None
    try:
        key = PyJWK.from_dict(dict(member)).key
    except (PyJWTError, ValueError, TypeError):  # another kind of key, or a malformed one
        return None
    fitting = [name for name in _list_fitting(key, algorithms) if member.get("alg") in (None, name)]
    return SigningKey(key, fitting, member.get("kid")) if fitting else None


def _list_fitting(key: object, algorithms: Sequence[str]) -> list[str]:
    """Return the algorithms that a public key is for."""
    possible: Sequence[str] = ()
    if isinstance(key, RSAPublicKey) and key.key_size >= _MIN_RSA_BITS:
        possible = _RSA
    elif isinstance(key, EllipticCurvePublicKey):
        possible = (_CURVES.get(key.curve.name, ""),)
    elif isinstance(key, Ed25519PublicKey | Ed448PublicKey):
        possible = ("EdDSA",)
    return [name for name in algorithms if name in possible]


def check_url(url: object) -> None:
    """Check that keys come over HTTPS, or from this machine or its containers. A `ValueError` is for the user."""
    if not isinstance(url, str):
        raise ValueError(f"{url!r} is not a URL")
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_local = host in ("127.0.0.1", "::1") or not {".", ":"} & set(host)
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_local)):
        raise ValueError(f"{url!r} is not an https:// URL. http:// is allowed for 127.0.0.1 and names without a dot")


def discover_key_set(issuer: str, algorithms: Sequence[str]) -> list[SigningKey]:
    """Fetch the keys of an issuer (OpenID Connect Discovery 1.0, section 4)."""
    url = issuer.rstrip("/") + "/.well-known/openid-configuration"
    document = fetch_json(url)
    found = document.get("issuer") if isinstance(document, Mapping) else None
    if found != issuer:
        raise AuthorizerError(f"JWT: the issuer at {url} is {found!r}, not {issuer!r}. Pass it exactly, with its slash")
    jwks = document.get("jwks_uri")
    try:
        check_url(str(jwks))
    except ValueError as error:
        raise AuthorizerError(f"JWT: jwks_uri at {url}: {error}") from None
    return fetch_key_set(str(jwks), algorithms)


def fetch_key_set(url: str, algorithms: Sequence[str]) -> list[SigningKey]:
    try:
        return read_key_set(fetch_json(url), algorithms)
    except ValueError as error:
        raise AuthorizerError(f"JWT: {url}: {error}") from None


class _NoRedirects(HTTPRedirectHandler):
    """Keeps a request at the URL that was checked."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def fetch_json(url: str, timeout: float = FETCH_TIMEOUT) -> Any:
    """Fetch a document, or raise an `AuthorizerError` with the reason."""
    deadline = time.monotonic() + timeout
    request = Request(url, headers={"accept": "application/json", "user-agent": "coworks-async"})  # noqa: S310 - checked
    try:
        with build_opener(_NoRedirects).open(request, timeout=timeout) as response:
            content = b""
            # In parts, because the timeout is that of one part: a server may send a byte a second.
            while len(content) <= MAX_DOCUMENT and (part := response.read1(MAX_DOCUMENT)):
                content += part
                if time.monotonic() > deadline:
                    raise TimeoutError("timed out")
        if len(content) > MAX_DOCUMENT:
            raise AuthorizerError(f"JWT: {url} is over {MAX_DOCUMENT} bytes")
        return json.loads(content)
    except HTTPError as error:
        with error:
            raise AuthorizerError(f"JWT: {url} returned status {error.code}") from None
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise AuthorizerError(f"JWT: {url} cannot be fetched: {reason}") from None
    except (ValueError, RecursionError):
        raise AuthorizerError(f"JWT: {url} is not JSON") from None
