"""An identity provider on 127.0.0.1: OpenID Connect discovery and a key set, with real keys."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.tools import serve_in_thread

AUDIENCE = "https://links.example"

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/jwks.json"


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the RSA key of this name, created once: it takes a moment."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(name: str, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


@cache
def ed_key(name: str) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def to_pem(key: Any) -> str:
    """Return the public key in PEM."""
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def to_jwk(key: Any, **members: object) -> dict[str, Any]:
    """Return the public key as a member of a key set."""
    algorithm: Any = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    if isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = OKPAlgorithm
    jwk = algorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, **members}


def encode_segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class IdentityProvider(ThreadingHTTPServer):
    """Signs tokens and serves its keys.

    Attributes:
        keys: the private keys by key id; all are served.
        served: the members of the key set, if it is not that of `keys`.
        responses: other responses by path, as status and body.
        requests: the paths that were requested.
        delay: seconds before a response.
        answering: responses wait while this event is not set.
        pause: seconds after each byte of a body.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: dict[str, Any] = {"rsa": rsa_key("rsa")}
        self.served: list[dict[str, Any]] | None = None
        self.responses: dict[str, tuple[int, bytes]] = {}
        self.requests: list[str] = []
        self.delay = 0.0
        self.answering = threading.Event()
        self.answering.set()
        self.pause = 0.0

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    @property
    def jwks_url(self) -> str:
        return self.issuer + JWKS[1:]

    def sign(self, claims: dict[str, Any] | None = None, *, kid: str = "rsa", algorithm: str = "RS256") -> str:
        """Return a token that is valid for a minute, unless the claims are others. A claim of None is left out."""
        defaults = {"iss": self.issuer, "aud": AUDIENCE, "sub": "ann", "exp": int(time.time()) + 60}
        merged = {name: value for name, value in {**defaults, **(claims or {})}.items() if value is not None}
        return jwt.encode(merged, self.keys[kid], algorithm, headers={"kid": kid})

    def respond(self, path: str) -> tuple[int, bytes]:
        if path in self.responses:
            return self.responses[path]
        if path == DISCOVERY:
            return 200, json.dumps({"issuer": self.issuer, "jwks_uri": self.jwks_url}).encode()
        keys = [to_jwk(key, kid=kid, use="sig") for kid, key in self.keys.items()]
        return 200, json.dumps({"keys": keys if self.served is None else self.served}).encode()


class _Handler(BaseHTTPRequestHandler):
    server: IdentityProvider

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        time.sleep(self.server.delay)
        self.server.answering.wait()
        status, body = self.server.respond(self.path)
        self.send_response(status)
        if status in (301, 302):
            self.send_header("location", body.decode())
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.server.pause == 0:
            self.wfile.write(body)
            return
        with suppress(OSError):  # the client has left
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(self.server.pause)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


@contextmanager
def run_identity_provider() -> Iterator[IdentityProvider]:
    """Run a provider on a free port."""
    server = IdentityProvider()
    with serve_in_thread(server):
        yield server
