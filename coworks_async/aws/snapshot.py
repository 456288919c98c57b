"""Functions that run before Lambda takes a snapshot of a process, and after it restores one (SnapStart).

https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

from collections.abc import Callable, Iterable, Mapping
from inspect import isawaitable
from typing import Any

from coworks_async.entries.blueprints import F
from coworks_async.types import Function


class SnapshotHooks:
    """The functions of one service."""

    def __init__(self) -> None:
        self.before: list[Function] = []
        self.after: list[Function] = []

    async def run_before_snapshot(self) -> None:
        """Run the functions for a snapshot; the last registered one is the first."""
        await _run(reversed(self.before))

    async def run_after_restore(self) -> None:
        """Run the functions for a restore."""
        await _run(self.after)


class SnapshotMixin:
    """Decorators that register the functions of a service."""

    snapshot_hooks: SnapshotHooks

    def before_snapshot(self, function: F) -> F:
        """Register a function that runs before SnapStart's snapshot. If it fails, no version is published."""
        self.snapshot_hooks.before.append(function)
        return function

    def after_restore(self, function: F) -> F:
        """Register a function that runs when Lambda has restored the process from SnapStart's snapshot."""
        self.snapshot_hooks.after.append(function)
        return function


async def _run(functions: Iterable[Function]) -> None:
    for function in functions:
        returned = function()
        if isawaitable(returned):
            await returned


def is_snap_start(variables: Mapping[str, str]) -> bool:
    return variables.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"


def register_with_aws(before: Callable[[], Any], after: Callable[[], Any]) -> None:
    """Let AWS's Python runtime call these functions. The native runtime calls them itself."""
    try:
        # Lambda cold start: only functions with SnapStart need it.
        from snapshot_restore_py import register_after_restore, register_before_snapshot
    except ModuleNotFoundError:
        # The Python of an OS-only runtime does not have AWS's package.
        return
    register_before_snapshot(before)
    register_after_restore(after)
