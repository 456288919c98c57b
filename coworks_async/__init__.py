"""CoWorks Async: one Python class is a local ASGI service, a Lambda function and a Terraform plan."""

from coworks_async.entries.blueprint import Blueprint
from coworks_async.entries.declaration import entry
from coworks_async.entries.entry import Entry
from coworks_async.exceptions import (
    CommandError,
    CoWorksError,
    DeclarationError,
    Problem,
    RequestContextError,
    ReturnError,
    UnknownEndpoint,
)
from coworks_async.pipeline.authorizer import AuthorizerMiddleware
from coworks_async.pipeline.request import Request, request
from coworks_async.service import TechMicroService

__version__ = "0.1.0"

__all__ = [
    "AuthorizerMiddleware",
    "Blueprint",
    "CoWorksError",
    "CommandError",
    "DeclarationError",
    "Entry",
    "Problem",
    "Request",
    "RequestContextError",
    "ReturnError",
    "TechMicroService",
    "UnknownEndpoint",
    "entry",
    "request",
]
