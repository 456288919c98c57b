"""`Admin`: shows a service's entries, as JSON for programs and as a page for people."""

from coworks_async.blueprints.admin.blueprint import Admin

__all__ = ["Admin"]
