"""Programs, ports and time limits for tests.

Mark a test that starts a program with `@requires_tool("curl")`: it becomes an end-to-end test, which `make test` leaves
out.
"""

import errno
import os
import random
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from socketserver import BaseServer

import pytest

requires_tool = pytest.mark.requires_tool

PATIENCE = 60.0
"""Seconds a test waits for other threads and processes: more than a busy machine needs."""

# Below the ephemeral range, so that no client connection takes one of these meanwhile.
PORTS = range(20_000, 30_000)


def find_tool(name: str) -> str:
    """Return the path of a program; fail the test if it is not installed."""
    # Debian installs the programs of a PostgreSQL server outside of PATH.
    folders = [*os.get_exec_path(), *glob("/usr/lib/postgresql/*/bin")]
    path = shutil.which(name, path=os.pathsep.join(folders))
    if path is None:
        pytest.fail(f"{name} is not on PATH; run `make tools`", pytrace=False)
    return path


@contextmanager
def serve_in_thread(server: BaseServer) -> Iterator[None]:
    """Serve requests in a thread until the block ends, and close the server."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def free_port() -> int:
    """Return a free port, for a program that cannot choose one itself."""
    while True:
        port = random.choice(PORTS)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
