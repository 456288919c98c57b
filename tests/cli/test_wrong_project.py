"""A project that will not do, its service or a file of it, is one line that names the culprit, with exit code 2."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from coworks_async.cli.main import cws
from tests.cli.mistaking import furnish, one_line, words

# What is typed, and a word of the line that comes.
WRONG = [
    ("-A nothere run", "'nothere'"),
    ("-A app:nothere run", "'nothere'. It has: Small, app."),
    ("-A app: run", "'app:'"),
    ("-A a..b run", "'a..b'"),
    ("-A nothere.py run", "'nothere.py'"),
    ("-A text run", "'text'"),
    ("-A folder/file run", "'folder/file'"),
    ("-A two run", "2 services"),
    ("-A other run", "'other' has no 'app'"),
    ("-A other:lone invoke GET /", "'other:lone' is a Starlette"),
    ("-A other:lone routes", "'other:lone' is a Starlette"),
    ("-A other:lone zip", "'other:lone' is a Starlette"),
    ("-A other:lone deployed", "'other:lone' is a Starlette"),
    ("-A nothere shell", "'nothere'"),
    ("-A nothere invoke GET /", "'nothere'"),
    ("-A nothere routes", "'nothere'"),
    ("-A nothere zip", "'nothere'"),
    ("-A nothere deploy --bucket archives", "'nothere'"),
    ("-A nothere destroy", "'nothere'"),
    ("-A nothere deployed", "'nothere'"),
    ("-p nothere run", "--project-dir"),
    ("-p text run", "--project-dir"),
    ("-e nothere run", "--env-file"),
    ("-e folder run", "--env-file"),
    ("-e text run", "text has no NAME=value on line 1"),
    ("-e text shell", "text has no NAME=value on line 1"),
    ("-e text invoke GET /", "text has no NAME=value on line 1"),
    ("-e text deploy --bucket archives", "text has no NAME=value on line 1"),
    ("-s a/b run", "'a/b'"),
    ("-s ../v1 new shop", "'../v1'"),
    ("-c nothere run", "'nothere.cws.yml'"),
    ("--config-file-suffix .no run", "'project.no'"),
    ("-c tab.yml run", "tab.yml:2: This is no YAML: expected spaces, found a tab."),
    ("-c list.yml run", "list.yml:1:"),
    ("-c old.yml run", "old.yml:1:"),
    ("-c deep.yml run", "deep.yml: This is nested too deeply"),
    ("-c itself.yml run", "itself.yml: This is nested too deeply"),
    ("-c argument.yml new", "argument.yml:2: 'new' has no option 'name'."),
    ("-c argument.yml config", "argument.yml:2: 'new' has no option 'name'."),
    ("-c stage.yml run", "stage.yml:2: The stage 'a b'"),
    ("-c value.yml run", "value.yml:3: Invalid value for '--port': 'abc' "),
    ("-c value.yml config", "value.yml:3: Invalid value for '--port': 'abc' "),
    ("-c empty.yml run", "empty.yml:3: Invalid value for '--host': The value is empty."),
    ("-c typo.yml deploy", "did you mean 'bucket'?"),
    ("-c flag.yml run", "'reload'"),
    ("-c many.yml run", "'port'"),
    ("-c class.yml own", "nothing.of_the_kind"),
]


@pytest.fixture(autouse=True)
def place(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(project, monkeypatch)


@pytest.mark.parametrize(("typed", "culprit"), WRONG, ids=[typed for typed, _ in WRONG])
def test_a_wrong_project_is_one_line_that_names_the_culprit(typed: str, culprit: str):
    assert culprit in one_line(words(typed), 2)


def test_what_a_service_raises_at_its_import_is_told_in_the_last_line():
    result = CliRunner().invoke(cws, ["-A", "broken", "shell"])
    assert result.exit_code == 2
    told = "Error: Cannot import 'broken': ModuleNotFoundError: No module named 'nothing_of_the_kind'"
    assert result.stderr.splitlines()[-1] == told
