"""`Admin`: a service shows its entries, to programs as JSON, to people as a page where each can be tried."""

from coworks_async.blueprints.admin.blueprint import Admin

__all__ = ["Admin"]
