"""What the tests need of the machine: programs that are no Python packages.

Mark a test with `requires_tool("curl")`. Where curl is missing the test is skipped and the reason printed; with
`CWS_TEST_ALL=1`, which `make test-all` sets, it fails instead.
"""

import errno
import os
import random
import shutil
import socket

import pytest

requires_tool = pytest.mark.requires_tool

PATIENCE = 60.0
"""How many seconds a test waits for other threads and processes: more than a busy machine takes."""

# The system gives out none of these by itself, as to a client that connects while a test is under way.
PORTS = range(20_000, 30_000)


def find_tool(name: str) -> str:
    """Find a program, or end the test that asks for it.

    Parameters: `name`, what one would type to start it.
    Returns its path.
    Raises pytest's outcome for a skipped test when it is not on PATH, for a failed one with `CWS_TEST_ALL=1`.

    Example: `subprocess.run([find_tool("curl"), url])`.
    """
    path = shutil.which(name)
    if path is not None:
        return path
    if os.environ.get("CWS_TEST_ALL") == "1":
        pytest.fail(f"{name} is not on PATH, and CWS_TEST_ALL=1 lets no test be skipped", pytrace=False)
    pytest.skip(f"{name} is not on PATH; `make test-all` installs it")


def free_port() -> int:
    """Find a port for a program that has to be told one; where it may be 0, the system does it better."""
    while True:
        port = random.choice(PORTS)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
