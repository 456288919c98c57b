"""Scopes that an entry requires: `@entry(scopes={"links:write"})`."""

from coworks_async.pipeline.authorizer import format_challenge, is_bearer
from coworks_async.pipeline.errors import problem_response
from coworks_async.types import ASGIApp, Principal, Receive, Scope, Send


class RequiredScopesMiddleware:
    """Passes on a request whose principal has all required scopes; else responds with a 403 that names the others."""

    def __init__(self, app: ASGIApp, required: frozenset[str], *, scheme: str | None, realm: str) -> None:
        self.app = app
        self.required = required
        # RFC 6750, section 3.1.
        reason = {"error": "insufficient_scope", "scope": " ".join(sorted(required))}
        self.headers = {"www-authenticate": format_challenge(realm, scheme, reason)} if is_bearer(scheme) else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        missing = self.required - get_scopes(scope.get("auth") or {})
        if not missing:
            return await self.app(scope, receive, send)
        detail = f"Missing scope{'s' if len(missing) > 1 else ''}: {', '.join(sorted(missing))}."
        await problem_response(403, detail, headers=self.headers)(scope, receive, send)


def get_scopes(principal: Principal) -> frozenset[str]:
    """Return the scopes of a principal: its `scope`, else its `scp`, as a list or separated by spaces (RFC 9068)."""
    scopes = principal.get("scope")
    scopes = principal.get("scp") if scopes is None else scopes
    if isinstance(scopes, str):
        return frozenset(scopes.split())
    return frozenset(name for name in scopes if isinstance(name, str)) if isinstance(scopes, list) else frozenset()
