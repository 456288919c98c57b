"""`cws new`: where it makes a project, how that is called, and what stays as it was."""

import ast
import os
import pty
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coworks_async.cli.app_loader import load_app, locate
from coworks_async.cli.commands.new import TEMPLATES, project_files, service_name
from coworks_async.cli.main import cws
from coworks_async.deploy.options import DeployOptions
from coworks_async.deploy.stack import create_stack
from coworks_async.exceptions import CommandError
from coworks_async.service import TechMicroService
from coworks_async.testing import TestClient
from tests.cli.serving import CWS, run_cws
from tests.tools import requires_tool

FILES = {
    ".env.dev",
    ".gitignore",
    "Makefile",
    "README.md",
    "project.cws.yml",
    "pytest.ini",
    "requirements-dev.txt",
    "requirements.txt",
    "tech/app.py",
    "tests/test_app.py",
}

# Names as people give them, and what AWS can take of them.
NAMES = {
    "shop": "shop",
    "my-shop_2": "my-shop_2",
    "2nd": "2nd",
    "Café Zürich": "Cafe-Zurich",
    "日本": "service",
    "-v1.2-": "v1-2",
    'it\'s "$x" {0}\n': "it-s-x-0",
}

template = pytest.mark.parametrize("template", TEMPLATES)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def new(*arguments: str) -> Result:
    return CliRunner().invoke(cws, ["new", *arguments])


def made(*arguments: str) -> Result:
    result = new(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def refusal(*arguments: str) -> str:
    result = new(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("Error: ").rstrip("\n")


@pytest.mark.parametrize(("name", "service"), NAMES.items())
def test_whatever_the_folder_is_called_the_service_has_a_name_that_aws_takes(name: str, service: str, folder: Path):
    assert made("--", name).stdout.startswith(f"Made the service {service}, {len(FILES)} files.")
    app = load_app(locate("app", folder / name / "tech"))
    assert isinstance(app, TechMicroService)
    assert app.name == service
    function = create_stack(app, "dev", DeployOptions("archives")).function_name
    assert re.fullmatch(r"[A-Za-z0-9-_]{1,64}", function)
    assert (folder / name / "README.md").read_text().startswith(f"# {service}\n")


def test_a_name_that_leaves_no_room_for_a_stage_is_refused():
    assert service_name("a" * 50) == "a" * 50
    with pytest.raises(CommandError, match="is 51 characters, and a service's 50 at most"):
        service_name("a" * 51)


def test_a_new_folder_is_made_with_those_above_it(folder: Path):
    result = made("teams/one/my shop")
    assert files_in(folder / "teams" / "one" / "my shop") == FILES
    assert result.stdout.splitlines()[1:] == ["  cd 'teams/one/my shop'", "  make test", "  cws run"]


def test_a_name_that_begins_with_a_dash_is_no_option_of_cd(folder: Path):
    assert made("--", "-x").stdout.splitlines()[1] == "  cd ./-x"


def test_without_a_template_the_service_says_hello(folder: Path):
    made("shop")
    assert "Hello world." in (folder / "shop" / "tech" / "app.py").read_text()


def test_an_empty_folder_and_a_fresh_repository_will_do(folder: Path):
    (folder / "empty").mkdir()
    (folder / "cloned" / ".git").mkdir(parents=True)
    made("empty")
    made("cloned")
    assert files_in(folder / "empty") == files_in(folder / "cloned") == FILES


def test_without_a_name_the_current_folder_is_the_project(folder: Path):
    (folder / "LICENSE").write_text("mine")
    assert made().stdout == "Made the service place, 10 files. Go on with:\n  make test\n  cws run\n"
    assert files_in(folder) == {*FILES, "LICENSE"}


def test_a_folder_that_is_not_empty_is_refused(folder: Path):
    (folder / "shop").mkdir()
    (folder / "shop" / "notes").write_text("mine")
    assert refusal("shop") == "The folder 'shop' is not empty: name a new one, or add --force."
    assert files_in(folder) == {"shop/notes"}


def test_nothing_is_overwritten_in_the_current_folder(folder: Path):
    (folder / "README.md").write_text("mine")
    (folder / "Makefile").symlink_to("nowhere")
    assert refusal() == "The current folder has Makefile, README.md already: --force replaces that."
    assert (folder / "README.md").read_text() == "mine"
    assert not (folder / "tech").exists()


def test_force_replaces_what_is_there_and_lists_it(folder: Path):
    (folder / "shop").mkdir()
    for name in ("README.md", "notes"):
        (folder / "shop" / name).write_text("mine")
    (folder / "elsewhere").write_text("mine")
    (folder / "shop" / "Makefile").symlink_to(folder / "elsewhere")
    assert made("shop", "--force").stdout.splitlines()[:3] == [
        "Replaced Makefile",
        "Replaced README.md",
        "Made the service shop, 10 files. Go on with:",
    ]
    assert (folder / "shop" / "README.md").read_text().startswith("# shop\n")
    assert (folder / "shop" / "notes").read_text() == (folder / "elsewhere").read_text() == "mine"


def test_what_cannot_be_written_is_one_line(folder: Path):
    (folder / "file").write_text("")
    assert refusal("file") == "'file' is a file: name a new folder."
    assert refusal("file/shop") == f"{folder}/file/shop cannot be written: Not a directory."
    assert refusal("a" * 300 + "/shop").endswith(" cannot be written: File name too long.")
    assert refusal("").startswith("The NAME is empty: ")


def test_each_project_has_a_token_of_its_own_which_is_not_told(folder: Path):
    told = made("one").stdout + made("two").stdout
    one, two = ((folder / name / ".env.dev").read_text().partition("TOKEN=")[2].strip() for name in ("one", "two"))
    assert one != two
    assert len(one) >= 32
    assert one not in told


@requires_tool("git")
def test_git_gets_all_but_the_secrets(folder: Path):
    made("shop")
    subprocess.run(["git", "init", "-q"], cwd=folder / "shop", check=True)
    command = ["git", "ls-files", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=folder / "shop", capture_output=True, text=True, check=True).stdout
    assert set(listed.split()) == FILES - {".env.dev"}


@template
def test_every_line_that_a_template_has_for_the_shell_and_python_is_filled_in(template: str):
    files = project_files(template, "shop")
    assert set(files) == FILES
    assert "$(PYTHON) -m pytest" in files["Makefile"]
    assert not [path for path, text in files.items() if "$$" in text or "$name" in text or "$token" in text]
    assert ast.parse(files["tech/app.py"])


@template
def test_the_project_file_is_one_that_cws_reads(template: str, folder: Path):
    made("shop", "--template", template)
    done = run_cws("config", "deploy", cwd=folder / "shop")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"memory-size +512 +project\.cws\.yml:7", done.stdout)


def test_the_token_of_the_environment_file_opens_the_service(folder: Path, monkeypatch: pytest.MonkeyPatch):
    made("shop")
    token = (folder / "shop" / ".env.dev").read_text().partition("TOKEN=")[2].strip()
    monkeypatch.setenv("TOKEN", token)
    with TestClient(load_app(locate("app", folder / "shop" / "tech"))) as client:
        assert client.get("/hello/ann", headers={"Authorization": token}).text == "Hello ann.\n"
        assert client.get("/hello/ann", headers={"Authorization": "token"}).status_code == 403


def answered(*arguments: str, typed: str) -> str:
    """Run the command on a terminal where something is typed, and return what it shows."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen([CWS, "new", *arguments], stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    os.write(controller, typed.encode())
    shown = b""
    with suppress(OSError):  # Linux tells the end so
        while chunk := os.read(controller, 4096):
            shown += chunk
    os.close(controller)
    assert process.wait(60) == 0, shown
    return shown.decode().replace("\r\n", "\n")


def test_at_a_terminal_what_is_left_out_is_asked_for(folder: Path):
    shown = answered(typed="shop\ntea\ncrud\n")
    assert "Folder of the project [.]: " in shown
    assert "Template (hello, crud" in shown
    assert "'tea' is not one of " in shown
    assert "items" in (folder / "shop" / "tech" / "app.py").read_text()


def test_at_a_terminal_nothing_is_asked_that_was_told(folder: Path):
    assert answered("shop", "-t", "crud", typed="").startswith("Made the service shop, ")
    answered(typed="\n\n")
    assert "Hello world." in (folder / "tech" / "app.py").read_text()
