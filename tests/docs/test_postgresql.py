"""The pages about databases are correct with a PostgreSQL server too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.checks import PageRun
from tests.docs.pages import DOCS
from tests.samples.postgresql import PostgreSQL, run_postgresql
from tests.tools import requires_tool


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with run_postgresql() as running:
        yield running


@requires_tool("initdb", "pg_ctl")
@pytest.mark.parametrize("name", ["postgresql", "migrations"])
def test_the_page_works_with_a_server(name: str, server: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    variables = {"DATABASE_URL": server.create_database(), "TEST_DATABASE_URL": server.create_database()}
    page = PageRun(DOCS / "how-to" / f"{name}.md", tmp_path, variables=variables)
    monkeypatch.chdir(page.folder)
    page.run()
    assert not (page.folder / "notes.db").exists(), "a command used SQLite"
