"""Read and check one token with PyJWT. Details of errors never contain a part of the token."""

from collections.abc import Collection
from typing import Any

import jwt

from coworks_async.exceptions import Problem
from coworks_async.extensions.jwt_keys import SigningKey
from coworks_async.pipeline.authorizer import TOKEN_EXPIRED

_REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: TOKEN_EXPIRED,
    jwt.ImmatureSignatureError: "Token not yet valid.",
    jwt.InvalidIssuerError: "Wrong issuer.",
    jwt.InvalidAudienceError: "Wrong audience.",
    jwt.InvalidSignatureError: "Wrong signature.",
}

_OPTIONS: Any = {
    "require": ["exp"],
    # Clocks differ by seconds, and a time of issue in the future is no reason to reject a token.
    "verify_iat": False,
}


def read_header(token: str) -> tuple[str | None, str]:
    """Return the key id and the algorithm that a token names. Neither is to be trusted."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, RecursionError):
        raise Problem(401, "Malformed token.") from None
    return header.get("kid"), str(header.get("alg"))


def decode(
    token: str, key: SigningKey, *, issuer: str | None, audience: str | Collection[str] | None, leeway: float
) -> dict[str, Any]:
    """Return the claims of a token; a `Problem` of status 401 has the reason why it is not valid."""
    try:
        # `audience=None` rejects a token that has an audience.
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=key.algorithms,
            issuer=issuer,
            audience=audience,
            leeway=leeway,
            options=_OPTIONS,
        )
    except jwt.MissingRequiredClaimError as error:
        raise Problem(401, f"Missing claim: {error.claim}.") from None
    except (jwt.InvalidTokenError, OverflowError) as error:
        raise Problem(401, _REASONS.get(type(error), "Invalid token.")) from None
    if type(claims["exp"]) not in (int, float):  # PyJWT also accepts a string of digits
        raise Problem(401, "Invalid token.")
    return claims
