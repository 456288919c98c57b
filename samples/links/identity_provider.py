"""An identity provider for development. It signs a token for anyone, so never deploy it.

cws -A identity_provider.py run --port 9000
"""

import secrets
import time
from typing import Any

import jwt
from coworks_async import TechMicroService, entry, request
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


class IdentityProvider(TechMicroService):
    """Publishes its key set by OpenID Connect discovery and signs tokens with its key."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        # Each start has a new id: a service that sees an unknown id fetches the keys again.
        self.key_id = secrets.token_hex(8)

    @entry("/.well-known/openid-configuration", no_auth=True)
    async def get_configuration(self) -> dict[str, str]:
        """Return the issuer and the URL of its keys."""
        issuer = str(request.base_url)
        return {"issuer": issuer, "jwks_uri": f"{issuer}jwks.json"}

    @entry("/jwks.json", no_auth=True)
    async def get_key_set(self) -> dict[str, list[dict[str, Any]]]:
        """Return the public key."""
        public = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self.key_id, "use": "sig", "alg": "RS256"}]}

    @entry(no_auth=True)
    async def get_token(self, user: str = "ann", scope: str = "", audience: str = "links", seconds: int = 3600) -> str:
        """Return a token of a user."""
        claims = {
            "iss": str(request.base_url),
            "aud": audience,
            "sub": user,
            "scope": scope,
            "exp": int(time.time()) + seconds,
        }
        return jwt.encode(claims, self.key, "RS256", headers={"kid": self.key_id})


app = IdentityProvider(name="identity-provider")
