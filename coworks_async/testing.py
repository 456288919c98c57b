"""The test client of a service: in this process, by ASGI or through a gateway's events and the Lambda handler.

It needs `httpx2`, as Starlette's own test client does.
"""

from typing import Any
from urllib.parse import urlsplit

from starlette.testclient import TestClient as StarletteTestClient

from coworks_async.gateway import GatewayApp, Via
from coworks_async.service import TechMicroService
from coworks_async.types import ASGIApp

__all__ = ["TestClient", "Via"]


class TestClient(StarletteTestClient):
    """Starlette's test client, which may put a gateway and Lambda in between.

    Parameters:
        app: the service; without `via` any ASGI app.
        via: None for plain ASGI; `"rest"`, `"http"`, `"http-stage"`, `"alb"` or `"url"` for the events of a REST API,
            of an HTTP API with the stage `$default` or a named one, of a load balancer or of a function URL.
        base_url: its host tells how an API is called. A host of your own is a custom domain, the path its mapping;
            `https://<id>.execute-api.<region>.amazonaws.com/<stage>` is the API's own, where a named stage comes
            first in the path.
        options: Starlette's.

    As a context manager it starts and ends the lifespan; through a gateway the first event starts it, as in Lambda.

    Raises:
        TypeError: `via` is asked of an app that is no service.
        ValueError: there is no such kind of gateway.

    Example:
        >>> with TestClient(app, via="rest") as client:
        ...     answer = client.get("/items/3", headers={"Authorization": "token"})
    """

    __test__ = False

    def __init__(
        self, app: ASGIApp, *, via: Via | None = None, base_url: str = "http://testserver", **options: Any
    ) -> None:
        if via is not None:
            if not isinstance(app, TechMicroService):
                raise TypeError(f"only a TechMicroService is called through a gateway, not {type(app).__name__}")
            path = "" if ".execute-api." in base_url else urlsplit(base_url).path
            app = GatewayApp(app, via, base_path=path)
        super().__init__(app, base_url=base_url, **options)
