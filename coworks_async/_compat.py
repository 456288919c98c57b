"""Private names of Starlette that have no public equivalent.

- `get_route_path`: a request's path below its `root_path`.
- `is_async_callable`: also recognises callable objects and partials.
- `AwaitableOrContextManager`, `AwaitableOrContextManagerWrapper`: the return type of `Request.form()`.
"""

from starlette._utils import (
    AwaitableOrContextManager,
    AwaitableOrContextManagerWrapper,
    get_route_path,
    is_async_callable,
)

__all__ = ["AwaitableOrContextManager", "AwaitableOrContextManagerWrapper", "get_route_path", "is_async_callable"]
