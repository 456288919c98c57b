"""Blueprints that come with the package; what they need beyond it is an extra of the same name."""

from coworks_async.blueprints.admin import Admin
from coworks_async.blueprints.profiler import Profiler

__all__ = ["Admin", "Profiler"]
