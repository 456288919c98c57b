"""Private names of Starlette that have no public equivalent."""

from starlette._utils import (
    AwaitableOrContextManager,  # the return type of `Request.form()`
    AwaitableOrContextManagerWrapper,
    get_route_path,  # a request's path below its `root_path`
    is_async_callable,  # also recognises callable objects and partials
)

__all__ = ["AwaitableOrContextManager", "AwaitableOrContextManagerWrapper", "get_route_path", "is_async_callable"]
