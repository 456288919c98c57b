"""Files and streams that cannot be used are a one-line error, not a bug of CoWorks."""

import errno
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from coworks_async.cli.main import cws
from tests.cli.conftest import Write
from tests.cli.processes import CWS
from tests.tools import PATIENCE

SERVICE = """
from coworks_async import TechMicroService, entry

class Small(TechMicroService):
    @entry(no_auth=True)
    async def post(self):
        return "ok"

app = Small(name="small")
"""

FULL = f"Error: Cannot read or write: {os.strerror(errno.ENOSPC)}.\n"

requires_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full does not exist")


def run_in_shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of `sh`, in which `cws` is this environment's."""
    path = f"{Path(CWS).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        # Buffered, as usual: what cannot be written is written again at exit.
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@requires_dev_full
@pytest.mark.parametrize(
    "command",
    ["--help", "routes", "invoke POST /", "run --port 0", "run --port 0 --workers 2"],
)
def test_an_output_that_cannot_be_written(command: str, write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    done = run_in_shell(f"cws {command} >/dev/full", project)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", FULL)


@requires_dev_full
def test_debug_shows_the_traceback_of_an_environment_error(project: Path) -> None:
    done = run_in_shell("cws --debug completion bash >/dev/full", project)
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith(FULL)


def test_a_closed_output_discards_what_is_printed(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    done = run_in_shell("cws routes >&-", project)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_closed_error_output_discards_what_is_printed(write: Write, project: Path) -> None:
    write("app.py", "1 / 0")
    done = run_in_shell("cws routes 2>&-", project)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize("command", ["invoke POST / -d @-", "invoke --event -"])
def test_a_closed_input_cannot_be_read(command: str, write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    done = run_in_shell(f"cws {command} <&-", project)
    line = "Error: Cannot read the standard input: it is closed.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


def test_a_shell_needs_the_standard_input(write: Write, project: Path) -> None:
    write("app.py", SERVICE)
    done = run_in_shell("cws shell --plain <&-", project)
    line = "Error: cws shell needs the standard input, which is closed.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


def test_new_does_not_ask_without_the_standard_input(project: Path) -> None:
    done = run_in_shell("cws new shop <&-", project)
    assert (done.returncode, done.stderr) == (0, "")
    assert (project / "shop").is_dir()


@pytest.mark.parametrize(
    "command", ["cws --help", "cws completion bash", "cws routes", "_CWS_COMPLETE=bash_complete cws"]
)
def test_a_deleted_current_folder(command: str, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    done = run_in_shell(f"cd gone && rmdir ../gone && {command}", tmp_path)
    line = "Error: The current folder has been deleted. Change to another one.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


def test_the_current_folder_is_checked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    result = CliRunner().invoke(cws, ["routes"])
    line = "Error: The current folder has been deleted. Change to another one.\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", line)
