"""Access log of a Lambda function: one structured line per request, without token, query, body or event."""

import json
import logging
from time import perf_counter
from typing import Any

from coworks_async.types import Scope


class StructuredMessage(dict[str, Any]):
    """A log message that is a mapping. A text formatter writes it as JSON; Lambda's JSON format keeps its members."""

    def __str__(self) -> str:
        return json.dumps(self)


def log_request(logger: logging.Logger, scope: Scope, status: int, *, start: float, context: Any, cold: bool) -> None:
    """Log a request at INFO. `start` is the time by `perf_counter` at which its event arrived."""
    if not logger.isEnabledFor(logging.INFO):
        return
    message = StructuredMessage(
        method=scope.get("method"),
        path=scope.get("path"),
        status=status,
        ms=round((perf_counter() - start) * 1000, 3),
        request_id=getattr(context, "aws_request_id", None),
        cold_start=cold,
    )
    logger.info(message)
