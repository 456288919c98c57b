"""Log the stack of code that blocks the event loop, such as a synchronous request in an async entry."""

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Mapping

from coworks_async.aws.runtime.errors import RuntimeInitError

VARIABLE = "CWS_WATCHDOG"

logger = logging.getLogger("coworks_async.runtime")


class Watchdog:
    """Asks the event loop at an interval whether it runs. An event loop that does not answer in time is blocked.

    Args:
        seconds: the interval, and the time after which the loop is blocked.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._stopped = threading.Event()

    def start(self) -> None:
        """Watch the running event loop from another thread."""
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._watcher = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        self._stopped.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._stopped.wait(self.seconds):
            answered = threading.Event()
            self._loop.call_soon_threadsafe(answered.set)
            if not answered.wait(self.seconds) and not self._stopped.is_set():
                self._log_stack()
            # One entry for each time that it is blocked.
            while not answered.wait(self.seconds) and not self._stopped.is_set():
                pass

    def _log_stack(self) -> None:
        stack = "".join(traceback.format_stack(sys._current_frames()[self._thread_id]))
        message = "The event loop has been blocked for %.3g s. Run blocking code in a sync entry or a thread:\n%s"
        logger.warning(message, self.seconds, stack)


def create_watchdog(variables: Mapping[str, str]) -> Watchdog | None:
    """Return a watchdog if `CWS_WATCHDOG` is set, to a number of seconds."""
    text = variables.get(VARIABLE)
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 900:
        message = f"{VARIABLE}: {text!r} is not a number of seconds between 0 and 900."
        raise RuntimeInitError("Runtime.InvalidConfiguration", message)
    return Watchdog(seconds)
