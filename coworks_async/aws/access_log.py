"""The log of a Lambda: one structured line a request, without token, query, body or event."""

import json
import logging
from time import perf_counter
from typing import Any

from coworks_async.types import Scope


class StructuredMessage(dict[str, Any]):
    """A log message that is data: a formatter of text writes it as JSON, one that knows of mappings takes it apart.

    Lambda's own JSON format is one of those: it keeps the members as members of `message`.
    """

    def __str__(self) -> str:
        return json.dumps(self)


def log_request(logger: logging.Logger, scope: Scope, status: int, *, start: float, context: Any, cold: bool) -> None:
    """Log a request at INFO, where the service's logger wants that level.

    Parameters:
        start: `time.perf_counter()` when the event came.
        context: the Lambda's, for the request id.
        cold: it is the first event of its container.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    line = StructuredMessage(
        method=scope.get("method"),
        path=scope.get("path"),
        status=status,
        ms=round((perf_counter() - start) * 1000, 3),
        request_id=getattr(context, "aws_request_id", None),
        cold_start=cold,
    )
    logger.info(line)
