"""The sample `website`: the commands of its README."""

import pytest

from tests.cli.processes import start_server
from tests.environments import ROOT
from tests.samples.transcripts import check_session
from tests.tools import requires_tool

WEBSITE = ROOT / "samples" / "website"


@requires_tool("curl")
@pytest.mark.parametrize("options", [(), ("--lambda",)], ids=["asgi", "lambda"])
def test_the_commands_of_the_readme_print_what_it_shows(options: tuple[str, ...]):
    with start_server("run", "--port", "0", *options, cwd=WEBSITE) as served:
        session = {"http://127.0.0.1:5000": served.url}
        assert check_session(WEBSITE / "README.md", "curl -si", session) == 4
