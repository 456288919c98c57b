"""How a service is described: OpenAPI 3.1, from the very plans that bind its requests."""

from coworks_async.openapi.document import openapi

__all__ = ["openapi"]
