"""Blueprints included in the package. Each needs the extra of the same name."""

from coworks_async.blueprints.admin import Admin
from coworks_async.blueprints.profiler import Profiler

__all__ = ["Admin", "Profiler"]
