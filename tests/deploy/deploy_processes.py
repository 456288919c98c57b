"""Processes that apply a root module, as `cws deploy` does, for tests that interrupt them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SCRIPT = """
import os
import signal
import sys
from pathlib import Path

from coworks_async.deploy.terraform.output import Notice
from coworks_async.deploy.terraform.runner import Terraform, find_terraform, private_directory
from coworks_async.exceptions import DeployError

# A shell without job control starts pytest, and so this process, with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
directory = Path(sys.argv[1])


def on_event(event):
    if isinstance(event, Notice):
        print(event.text, flush=True)


try:
    terraform = Terraform(find_terraform(None, os.environ), directory, {}, directory / "terraform.log")
    terraform.init(on_event=on_event)
    with private_directory(directory) as private:
        terraform.apply(terraform.plan(private / "plan", on_event=on_event), on_event)
    print("done")
except DeployError as error:
    sys.exit(f"Error: {error}")
"""


@contextmanager
def deploy_process(directory: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(directory)],
        env=os.environ | dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Its own group, so that a test can press Ctrl-C.
        start_new_session=True,
    )
    with process:
        yield process
        process.kill()


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> str:
    """Send a signal to the group of a process, and return the next line it prints."""
    assert process.stdout is not None
    os.killpg(process.pid, number)
    return process.stdout.readline().rstrip("\n")
