"""The sample `complete`, as the quickstart uses it: a token from `.env`, `/admin/route`, then `/profile`."""

import json
from pathlib import Path

import pytest

from tests.cli.serving import run_cws, serving
from tests.tools import requires_tool

SAMPLES = Path(__file__).parents[2] / "samples" / "docs"

AUTHORIZED = ("-H", "Authorization:token")
JSON = ("-H", "Content-Type: application/json")


@requires_tool("curl")
@pytest.mark.parametrize("options", [(), ("--lambda",)], ids=["asgi", "lambda"])
def test_its_transcript_is_true(options: tuple[str, ...]):
    with serving("-A", "complete", "run", "--port", "0", *options, cwd=SAMPLES) as served:
        assert "401" in served.curl("/", "-I")
        assert "403" in served.curl("/", "-I", "-H", "Authorization:any")
        assert served.curl("/", *AUTHORIZED) == "Stored value 0.\n"
        posted = served.curl("/", "-X", "POST", "-d", '{"value":20}', *JSON, *AUTHORIZED)
        assert posted == "Value stored (20).\n"
        assert served.curl("/", *AUTHORIZED) == "Stored value 20.\n"
        routes = json.loads(served.curl("/admin/route", *AUTHORIZED))
        assert routes["/"]["POST"]["signature"] == "(value: int | None = None)"
        assert {"/", "/admin", "/admin/route", "/profile"} <= set(routes)
        lines = served.curl("/profile", *AUTHORIZED).splitlines()
        assert lines[:2] == ["-" * 80, "PATH: '/admin/route'"]
        assert any("ncalls  tottime  percall  cumtime  percall filename:lineno(function)" in line for line in lines)
        assert "A value in memory</h2>" in served.curl("/admin/doc", *AUTHORIZED)


def test_its_entries_are_listed():
    done = run_cws("-A", "complete", "routes", "--json", cwd=SAMPLES)
    assert done.returncode == 0, done.stderr
    blueprints = {row["blueprint"] for row in json.loads(done.stdout)}
    assert blueprints == {None, "admin", "profiler"}
