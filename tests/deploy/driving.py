"""Processes that deploy a stage, as `cws` does, for the tests that interrupt them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.tools import PATIENCE

DRIVER = """
import os
import sys
from pathlib import Path

from coworks_async.deploy.terraform.events import Notice
from coworks_async.deploy.terraform.runner import Terraform, find_terraform, private_folder
from coworks_async.exceptions import DeployError

folder = Path(sys.argv[1])


def watch(event):
    if isinstance(event, Notice):
        print(event.text, flush=True)


try:
    terraform = Terraform(find_terraform(None, os.environ), folder, {}, folder / "terraform.log")
    terraform.init(watch=watch)
    with private_folder(folder) as private:
        terraform.apply(terraform.plan(private / "plan", watch=watch), watch)
    print("done", terraform.addresses())
except DeployError as error:
    sys.exit(f"Error: {error}")
"""


@contextmanager
def driving(folder: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process that deploys the stage in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(folder)],
        env=os.environ | dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A group of its own, so that a test can press Ctrl-C.
        start_new_session=True,
    )
    with process:
        yield process
        process.kill()


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "It never happened."
        time.sleep(0.02)


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> str:
    """Press Ctrl-C, and return the line that comes then."""
    assert process.stdout is not None
    os.killpg(process.pid, number)
    return process.stdout.readline().rstrip("\n")
