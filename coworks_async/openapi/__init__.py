"""OpenAPI 3.1 documents of services, created from the plans that bind their requests."""

from coworks_async.extras import require

require("coworks_async.openapi", "docstring_parser", "standard")

from coworks_async.openapi.document import openapi  # noqa: E402 - a missing package is reported first

__all__ = ["openapi"]
