"""The page about PostgreSQL is correct with a PostgreSQL server too."""

from pathlib import Path

import pytest

from tests.docs.checks import PageRun
from tests.docs.pages import DOCS
from tests.samples.postgresql import run_postgresql
from tests.tools import requires_tool


@requires_tool("initdb", "pg_ctl")
def test_the_page_works_with_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with run_postgresql() as server:
        variables = {"DATABASE_URL": server.create_database(), "TEST_DATABASE_URL": server.create_database()}
        page = PageRun(DOCS / "how-to" / "postgresql.md", tmp_path, variables=variables)
        monkeypatch.chdir(page.folder)
        page.run()
        # Nothing used the SQLite file.
        assert not (page.folder / "notes.db").exists()
