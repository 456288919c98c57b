"""The entries of the blueprint: the page and its assets are open and tell nothing; what they load asks for a token."""

from collections.abc import Collection
from importlib.util import find_spec
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from starlette.responses import HTMLResponse, Response

from coworks_async.blueprints.admin.assets import FOREVER, HEADERS, Place, asset, page
from coworks_async.blueprints.admin.markdown import doc_of, to_html
from coworks_async.blueprints.admin.masking import masked
from coworks_async.blueprints.admin.routes import Route, routes_of
from coworks_async.entries.blueprints import Blueprint
from coworks_async.entries.decorators import entry
from coworks_async.exceptions import Problem
from coworks_async.pipeline.request import current_request, current_stage
from coworks_async.service import TechMicroService

NEEDED = ("docstring_parser", "markdown_it", "nh3")
"""What the extra `admin` brings; loaded when the page's data are first asked for."""


class Admin(Blueprint):
    """Shows a service: its entries, its documentation, its OpenAPI document, and a page to try it.

    Parameters:
        name: what its endpoints start with, `admin` by default.
        event_stages: the stage where `/event` exists, or several; none at all with `()`.

    Raises:
        ImportError: a package of the extra `admin` is not installed.

    Example:
        >>> app.register_blueprint(Admin(), url_prefix="/admin")
    """

    instance_attributes: ClassVar[frozenset[str]] = Blueprint.instance_attributes | {"documents"}

    def __init__(self, name: str | None = None, *, event_stages: str | Collection[str] = ("dev",)) -> None:
        missing = [module for module in NEEDED if find_spec(module) is None]
        if missing:
            raise ImportError(f"Admin needs {missing[0]}: pip install 'coworks-async[admin]'", name=missing[0])
        super().__init__(name)
        self.documents: WeakKeyDictionary[TechMicroService, dict[str, Any]] = WeakKeyDictionary()
        stages = {event_stages} if isinstance(event_stages, str) else set(event_stages)
        if current_stage() not in stages:
            # Which entries there are is told by the class; so an instance with fewer has a class of its own.
            own = type(self)
            told = {"__doc__": own.__doc__, "__module__": own.__module__, "__qualname__": own.__qualname__}
            self.__class__ = type(own.__name__, (own,), {**told, "get_event": None})

    @entry(no_auth=True)
    async def get(self) -> HTMLResponse:
        """Show the page for people. It holds nothing of the service: it asks for a token and loads the rest with it."""
        request = current_request()
        entry_path = request.scope["route"].entry.path
        place = Place(request.scope["path"], request.scope.get("root_path", ""), entry_path)
        return HTMLResponse(page(place, request.app.token_key), headers=HEADERS)

    @entry(no_auth=True)
    async def get_assets(self, version: str, name: str) -> Response:
        """Give a part of the page; a part never changes, since another version has another address."""
        found = asset(version, name)
        if found is None:
            raise Problem(404, "The page has no such part in this version.")
        content, media_type = found
        return Response(content, media_type=media_type, headers=FOREVER)

    @entry
    async def get_doc(self) -> HTMLResponse:
        """Give the service's own documentation as HTML: `doc_md`, else `DOC_MD`, else its class's docstring."""
        return HTMLResponse(to_html(doc_of(current_request().app)), headers=HEADERS)

    @entry
    async def get_route(self, prefix: str = "", blueprint: str | None = None) -> dict[str, dict[str, Route]]:
        """List all the routes of the service, with the signatures of the methods behind them.

        :param prefix: what the paths start with
        :param blueprint: the name of the blueprint that the entries stand in; empty for the service's own
        """
        return routes_of(current_request().app.entries, prefix, blueprint)

    @entry
    async def get_event(self) -> dict[str, Any]:
        """Give the event that brought this very request to Lambda; tokens, cookies and other secrets are masked."""
        request = current_request()
        if request.aws_event is None:
            raise Problem(404, "No event brought this request: it did not come through Lambda.")
        return masked(request.aws_event, request.app.token_key)


@entry
def get_openapi(self: Admin) -> dict[str, Any]:
    """Give the OpenAPI document of the service."""
    from coworks_async.openapi import openapi

    request = current_request()
    document = self.documents.get(request.app)
    if document is None:
        # Two threads may both make it, which is the same twice.
        document = self.documents[request.app] = openapi(request.app)
    return {**document, "servers": [{"url": request.scope.get("root_path") or "/"}]}


# The name is the route, and no name in a class's body holds a dot.
setattr(Admin, "get_openapi.json", get_openapi)
