"""The entries of `Admin`. The page and its assets are open and contain no service data; all others require a token."""

import inspect
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from starlette.responses import HTMLResponse, Response

from coworks_async.blueprints.admin.assets import ASSET_HEADERS, PAGE_HEADERS, get_asset, render_page
from coworks_async.entries.blueprints import Blueprint
from coworks_async.entries.decorators import entry
from coworks_async.exceptions import Problem
from coworks_async.extras import require
from coworks_async.pipeline.request import current_request, explicit_stage
from coworks_async.service import TechMicroService
from coworks_async.types import Function

REQUIRED_MODULES = ("docstring_parser", "markdown_it", "nh3")
"""Modules of the extra `admin`. They are imported when an entry first needs them, to keep cold starts short."""


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """An entry in `/route`. `auth` is whether it requires a token."""

    endpoint: str
    signature: str
    doc: str | None
    auth: bool
    blueprint: str | None


class Admin(Blueprint):
    """Shows a service: its entries, its documentation, its OpenAPI document, and a page to try it.

    Args:
        name: the blueprint's name, `admin` by default.
        event_stages: the stage or stages where `/event` exists; `()` for none. `CWS_STAGE` must be set to it: `cws run`
            and a deploy do this.

    Raises:
        ImportError: a package of the extra `admin` is not installed.

    Examples:
        >>> from coworks_async import TechMicroService
        >>> from coworks_async.blueprints import Admin
        >>> app = TechMicroService(name="shop")
        >>> app.register_blueprint(Admin(), url_prefix="/admin")
    """

    instance_attributes: ClassVar[frozenset[str]] = Blueprint.instance_attributes | {"documents"}

    def __init__(self, name: str | None = None, *, event_stages: str | Collection[str] = ("dev",)) -> None:
        for module in REQUIRED_MODULES:
            require("Admin", module, "admin")
        super().__init__(name)
        self.documents: WeakKeyDictionary[TechMicroService, dict[str, Any]] = WeakKeyDictionary()
        if explicit_stage() not in ({event_stages} if isinstance(event_stages, str) else event_stages):
            self.get_event = None  # type: ignore[assignment, method-assign]  # removes the entry

    @entry(no_auth=True)
    async def get(self) -> HTMLResponse:
        """Return the page for people. It contains no service data: it loads the other entries with a token."""
        request = current_request()
        scope, app = request.scope, request.app
        entry_path = scope["route"].entry.path
        page = render_page(scope["path"], scope.get("root_path", ""), entry_path, app.token_key, app.auth_scheme)
        return HTMLResponse(page, headers=PAGE_HEADERS)

    @entry(no_auth=True)
    async def get_assets(self, version: str, name: str) -> Response:
        """Return a static file of the page. Its content never changes: each version has its own URL."""
        asset = get_asset(version, name)
        if asset is None:
            raise Problem(404, "There is no such asset in this version of the page.")
        content, media_type = asset
        return Response(content, media_type=media_type, headers=ASSET_HEADERS)

    @entry
    async def get_doc(self) -> HTMLResponse:
        """Return the service's documentation as HTML: `doc_md`, else `DOC_MD`, else the docstring of its class."""
        return HTMLResponse(render_markdown(get_documentation(current_request().app)), headers=PAGE_HEADERS)

    @entry
    async def get_route(self, prefix: str = "", blueprint: str | None = None) -> dict[str, dict[str, RouteInfo]]:
        """List the routes of the service with the signatures of their methods.

        :param prefix: start of the paths
        :param blueprint: name of the blueprint; empty for the service's own entries
        """
        start = "/" + prefix.removeprefix("/")
        routes: dict[str, dict[str, RouteInfo]] = {}
        for each in sorted(current_request().app.entries, key=lambda each: (each.path, each.method)):
            if each.path.startswith(start) and blueprint in (None, each.blueprint or ""):
                routes.setdefault(each.path, {})[each.method] = RouteInfo(
                    endpoint=each.endpoint,
                    signature=format_signature(each.function),
                    doc=inspect.getdoc(each.function),
                    auth=not each.no_auth,
                    blueprint=each.blueprint,
                )
        return routes

    @entry("/openapi.json")
    def get_openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document of the service."""
        from coworks_async.openapi import openapi  # late, as `REQUIRED_MODULES`

        request = current_request()
        document = self.documents.get(request.app)
        if document is None:
            # Concurrent requests may both create it, with the same result.
            document = self.documents[request.app] = openapi(request.app)
        return {**document, "servers": [{"url": request.scope.get("root_path") or "/"}]}

    @entry
    async def get_event(self) -> dict[str, Any]:
        """Return the Lambda event of this request, with tokens, cookies and other secrets masked."""
        request = current_request()
        if request.aws_event is None:
            raise Problem(404, "This request did not come through Lambda, so it has no event.")
        return mask_secrets(request.aws_event, request.app.token_key)


class _Unquoted(str):
    """A string annotation, shown without quotes."""

    def __repr__(self) -> str:
        return str(self)


def format_signature(method: Function) -> str:
    """Return the signature of a bound method as it is written, without `self`."""

    def unquote_annotation(annotation: object) -> object:
        return _Unquoted(annotation) if isinstance(annotation, str) else annotation

    signature = inspect.signature(method)
    parameters = [
        parameter.replace(annotation=unquote_annotation(parameter.annotation))
        for parameter in signature.parameters.values()
    ]
    returns = unquote_annotation(signature.return_annotation)
    return str(signature.replace(parameters=parameters, return_annotation=returns))


def get_documentation(app: Any) -> str:
    """Return the Markdown of a service: its `doc_md`, else its class's `DOC_MD`, else its class's docstring."""
    text = getattr(app, "doc_md", None) or getattr(app, "DOC_MD", None) or vars(type(app)).get("__doc__") or ""
    return inspect.cleandoc(text)


def render_markdown(text: str) -> str:
    """Render CommonMark with tables and strikethrough, without scripts, styles, forms, frames and unsafe links."""
    import nh3
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return nh3.clean(markdown.render(text), url_schemes={"http", "https", "mailto"})


MASK = "***"

# `auth` also matches `authorizer`, the name of the authorizer's result.
_SECRET = re.compile(
    r"auth|cookie|token|secret|passw|pwd|signature|credential|session|jwt|^code$|(api|access|private)[-_]?key",
    re.IGNORECASE,
)

# A name and a value in a query string, or in a URL in a header. Another pair may follow after `#` or `?`.
_PAIR = re.compile(r"([^?&;#=\s]+)=((?:(?![?#][^?&;#=\s]+=)[^&;\s])*)")

# User and password in a URL.
_USERINFO = re.compile(r"(?<=://)[^/?#\s]+@")

# A URL may contain an encoded URL, which may contain another one. Text that is encoded more often is masked.
_MAX_ENCODINGS = 3


def mask_secrets(event: Mapping[str, Any], token_key: str) -> dict[str, Any]:
    """Return a copy of a Lambda event without secrets, by the names of headers, cookies, parameters and fields."""

    def is_secret(name: str) -> bool:
        plain = unquote(name)
        return plain.lower() == token_key.lower() or _SECRET.search(plain) is not None

    def mask(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: MASK if is_secret(name) and item is not None else mask(item) for name, item in value.items()}
        if isinstance(value, list):
            return [mask(item) for item in value]
        return mask_text(value) if isinstance(value, str) else value

    def mask_text(text: str, encodings: int = 0) -> str:
        def mask_pair(pair: re.Match[str]) -> str:
            name, value = pair.groups()
            if is_secret(name):
                return f"{name}={MASK}"
            return f"{name}={mask_text(value, encodings + 1)}" if "%" in value else pair[0]

        masked = _PAIR.sub(mask_pair, _USERINFO.sub(f"{MASK}@", text))
        decoded = unquote(masked)
        if decoded == masked:
            return masked
        return MASK if encodings == _MAX_ENCODINGS or mask_text(decoded, encodings + 1) != decoded else masked

    return {**mask(event)}
