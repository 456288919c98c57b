"""The public service that lists the Lambda layers of CoWorks, for `cws deploy --layers`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import boto3
from coworks_async import Header, TechMicroService, entry, request
from starlette.applications import Starlette
from starlette.responses import HTMLResponse

from catalog import LayerCatalog, LayerVersion
from page import render_page

PREFIX = "coworks"

# The response depends on `Accept`, so caches must not send a browser the JSON of another client.
HEADERS = {"Cache-Control": "public, max-age=60", "Vary": "Accept"}


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    """Create the client of AWS Lambda in the region of the environment, once for all requests."""
    yield {"catalog": LayerCatalog(boto3.client("lambda"), PREFIX)}


class Layers(TechMicroService):
    """The layers that you can use in a deploy. No token is required."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(lifespan=lifespan, **kwargs)

    # Not `async`, so it runs in a thread: boto3 would block the event loop.
    @entry(no_auth=True)
    def get(
        self, accept: Annotated[str, Header()] = "application/json"
    ) -> tuple[list[LayerVersion], dict[str, str]] | HTMLResponse:
        """List the versions of all layers, the newest first: as a page for browsers, otherwise as JSON."""
        versions = request.state.catalog.list_versions()
        if prefers_html(accept):
            return HTMLResponse(render_page(versions), headers=HEADERS)
        return versions, HEADERS


def prefers_html(accept: str) -> bool:
    """Return whether an `Accept` header names HTML, and names it before JSON."""
    names = [name.partition(";")[0].strip().lower() for name in accept.split(",")]
    supported = [name for name in names if name in ("text/html", "application/json")]
    return supported[:1] == ["text/html"]


app = Layers(name="layers")
