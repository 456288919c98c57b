"""The end of a container: SIGTERM, which Lambda sends where an extension is registered, or the process's own end."""

import os
import signal
import subprocess
import sys

SERVICE = """
import asyncio, os, signal, sys
before = signal.getsignal(signal.SIGTERM)
from contextlib import asynccontextmanager
from coworks_async import TechMicroService, entry
from tests.aws.lambdas import rest, Context

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
        print("answered", flush=True)
        return "answered"

    @entry(no_auth=True)
    def get_sync(self):
        return "threaded"

app = Service(lifespan=lifespan)
def call(path="/"):
    return app.lambda_handler(rest(path=path), Context())["body"]
"""


def run(code: str) -> tuple[int, list[str]]:
    """Run a service in a process of its own; return its exit code and what it printed."""
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


def test_sigterm_ends_the_lifespan_and_then_the_process_as_it_would_have():
    assert run(f"call()\n{TERM}print('never')") == (-signal.SIGTERM, ["startup", "shutdown"])


def test_sigterm_in_the_midst_of_an_event_waits_for_its_end():
    assert run("call('/term')\nprint('never')") == (-signal.SIGTERM, ["startup", "answered", "shutdown"])


SIGTERM_AT_EACH_LINE = """
signal.signal(signal.SIGTERM, lambda *args: log.append("ended"))
log = []

class Logging(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        log.append("answered")

    @entry(no_auth=True)
    async def get_wait(self):
        await asyncio.sleep(0)
        log.append("answered")

@asynccontextmanager
async def logged(app):
    yield
    log.append("shutdown")

def at_line(number, path):
    app = Logging(lifespan=logged)
    app.lambda_handler(rest(), Context())
    app.lambda_handler(rest(), Context())
    log.clear()
    lines = iter(range(number, -1, -1))
    where = []

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.endswith("aws/runtime.py") or log:
            return None
        if event == "line" and next(lines, None) == 0:
            where.append(frame.f_lineno)
            os.kill(os.getpid(), signal.SIGTERM)
        return trace

    sys.settrace(trace)
    status = app.lambda_handler(rest(path=path), Context())["statusCode"]
    sys.settrace(None)
    # Before the event has begun its lifespan may end, and starts anew.
    whole = sorted(log[:3]) == ["answered", "ended", "shutdown"] and log.index("shutdown") < log.index("ended")
    assert not where or (whole and status == 204), (where, path, log, status)
    app.lambda_handler.close()
    return bool(where)

for path in ("/", "/wait"):
    number = 0
    while at_line(number, path):
        number += 1
    assert number > 10
"""


def test_sigterm_at_any_line_around_an_event_neither_breaks_nor_hangs_it():
    assert run(SIGTERM_AT_EACH_LINE) == (0, [])


def test_sigterm_while_another_thread_answers_waits_for_its_end():
    code = "import threading\ncall()\nt = threading.Thread(target=call, args=('/term',))\nt.start()\nt.join()\n"
    code += "print('never')"
    assert run(code) == (-signal.SIGTERM, ["startup", "answered", "shutdown"])


def test_a_handler_of_the_services_own_still_runs_after_the_lifespan():
    own = "signal.signal(signal.SIGTERM, lambda *args: (print('own'), sys.exit(5)))\n"
    assert run(f"{own}call()\n{TERM}print('never')") == (5, ["startup", "shutdown", "own"])


def test_a_handler_that_was_set_later_may_hand_on_to_ours():
    later = "mine = signal.getsignal(signal.SIGTERM)\nsignal.signal(signal.SIGTERM, lambda *args: mine(*args))\n"
    assert run(f"call()\n{later}{TERM}print('never')") == (-signal.SIGTERM, ["startup", "shutdown"])


def test_where_sigterm_was_ignored_it_ends_the_lifespan_and_no_more():
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    assert run(f"{ignore}call()\n{TERM}print(call())") == (0, ["startup", "shutdown", "startup", "here", "shutdown"])


def test_before_the_first_event_and_after_a_close_sigterm_does_what_it_did():
    check = "assert signal.getsignal(signal.SIGTERM) is before\n"
    assert run(f"{check}call()\napp.lambda_handler.close()\n{check}") == (0, ["startup", "shutdown"])


def test_a_process_that_ends_by_itself_ends_the_lifespan():
    assert run("call()") == (0, ["startup", "shutdown"])


def test_a_process_that_ends_by_itself_waits_for_no_thread_of_a_sync_entry():
    assert run("print(call('/sync'))\nprint(call('/sync'))") == (0, ["startup", "threaded", "threaded", "shutdown"])


def test_in_another_thread_there_is_no_signal_to_wait_for():
    code = "import threading\nt = threading.Thread(target=call)\nt.start()\nt.join()\n"
    check = "assert signal.getsignal(signal.SIGTERM) is before\n"
    assert run(code + check) == (0, ["startup", "shutdown"])


def test_a_close_from_another_thread_leaves_the_signal_alone():
    code = "import threading\ncall()\nt = threading.Thread(target=app.lambda_handler.close)\nt.start()\nt.join()\n"
    assert run(f"{code}print(call())\n{TERM}") == (
        -signal.SIGTERM,
        ["startup", "shutdown", "startup", "here", "shutdown"],
    )
