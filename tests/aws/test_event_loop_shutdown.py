"""The end of an execution environment: by SIGTERM, which Lambda sends if an extension is registered, or by itself."""

import os
import signal
import subprocess
import sys

SERVICE = """
import asyncio, os, signal, sys
before = signal.getsignal(signal.SIGTERM)
from contextlib import asynccontextmanager
from coworks_async import TechMicroService, entry
from tests.aws.events import Context, rest_event

@asynccontextmanager
async def lifespan(app):
    print("startup", flush=True)
    yield
    await asyncio.sleep(0)
    print("shutdown", flush=True)

class Service(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "here"

    @entry(no_auth=True)
    async def get_term(self):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        print("responded", flush=True)
        return "responded"

    @entry(no_auth=True)
    def get_sync(self):
        return "threaded"

app = Service(lifespan=lifespan)
def call(path="/"):
    return app.lambda_handler(rest_event(path=path), Context())["body"]
"""


def run(code: str) -> tuple[int, list[str]]:
    """Run a service in its own process. Return the exit code and the printed words."""
    done = subprocess.run(
        [sys.executable, "-c", SERVICE + code],
        env=os.environ | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout.split()


TERM = "os.kill(os.getpid(), signal.SIGTERM)\n"


def test_sigterm_stops_the_lifespan_and_ends_the_process():
    assert run(f"call()\n{TERM}print('never')") == (-signal.SIGTERM, ["startup", "shutdown"])


def test_sigterm_during_an_event_takes_effect_at_its_end():
    assert run("call('/term')\nprint('never')") == (-signal.SIGTERM, ["startup", "responded", "shutdown"])


SIGTERM_AT_EACH_LINE = """
signal.signal(signal.SIGTERM, lambda *args: log.append("ended"))
log = []

class Logging(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        log.append("responded")

    @entry(no_auth=True)
    async def get_wait(self):
        await asyncio.sleep(0)
        log.append("responded")

@asynccontextmanager
async def logged(app):
    yield
    log.append("shutdown")

def at_line(number, path):
    app = Logging(lifespan=logged)
    app.lambda_handler(rest_event(), Context())
    app.lambda_handler(rest_event(), Context())
    log.clear()
    lines = iter(range(number, -1, -1))
    where = []

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.endswith("aws/event_loop.py") or log:
            return None
        if event == "line" and next(lines, None) == 0:
            where.append(frame.f_lineno)
            os.kill(os.getpid(), signal.SIGTERM)
        return trace

    sys.settrace(trace)
    status = app.lambda_handler(rest_event(path=path), Context())["statusCode"]
    sys.settrace(None)
    # Before the event has started, the signal may stop the lifespan, which then starts again.
    in_order = sorted(log[:3]) == ["ended", "responded", "shutdown"] and log.index("shutdown") < log.index("ended")
    assert not where or (in_order and status == 204), (where, path, log, status)
    app.lambda_handler.close()
    return bool(where)

for path in ("/", "/wait"):
    number = 0
    while at_line(number, path):
        number += 1
    assert number > 10
"""


def test_sigterm_at_any_line_of_the_event_loop_neither_breaks_nor_blocks_an_event():
    assert run(SIGTERM_AT_EACH_LINE) == (0, [])


def test_sigterm_during_an_event_in_another_thread_takes_effect_at_its_end():
    code = "import threading\ncall()\nt = threading.Thread(target=call, args=('/term',))\nt.start()\nt.join()\n"
    code += "print('never')"
    assert run(code) == (-signal.SIGTERM, ["startup", "responded", "shutdown"])


def test_an_earlier_sigterm_handler_runs_after_the_lifespan():
    own = "signal.signal(signal.SIGTERM, lambda *args: (print('own'), sys.exit(5)))\n"
    assert run(f"{own}call()\n{TERM}print('never')") == (5, ["startup", "shutdown", "own"])


def test_a_later_sigterm_handler_may_call_ours():
    later = "mine = signal.getsignal(signal.SIGTERM)\nsignal.signal(signal.SIGTERM, lambda *args: mine(*args))\n"
    assert run(f"call()\n{later}{TERM}print('never')") == (-signal.SIGTERM, ["startup", "shutdown"])


def test_an_ignored_sigterm_stops_the_lifespan_only():
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    assert run(f"{ignore}call()\n{TERM}print(call())") == (0, ["startup", "shutdown", "startup", "here", "shutdown"])


def test_sigterm_is_handled_only_between_first_event_and_close():
    check = "assert signal.getsignal(signal.SIGTERM) is before\n"
    assert run(f"{check}call()\napp.lambda_handler.close()\n{check}") == (0, ["startup", "shutdown"])


def test_the_end_of_the_process_stops_the_lifespan():
    assert run("call()") == (0, ["startup", "shutdown"])


def test_the_end_of_the_process_does_not_wait_for_threads_of_sync_entries():
    assert run("print(call('/sync'))\nprint(call('/sync'))") == (0, ["startup", "threaded", "threaded", "shutdown"])


def test_sigterm_is_not_handled_if_events_run_in_another_thread():
    code = "import threading\nt = threading.Thread(target=call)\nt.start()\nt.join()\n"
    check = "assert signal.getsignal(signal.SIGTERM) is before\n"
    assert run(code + check) == (0, ["startup", "shutdown"])


def test_close_in_another_thread_leaves_the_signal_handler():
    code = "import threading\ncall()\nt = threading.Thread(target=app.lambda_handler.close)\nt.start()\nt.join()\n"
    assert run(f"{code}print(call())\n{TERM}") == (
        -signal.SIGTERM,
        ["startup", "shutdown", "startup", "here", "shutdown"],
    )


def test_sigint_during_an_event_raises_keyboard_interrupt_and_close_cancels_the_entry():
    code = """
signal.signal(signal.SIGINT, signal.default_int_handler)

class Waiting(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        try:
            asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            print("cancelled", flush=True)

app = Waiting(lifespan=lifespan)
try:
    call()
except KeyboardInterrupt:
    print("interrupted", flush=True)
app.lambda_handler.close()
"""
    assert run(code) == (0, ["startup", "interrupted", "shutdown", "cancelled"])
