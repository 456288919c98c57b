"""The hooks around an entry, put in the order in which they run."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from starlette.responses import Response

from coworks_async.entries.blueprints import ErrorKey, HookRegistry
from coworks_async.exceptions import ReturnError
from coworks_async.pipeline.concurrency import AsyncFunction, ensure_async
from coworks_async.pipeline.responses import check_response


class HookChain(Struct, frozen=True):
    """The hooks of one entry, ready to be awaited.

    `before` runs in order; `after` and `teardown` are in the order in which they run, the last registered first.
    `errors` holds the handlers of each place, the nearest to the entry first.
    """

    before: tuple[AsyncFunction, ...]
    after: tuple[AsyncFunction, ...]
    teardown: tuple[AsyncFunction, ...]
    errors: tuple[Mapping[ErrorKey, AsyncFunction], ...]


def build_hook_chain(places: Sequence[HookRegistry]) -> HookChain:
    """Put together the hooks of several places, the service's first and the blueprint's last; they are frozen now."""
    for hooks in places:
        hooks.frozen = True
    return HookChain(
        before=tuple(ensure_async(hook) for hooks in places for hook in hooks.before),
        after=tuple(ensure_async(hook) for hooks in reversed(places) for hook in reversed(hooks.after)),
        teardown=tuple(ensure_async(hook) for hooks in reversed(places) for hook in reversed(hooks.teardown)),
        errors=tuple(
            {key: ensure_async(hook) for key, hook in hooks.errors.items()}
            for hooks in reversed(places)
            if hooks.errors
        ),
    )


async def run_after_hook(hook: AsyncFunction, response: Response) -> Response:
    """Run a hook that gets the response and returns it, or another.

    Raises:
        ReturnError: it returned something else, or what no server can send.
    """
    before = (response, response.status_code, response.raw_headers.copy())
    response = await hook(response)
    if not isinstance(response, Response):
        raise ReturnError(f"an after_request hook returned {type(response).__name__} and not the response")
    return response if before == (response, response.status_code, response.raw_headers) else check_response(response)
