"""`cws run`: time and number of connections are limited."""

import socket
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Write
from tests.cli.processes import SERVICE, ServerProcess, mode, start_server, until
from tests.tools import PATIENCE, requires_tool

pytestmark = pytest.mark.end_to_end

PARTIAL = b"GET /env/CWS_STAGE HTTP/1.1\r\nHost: x\r\n"


def connect(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def read_to_end(connection: socket.socket) -> bytes:
    """Return what the server sends until it closes the connection."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


@mode
@pytest.mark.parametrize("sent", [b"", PARTIAL], ids=["nothing", "partial-headers"])
def test_a_client_that_does_not_send_the_headers_in_time_is_disconnected(
    mode: list[str], sent: bytes, write: Write, project: Path
) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", "--timeout-keep-alive", "1", *mode, cwd=project) as server:
        with connect(server) as connection:
            started = time.monotonic()
            connection.sendall(sent)
            assert read_to_end(connection) == b""
            assert 0.5 < time.monotonic() - started < PATIENCE
        assert server.stop() == 0
        assert "Traceback" not in server.err.read_text()


def test_slow_headers_after_another_request_and_an_idle_connection_end_too(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", "--timeout-keep-alive", "1", cwd=project) as server:
        for after in (b"", PARTIAL):
            with connect(server) as connection:
                connection.sendall(PARTIAL + b"\r\n")
                assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")
                connection.sendall(after)
                assert read_to_end(connection) in (b"", b"dev\n")


@requires_tool("curl")
def test_a_slow_response_and_headers_in_two_parts_are_not_affected(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", "--timeout-keep-alive", "1", cwd=project) as server:
        with server.start_curl("/slow") as waiting:
            until((project / "received").exists)
            time.sleep(1.5)
            (project / "go").touch()
            assert waiting.communicate(timeout=PATIENCE)[0] == "done\n"
        with connect(server) as connection:
            connection.sendall(PARTIAL)
            time.sleep(0.2)
            connection.sendall(b"Connection: close\r\n\r\n")
            assert read_to_end(connection).endswith(b"dev\n")


@mode
def test_at_the_limit_of_connections_the_response_is_a_503(mode: list[str], write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    with start_server("run", "--port", "0", "--limit-concurrency", "2", *mode, cwd=project) as server:
        held: list[socket.socket] = []

        def is_refused() -> bool:
            # With several workers, the idle connections are distributed among them.
            held.append(connect(server))
            with connect(server) as connection:
                connection.sendall(PARTIAL + b"Connection: close\r\n\r\n")
                return read_to_end(connection).startswith(b"HTTP/1.1 503 ")

        with connect(server) as connection:
            connection.sendall(PARTIAL + b"Connection: close\r\n\r\n")
            assert read_to_end(connection).startswith(b"HTTP/1.1 200 ")
        until(is_refused)
        for connection in held:
            connection.close()
