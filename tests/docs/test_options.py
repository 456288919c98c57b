"""The tables of options in the documentation list exactly the options of the commands, with their defaults."""

from pathlib import Path

import pytest

from tests.docs.options import check_tables
from tests.docs.pages import DOCS, ROOT

WITH_TABLES = [page for page in sorted(DOCS.rglob("*.md")) if "\n| option" in page.read_text()]

TABLE = """
<!-- options: cws run -->

| option | default | meaning |
|---|---|---|
| `--host`, `--port` | `127.0.0.1`, `5000` | the address |
| `--reload` | off | restart |
| `--workers` | `1` | processes |
| `--graceful-timeout` | `3` | seconds |
| `--limit-concurrency` | | connections |
| `--timeout-keep-alive` | `10` | seconds |
| `--lambda` | off | through Lambda |
| `--via` | `rest` | the gateway |
| `--runtime` | `buffered` | the runtime |
| `--max-concurrency` | `1` | events |
"""


@pytest.mark.parametrize("page", WITH_TABLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_tables_of_the_page_list_the_options_of_the_commands(page: Path):
    check_tables(page)


def test_the_documentation_has_tables_of_options():
    assert sum(map(check_tables, WITH_TABLES)) >= 9


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.md"


def test_a_table_with_all_options_and_defaults_is_correct(page: Path):
    page.write_text(TABLE)
    assert check_tables(page) == 1


@pytest.mark.parametrize(
    ("correct", "stale", "error"),
    [
        ("| `--workers` | `1` | processes |\n", "", "'--workers'} are missing"),
        ("`--workers`", "`--processes`", "'--processes'} do not exist"),
        ("`5000`", "`8000`", "`8000` instead of `5000`"),
        ("| off | restart", "| on | restart", "on instead of off"),
        ("<!-- options: cws run -->", "", "name the command above this table"),
        ("cws run", "cws zip", "do not exist"),
    ],
    ids=["missing option", "unknown option", "wrong default", "wrong flag", "without a command", "other command"],
)
def test_a_stale_table_fails(page: Path, correct: str, stale: str, error: str):
    page.write_text(TABLE.replace(correct, stale))
    with pytest.raises(AssertionError, match=error):
        check_tables(page)


def test_a_wrong_variable_fails(page: Path):
    page.write_text(
        "<!-- options: cws --stage -->\n\n| option | variable | default |\n|---|---|---|\n"
        "| `-s`, `--stage` | `CWS_STAGES` | `dev` |\n"
    )
    with pytest.raises(AssertionError, match="'CWS_STAGES'} instead of"):
        check_tables(page)


def test_a_table_of_a_class_lists_its_parameters(page: Path):
    page.write_text("<!-- options: coworks_async.extensions.JWT -->\n\n| option |\n|---|\n| `issuer` |\n")
    with pytest.raises(AssertionError, match="are missing"):
        check_tables(page)
