"""The service's log under `cws run` and `cws invoke`, where its author has configured none."""

import logging

from coworks_async.aws.access_log import StructuredMessage

FORMAT = "%(levelname)s:     %(name)s: %(message)s"

# What these say below their levels is their own affair: of a malformed form the answer tells, of a change uvicorn.
QUIET = (("python_multipart", logging.NOTSET, logging.ERROR), ("watchfiles", logging.NOTSET, logging.WARNING))


class Untold(logging.Filter):
    """Passes what nobody else tells: neither a handler of a logger in between, nor the command itself.

    Lambda's own line a request is left out: `cws run` has uvicorn's, `cws invoke` prints the answer.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        logger = logging.getLogger(record.name)
        while logger.parent is not None:
            if any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
                return False
            logger = logger.parent
        return not isinstance(record.msg, StructuredMessage)


def configure_service_log() -> None:
    """Send the log from INFO on to stderr; to be called once the service is imported.

    Nothing is done where the root logger has a handler by then: what the service configures stands.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.addFilter(Untold())
    handler.setFormatter(logging.Formatter(FORMAT))
    root.addHandler(handler)
    for name, before, level in (("root", logging.WARNING, logging.INFO), *QUIET):
        # Another level than Python's own is the service's choice.
        if logging.getLogger(name).level == before:
            logging.getLogger(name).setLevel(level)
