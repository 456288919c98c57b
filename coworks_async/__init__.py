"""CoWorks Async: one Python class is a local ASGI service, a Lambda function and a Terraform plan."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coworks_async.entries.blueprints import Blueprint
    from coworks_async.entries.cors import CORS
    from coworks_async.entries.decorators import entry
    from coworks_async.entries.entry import Entry
    from coworks_async.entries.sources import Cookie, Header
    from coworks_async.exceptions import (
        CommandError,
        CoWorksError,
        DeclarationError,
        DeployError,
        Problem,
        RequestContextError,
        ReturnError,
        UnknownEndpoint,
    )
    from coworks_async.pipeline.authorizer import AuthorizerMiddleware
    from coworks_async.pipeline.request import Request, request
    from coworks_async.pipeline.sse import EventSourceResponse, ServerSentEvent, sse
    from coworks_async.service import TechMicroService

__version__ = "0.1.0"

__all__ = [
    "CORS",
    "AuthorizerMiddleware",
    "Blueprint",
    "CoWorksError",
    "CommandError",
    "Cookie",
    "DeclarationError",
    "DeployError",
    "Entry",
    "EventSourceResponse",
    "Header",
    "Problem",
    "Request",
    "RequestContextError",
    "ReturnError",
    "ServerSentEvent",
    "TechMicroService",
    "UnknownEndpoint",
    "entry",
    "request",
    "sse",
]

_LAZY_EXPORTS = {
    "CORS": "entries.cors",
    "AuthorizerMiddleware": "pipeline.authorizer",
    "Blueprint": "entries.blueprints",
    "Cookie": "entries.sources",
    "Entry": "entries.entry",
    "EventSourceResponse": "pipeline.sse",
    "Header": "entries.sources",
    "Request": "pipeline.request",
    "ServerSentEvent": "pipeline.sse",
    "TechMicroService": "service",
    "entry": "entries.decorators",
    "request": "pipeline.request",
    "sse": "pipeline.sse",
}


def __getattr__(name: str) -> Any:
    """Import a public name at first use, for a fast start of `cws`, which needs few of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_LAZY_EXPORTS.get(name, 'exceptions')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
