"""`JWT`: accepts signed tokens of an identity provider. Imports PyJWT only if it is used, to keep cold starts short."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from coworks_async.entries.strings import read_strings
from coworks_async.exceptions import DeclarationError, Problem
from coworks_async.extras import require
from coworks_async.service import TechMicroService

if TYPE_CHECKING:
    from coworks_async.extensions.jwt_keys import Keys

HMAC_ALGORITHMS = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Algorithms with a shared secret, and its minimum length in bytes (RFC 7518, section 3.2)."""

PUBLIC_KEY_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "ES256K", "EdDSA"),
)


class JWT:
    """Accepts the signed tokens (RFC 7519) of an identity provider, sent as `Authorization: Bearer <token>`.

    It becomes the service's authorizer; the claims are `request.auth`. A class that overrides `token_authorizer` calls
    `verify` there itself.

    The keys come from `key` or `jwks`, else from the issuer (OpenID Connect discovery). Keys of a URL are fetched at
    the first token, kept, and refreshed in the background after an hour. An unknown key is looked up at once, at most
    once a minute.

    Args:
        app: the service.
        issuer: the required `iss` of a token. Keys of a provider need it, unless `claims` contains `iss`.
        audience: the accepted values of `aud`.
        jwks: the URL of a key set, or the set itself (RFC 7517).
        key: one public key in PEM, or the secret of the HS algorithms.
        algorithms: the accepted algorithms. A token cannot choose another one, or one that its key is not for.
        claims: other claims that a token must have, with the accepted value or values.
        scope_claim: the claim with the scopes, if it is not `scope` or `scp`.
        leeway: seconds by which clocks may differ.

    Raises:
        ImportError: PyJWT is not installed.
        DeclarationError: an argument is invalid, or the service has started or already has a `JWT`.

    Examples:
        >>> from coworks_async import TechMicroService
        >>> from coworks_async.extensions import JWT
        >>> app = TechMicroService(name="links")
        >>> jwt = JWT(app, issuer="https://example.eu.auth0.com/", audience="https://links.example.com")
    """

    def __init__(
        self,
        app: TechMicroService,
        *,
        issuer: str | None = None,
        audience: str | Collection[str] | None = None,
        jwks: str | Mapping[str, Any] | None = None,
        key: str | bytes | None = None,
        algorithms: str | Sequence[str] = ("RS256",),
        claims: Mapping[str, Any] | None = None,
        scope_claim: str | None = None,
        leeway: float = 0,
    ) -> None:
        require("JWT", "jwt", "jwt")
        require("JWT", "cryptography", "jwt")
        if app.hooks.frozen:
            raise DeclarationError("JWT: called after the service has started. Call it where the app is created.")
        if "jwt" in app.extensions:
            raise DeclarationError("JWT: the service already has a JWT. Create one for each service.")
        self.algorithms = check_algorithms(algorithms, has_key=key is not None)
        self.issuer = _check_text("issuer", issuer)
        self.audience = _read_audience(audience)
        self.claims = _read_claims(claims)
        self.scope_claim = _check_text("scope_claim", scope_claim)
        self.leeway = _check_leeway(leeway)
        if key is None:
            self._check_restrictions(has_key_set=jwks is not None)
        self.keys = self._create_keys(app, jwks, key)
        app.extensions["jwt"] = self
        if app.auth_scheme is None and app.token_key.lower() == "authorization":
            app.auth_scheme = "Bearer"
        if type(app).token_authorizer is TechMicroService.token_authorizer:
            app.token_authorizer = self.verify  # type: ignore[method-assign]

    async def verify(self, token: str) -> dict[str, Any]:
        """Return the claims of a valid token, with the leeway added to `exp`.

        Return them, or a mapping with their `exp`, in `token_authorizer`, so that the access ends in time.

        Raises:
            Problem: a 401 with the reason.
            AuthorizerError: the keys cannot be fetched.
        """
        from coworks_async.extensions import jwt_tokens  # needs the extra

        kid, algorithm = jwt_tokens.read_header(token)
        if algorithm not in self.algorithms:
            raise Problem(401, f"Wrong algorithm. Allowed: {', '.join(self.algorithms)}.")
        key = await self.keys.select(kid, algorithm)
        if key is None:
            raise Problem(401, "Unknown signing key.")
        claims = jwt_tokens.decode(token, key, issuer=self.issuer, audience=self.audience, leeway=self.leeway)
        for name, accepted in self.claims.items():
            if not any(value in accepted for value in _list_values(claims.get(name))):
                raise Problem(401, f"Wrong {name}.")
        if self.scope_claim is not None:
            claims["scope"] = claims.get(self.scope_claim) or []
        if self.leeway:
            claims["exp"] += self.leeway
        return claims

    def _check_restrictions(self, *, has_key_set: bool) -> None:
        """Check that the tokens of other applications and tenants with the same keys are rejected."""
        if self.audience is None and not self.claims:
            raise DeclarationError(
                "JWT(audience=...) is missing. A provider signs the tokens of many applications with the same keys. "
                'If the tokens have no "aud", pass another claim: claims={"client_id": "..."}.'
            )
        if self.issuer is None and has_key_set and "iss" not in self.claims:
            raise DeclarationError(
                "JWT(issuer=...) is missing. A provider may sign the tokens of several issuers with the same keys. "
                'For several issuers, pass the claim: claims={"iss": ["...", "..."]}.'
            )

    def _create_keys(
        self, app: TechMicroService, jwks: str | Mapping[str, Any] | None, key: str | bytes | None
    ) -> "Keys":
        from coworks_async.extensions import jwt_keys  # needs the extra

        if key is not None and jwks is not None:
            raise DeclarationError("JWT(key=..., jwks=...): pass one of them, not both.")
        option = "issuer" if jwks is None else "jwks"
        try:
            if key is not None:
                option = "key"
                return jwt_keys.FixedKeys([jwt_keys.read_key(key, self.algorithms)])
            if isinstance(jwks, Mapping):
                return jwt_keys.FixedKeys(jwt_keys.read_key_set(jwks, self.algorithms))
            url = self.issuer if jwks is None else jwks
            if url is None:
                raise DeclarationError("JWT: the source of the keys is missing. Pass issuer=..., jwks=... or key=...")
            jwt_keys.check_url(url)
        except ValueError as error:
            raise DeclarationError(f"JWT({option}=...): {error}.") from None
        read = jwt_keys.discover_key_set if jwks is None else jwt_keys.fetch_key_set
        return jwt_keys.RemoteKeys(lambda: read(url, self.algorithms), app.logger)


def check_algorithms(algorithms: str | Sequence[str], *, has_key: bool) -> tuple[str, ...]:
    """Return the accepted algorithms, all of one kind: with a secret, or with public keys."""
    names = read_strings(algorithms) or ()
    if names and all(name in PUBLIC_KEY_ALGORITHMS for name in names):
        return names
    if names and all(name in HMAC_ALGORITHMS for name in names):
        if has_key:
            return names
        raise DeclarationError(f"JWT(key=...) is missing. {', '.join(names)} needs the secret.")
    raise DeclarationError(
        f"JWT(algorithms=...) must be one or more of {', '.join(PUBLIC_KEY_ALGORITHMS)}, "
        f"or of {', '.join(HMAC_ALGORITHMS)} with a secret, not {algorithms!r}."
    )


def _check_text(option: str, value: object) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise DeclarationError(f"JWT({option}=...) must be a text that is not empty, not {value!r}.")


def _read_audience(audience: object) -> tuple[str, ...] | None:
    names = () if audience is None else read_strings(audience)
    if audience is not None and (not names or "" in names):
        raise DeclarationError(f"JWT(audience=...) must be an audience or several, not {audience!r}.")
    return names or None


def _check_leeway(leeway: Any) -> float:
    is_number = isinstance(leeway, int | float) and not isinstance(leeway, bool)
    if not is_number or not 0 <= leeway < math.inf:
        raise DeclarationError(f"JWT(leeway=...) must be a number of seconds, 0 or more, not {leeway!r}.")
    return leeway  # type: ignore[no-any-return]


def _read_claims(claims: Any) -> dict[str, list[Any]]:
    if claims is not None and not isinstance(claims, Mapping):
        raise DeclarationError(f"JWT(claims=...) must map names of claims to accepted values, not {claims!r}.")
    accepted = {name: _list_values(value) for name, value in (claims or {}).items()}
    for name, values in accepted.items():
        if not values or None in values or "" in values:  # such as an unset variable of the environment
            raise DeclarationError(f"JWT(claims=...): {name!r} has no accepted value in {values!r}. Pass one or more.")
    return accepted


def _list_values(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
