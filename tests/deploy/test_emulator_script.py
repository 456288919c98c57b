"""`make emulator`: an AWS emulator in the foreground, and a terraform if none is installed."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import boto3
import pytest

from tests.terraform.applied_module import create_zip
from tests.tools import free_port

SCRIPT = Path(__file__).parents[2] / "scripts" / "emulator"
PATIENCE = 120


def path_without_terraform() -> str:
    entries = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(
        entry for entry in entries if not any(Path(entry, name).exists() for name in ("terraform", "tofu"))
    )


def start(port: int, directory: Path, path: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, SCRIPT, "--port", str(port), "--bin", directory],
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def emulator_processes(port: int) -> list[str]:
    """Return the processes of the emulator at a port."""
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
def test_the_emulator_runs_until_a_signal_and_leaves_no_process(number: signal.Signals, tmp_path: Path):
    port = free_port()
    folder = os.path.relpath(tmp_path)
    process = start(port, tmp_path, path_without_terraform())
    assert process.stdout is not None
    try:
        while (line := process.stdout.readline()).startswith("Installing "):
            assert line in ("Installing the AWS emulator ...\n", f"Installing Terraform into {folder} ...\n")
        assert line == f"Terraform: {folder}/terraform\n"
        assert process.stdout.readline() == (
            f"The AWS emulator is running at http://127.0.0.1:{port}. Stop it with Ctrl-C.\n"
        )
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/ready") as response:
            assert response.status == 200
        assert emulator_processes(port)
    finally:
        process.send_signal(number)
        code = process.wait(PATIENCE)
        process.stdout.close()
    assert code == 0
    end = time.monotonic() + PATIENCE
    while emulator_processes(port) and time.monotonic() < end:
        time.sleep(0.02)
    assert emulator_processes(port) == []
    version = subprocess.run([tmp_path / "terraform", "version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("Terraform v1.")


@pytest.mark.end_to_end
def test_the_log_lines_of_functions_are_printed_as_they_come(tmp_path: Path):
    port = free_port()
    process = start(port, tmp_path, os.environ["PATH"])
    assert process.stdout is not None
    # It ends the test if a line never comes.
    timer = threading.Timer(PATIENCE, process.terminate)
    timer.start()
    try:
        while not (line := process.stdout.readline()).startswith("The AWS emulator is running"):
            assert line
        # No region that the script could know.
        session = boto3.Session("test", "test", region_name="eu-west-3")
        client = session.client("lambda", endpoint_url=f"http://127.0.0.1:{port}")
        client.create_function(
            FunctionName="shop-dev",
            Runtime="python3.11",
            Role="arn:aws:iam::000000000000:role/shop",
            Handler="shop.handle",
            Code={"ZipFile": create_zip(shop="def handle(event, context):\n    print('called', event)\n")},
        )
        for event in ("one", "two"):
            client.invoke(FunctionName="shop-dev", Payload=json.dumps(event))
            lines: list[str] = []
            while not lines or "REPORT" not in lines[-1]:
                line = process.stdout.readline()
                assert line, lines
                lines.append(line.partition(" ")[2])
            assert f"shop-dev INFO     called {event}\n" in lines
            assert "\x1b" not in "".join(lines)
    finally:
        timer.cancel()
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        process.stdout.close()


@pytest.mark.end_to_end
def test_an_installed_terraform_is_used(tmp_path: Path):
    own = tmp_path / "own" / "tofu"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    directory = tmp_path / "bin"
    directory.mkdir()
    process = start(free_port(), directory, f"{own.parent}{os.pathsep}{path_without_terraform()}")
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("The AWS emulator is running")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        process.stdout.close()
    assert list(directory.iterdir()) == []


def test_a_port_in_use_is_reported(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(port, tmp_path, os.environ["PATH"])
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert output == f"127.0.0.1:{port} is in use. Stop that process, or choose another port with PORT=4567.\n"
