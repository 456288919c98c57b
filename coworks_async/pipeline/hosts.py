"""Reject requests for hosts that the service does not serve, by Starlette's `TrustedHostMiddleware`."""

import re
from collections.abc import Sequence

from starlette.middleware.trustedhost import TrustedHostMiddleware

from coworks_async.exceptions import DeclarationError
from coworks_async.pipeline.errors import problem_response
from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

HOST_REJECTED = "The service does not serve the host of the request."

# A name with or without `*.` before it, an address, or any host. No port: the middleware compares without it.
_HOST = re.compile(r"\*|(\*\.)?[a-z0-9_.-]+|\[[0-9a-f:.]+\]", re.IGNORECASE | re.ASCII)


def check_allowed_hosts(class_name: str, hosts: Sequence[str]) -> None:
    """Raise `DeclarationError` unless `allowed_hosts` is a sequence of valid hosts."""
    valid = isinstance(hosts, Sequence) and not isinstance(hosts, str | bytes)
    if not valid or not all(isinstance(host, str) and _HOST.fullmatch(host) for host in hosts):
        raise DeclarationError(
            f"{class_name}.allowed_hosts is {hosts!r}. It must be a list of hosts without scheme and port, as in "
            '["shop.example.com", "*.example.org"].'
        )


class AllowedHostsMiddleware:
    """Passes on requests whose `Host` is allowed, and responds with 400 to all others."""

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str]) -> None:
        self.app = app
        self.trusted = TrustedHostMiddleware(_accept, list(allowed_hosts), www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rejection: list[Message] = []

        async def collect(message: Message) -> None:
            rejection.append(message)

        # Starlette's own response is plain text, so that it is replaced.
        await self.trusted(scope, receive, collect)
        app: ASGIApp = problem_response(400, HOST_REJECTED) if rejection else self.app
        await app(scope, receive, send)


async def _accept(scope: Scope, receive: Receive, send: Send) -> None:
    """Send nothing: the host is allowed."""
