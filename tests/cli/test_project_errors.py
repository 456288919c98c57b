"""An invalid project is reported in one line with exit code 2: its app, environment files and config file."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from coworks_async.cli.main import cws
from tests.cli.invalid_project import create_invalid_project, get_error_line, split

# Command lines, and a part of the error.
CASES = [
    ("-A nothere run", "'nothere'"),
    ("-A app:nothere run", "'nothere'. Choose from: Small, app."),
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
    ("-e text run", "text, line 1: expected NAME=value."),
    ("-e text shell", "text, line 1: expected NAME=value."),
    ("-e text invoke GET /", "text, line 1: expected NAME=value."),
    ("-e text deploy --bucket archives", "text, line 1: expected NAME=value."),
    ("-s a/b run", "'a/b'"),
    ("-s ../v1 new shop", "'../v1'"),
    ("-c nothere run", "'nothere.cws.yml'"),
    ("--config-file-suffix .no run", "'project.no'"),
    ("-c tab.yml run", "tab.yml:2: Invalid YAML: expected spaces, found a tab."),
    ("-c list.yml run", "list.yml:1:"),
    ("-c old.yml run", "old.yml:1:"),
    ("-c deep.yml run", "deep.yml: Invalid YAML: nested too deeply"),
    ("-c itself.yml run", "itself.yml: Invalid YAML: nested too deeply"),
    ("-c argument.yml new", "argument.yml:2: Command 'new' has no option 'name'."),
    ("-c argument.yml config", "argument.yml:2: Command 'new' has no option 'name'."),
    ("-c stage.yml run", "stage.yml:2: Invalid stage 'a b'"),
    (
        "-c stages.yml run",
        "stages.yml:1: No such stage 'dev'. Choose from: prod, staging. 'dev' is the default: set another with -s or "
        "CWS_STAGE.",
    ),
    ("-c stages.yml config", "'dev' is the default: set another with -s or CWS_STAGE."),
    ("-c stages.yml -s prd run", "stages.yml:1: No such stage 'prd'. Did you mean 'prod'?"),
    ("-c stages.yml -s prd own", "stages.yml:1: No such stage 'prd'. Did you mean 'prod'?"),
    ("-s local run", "Invalid stage 'local'"),
    ("-e .env.local deploy --bucket archives", "--env-file: .env.local is never deployed"),
    ("-e references run", "Cannot read ssm:/shop/token (TOKEN): "),
    ("-e references invoke GET /", "Cannot read ssm:/shop/token (TOKEN): "),
    ("-e references shell", "Cannot read ssm:/shop/token (TOKEN): "),
    ("-c value.yml run", "value.yml:3: Invalid value for '--port': 'abc' "),
    ("-c value.yml config", "value.yml:3: Invalid value for '--port': 'abc' "),
    ("-c empty.yml run", "empty.yml:3: Invalid value for '--host': The value is empty."),
    ("-c typo.yml deploy", "Did you mean 'bucket'?"),
    ("-c flag.yml run", "'reload'"),
    ("-c many.yml run", "'port'"),
    ("-c class.yml own", "Cannot load command 'own' (class.yml:1): ModuleNotFoundError: "),
]


@pytest.fixture(autouse=True)
def invalid_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_invalid_project(project, monkeypatch)


@pytest.mark.parametrize(("command", "message"), CASES, ids=[command for command, _ in CASES])
def test_an_invalid_project_is_a_one_line_error(command: str, message: str):
    assert message in get_error_line(split(command), 2)


def test_an_error_in_the_service_module_is_repeated_in_the_last_line():
    result = CliRunner().invoke(cws, ["-A", "broken", "shell"])
    assert result.exit_code == 2
    expected = "Error: Cannot import 'broken': ModuleNotFoundError: No module named 'nothing_of_the_kind'"
    assert result.stderr.splitlines()[-1] == expected


def test_the_error_of_a_missing_config_file_names_a_folder_once(project: Path) -> None:
    line = get_error_line(["-c", "absent", "run"], 2)
    assert line.strip() == f"Error: Config file 'absent.cws.yml' not found in {project}."
