"""OpenAPI 3.1 documents of services, created from the plans that bind their requests."""

from coworks_async.openapi.document import openapi

__all__ = ["openapi"]
