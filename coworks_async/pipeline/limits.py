"""How much a request may hold."""

from msgspec import Struct
from starlette.types import Scope

from coworks_async.exceptions import ContentTooLarge

LAMBDA_PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Bytes of a synchronous invocation's payload and of its response.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

ALB_PAYLOAD_LIMIT = 1024 * 1024
"""Bytes of a request or response body behind a load balancer.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""


class Limits(Struct, frozen=True):
    """The limits of a service: the bytes of a body (None for no limit), the fields and the files of a form."""

    body_size: int | None = LAMBDA_PAYLOAD_LIMIT
    fields: int = 1000
    files: int = 100

    def check_size(self, size: int) -> None:
        """Refuse a body of so many bytes, or with more to come; raises `ContentTooLarge`."""
        if self.body_size is not None and size > self.body_size:
            raise ContentTooLarge(f"The body is over the limit of {self.body_size} bytes.")

    def check_length(self, scope: Scope) -> None:
        """Refuse a body by its announced length, before it is read; raises `ContentTooLarge`."""
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                self.check_size(int(value[:20]))


DEFAULT_LIMITS = Limits()
