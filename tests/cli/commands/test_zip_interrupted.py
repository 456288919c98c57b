"""`cws zip` and signals during the installation of dependencies."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Write
from tests.cli.processes import CWS, reset_sigint
from tests.tools import PATIENCE


@pytest.mark.end_to_end
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_signal_deletes_the_temporary_files(number: int, write: Write, project: Path, tmp_path: Path) -> None:
    write("app.py", "from coworks_async import TechMicroService\napp = TechMicroService(name='small')")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    # A package index that accepts a connection and never responds.
    with socket.create_server(("127.0.0.1", 0)) as index:
        index.settimeout(PATIENCE)
        port = index.getsockname()[1]
        write("requirements.txt", f"--index-url http://127.0.0.1:{port}/simple\nsix\n")
        with subprocess.Popen(
            [CWS, "zip"],
            cwd=project,
            env=os.environ | {"TMPDIR": str(temporary), "UV_OFFLINE": "0"},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=reset_sigint,
        ) as process:
            connection, _ = index.accept()
            with connection:
                assert list(temporary.glob("cws-*"))
                process.send_signal(number)
                _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (1, "Error: Interrupted. No archive was written.\n")
    assert list(temporary.iterdir()) == []
