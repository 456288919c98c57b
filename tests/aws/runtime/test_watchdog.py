"""The watchdog of the event loop."""

import asyncio
import logging
import time

import pytest

from coworks_async.aws.runtime.errors import RuntimeInitError
from coworks_async.aws.runtime.watchdog import Watchdog, create_watchdog


def block_the_loop(seconds: float) -> None:
    time.sleep(seconds)


async def test_code_that_blocks_the_event_loop_is_logged_once_with_its_stack(caplog: pytest.LogCaptureFixture):
    watchdog = Watchdog(0.3)
    watchdog.start()
    block_the_loop(1.8)
    await asyncio.sleep(0)
    watchdog.stop()
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("The event loop has been blocked for 0.3 s. Run blocking code in a sync")
    assert "in block_the_loop" in record.getMessage()


async def test_an_idle_event_loop_is_not_blocked(caplog: pytest.LogCaptureFixture):
    watchdog = Watchdog(1)
    watchdog.start()
    await asyncio.sleep(1.2)
    watchdog.stop()
    assert caplog.records == []


async def test_stop_during_a_question_ends_the_watchdog_without_a_line(caplog: pytest.LogCaptureFixture):
    watchdog = Watchdog(1)
    watchdog.start()
    block_the_loop(1.2)  # it has asked, and waits for the answer
    watchdog.stop()
    assert caplog.records == []


def test_it_is_off_unless_its_variable_is_set():
    assert create_watchdog({}) is None
    watchdog = create_watchdog({"CWS_WATCHDOG": "0.5"})
    assert watchdog is not None
    assert watchdog.seconds == 0.5


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "901"])
def test_its_variable_must_be_a_number_of_seconds(text: str):
    with pytest.raises(RuntimeInitError, match=rf"CWS_WATCHDOG: '{text}' is not a number of seconds between 0 and 900"):
        create_watchdog({"CWS_WATCHDOG": text})
