"""Who has no `Profiler` pays nothing for it, and who has it pays when it is asked."""

import json
from pathlib import Path

import pytest

from tests.cli.processes import start_server
from tests.tools import requires_tool

MARKED = {"aws_xray_sdk", "jinja2", "markdown", "markdown_it", "nh3", "opentelemetry", "pstats", "pyinstrument"}

SERVICE = """
import sys
from coworks_async import TechMicroService, entry


class Hello(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return sorted({name.partition(".")[0] for name in sys.modules})

    async def token_authorizer(self, token):
        return True


app = Hello()
"""

PROFILED = """
from coworks_async.blueprints import Profiler

Profiler(app)
"""

modes = pytest.mark.parametrize("mode", [(), ("--lambda",)], ids=["uvicorn", "lambda"])


@requires_tool("curl")
@modes
def test_a_service_without_it_loads_none_of_it(mode: tuple[str, ...], tmp_path: Path):
    (tmp_path / "hello.py").write_text(SERVICE)
    with start_server("-A", "hello", "run", "--port", "0", *mode, cwd=tmp_path) as served:
        loaded = set(json.loads(served.curl("/")))
    assert "starlette" in loaded
    assert loaded & MARKED == set()


@requires_tool("curl")
@modes
def test_a_service_with_it_loads_what_makes_a_table_or_a_page_when_that_is_asked_for(
    mode: tuple[str, ...], tmp_path: Path
):
    (tmp_path / "hello.py").write_text(SERVICE + PROFILED)
    with start_server("-A", "hello", "run", "--port", "0", *mode, cwd=tmp_path) as served:
        assert set(json.loads(served.curl("/"))) & MARKED == set()
        assert "PATH: '/'" in served.curl("/profile", "-H", "Authorization:any")
        assert set(json.loads(served.curl("/"))) & MARKED == {"pstats"}
        assert "<html" in served.curl("/profile/flame", "-H", "Authorization:any")
        assert "pyinstrument" in json.loads(served.curl("/"))
