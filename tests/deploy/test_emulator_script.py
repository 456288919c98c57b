"""`make emulator`: an AWS in the foreground, and a terraform for whom has none."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.tools import free_port

SCRIPT = Path(__file__).parents[2] / "scripts" / "emulator"
PATIENCE = 120


def path_without_terraform() -> str:
    places = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(
        place for place in places if not any(Path(place, name).exists() for name in ("terraform", "tofu"))
    )


def start(port: int, folder: Path, path: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, SCRIPT, "--port", str(port), "--bin", folder],
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def processes_of(port: int) -> list[str]:
    """The processes that were started for the emulator at a port."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"GATEWAY_PORT={port}\0".encode() in file.read_bytes():
                found.append(file.parent.name)
        except (ProcessLookupError, FileNotFoundError, PermissionError):
            continue
    return found


@pytest.mark.end_to_end
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_leaves_no_process(number: signal.Signals, tmp_path: Path):
    port = free_port()
    process = start(port, tmp_path, path_without_terraform())
    assert process.stdout is not None
    try:
        told = process.stdout.readline()
        assert told.endswith("is one, to try deploys with on this machine.\n")
        assert process.stdout.readline() == (
            f"An AWS to try deploys with is at http://127.0.0.1:{port}, until Ctrl-C.\n"
        )
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/ready") as answer:
            assert answer.status == 200
        assert processes_of(port)
    finally:
        process.send_signal(number)
        code = process.wait(PATIENCE)
        process.stdout.close()
    assert code == 0
    end = time.monotonic() + PATIENCE
    while processes_of(port) and time.monotonic() < end:
        time.sleep(0.02)
    assert processes_of(port) == []
    version = subprocess.run([tmp_path / "terraform", "version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("Terraform v1.")


@pytest.mark.end_to_end
def test_a_terraform_of_the_users_is_left_alone(tmp_path: Path):
    own = tmp_path / "own" / "tofu"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    folder = tmp_path / "bin"
    folder.mkdir()
    process = start(free_port(), folder, f"{own.parent}{os.pathsep}{path_without_terraform()}")
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("An AWS to try deploys with")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        process.stdout.close()
    assert list(folder.iterdir()) == []


def test_a_port_that_is_taken_is_one_line(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(port, tmp_path, os.environ["PATH"])
        told, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert told == f"Something serves at 127.0.0.1:{port} already: end it, or name another port by PORT=4567.\n"
