"""The sample `assistant`: the commands of its README."""

import subprocess

from tests.cli.processes import start_server, until
from tests.environments import ROOT
from tests.samples.transcripts import check_session
from tests.tools import find_tool, requires_tool

ASSISTANT = ROOT / "samples" / "assistant"


@requires_tool("curl")
def test_the_commands_of_the_readme_print_what_it_shows():
    with start_server("run", "--port", "0", cwd=ASSISTANT) as served:
        session = {"http://127.0.0.1:5000": served.url}
        assert check_session(ASSISTANT / "README.md", "curl http", session) == 3


@requires_tool("curl")
def test_the_service_logs_that_the_client_left():
    options = ["-sN", "--max-time", "0.5", "-H", "Authorization: token", "-d", f"prompt={'word ' * 100}"]
    with start_server("run", "--port", "0", cwd=ASSISTANT) as served:
        done = subprocess.run(
            [find_tool("curl"), *options, f"{served.url}/answers"], capture_output=True, text=True, check=False
        )
        assert done.stdout.startswith('data: {"text":"You"}\n')
        assert "event: done" not in done.stdout
        until(lambda: "INFO:     assistant: The client left after " in served.err.read_text())
