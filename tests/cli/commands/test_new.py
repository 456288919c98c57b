"""`cws new`: the directory and the name of a project, its files, and existing files."""

import ast
import json
import os
import pty
import re
import stat
import subprocess
from contextlib import suppress
from importlib.metadata import distribution
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dotenv import dotenv_values

from coworks_async.cli.app_loader import load_app, locate_app
from coworks_async.cli.commands.new import TEMPLATES, create_service_name, render_project
from coworks_async.cli.main import cws
from coworks_async.cli.requirement import format_requirement
from coworks_async.deploy.archive.source_files import find_project_files
from coworks_async.deploy.options import DeployOptions
from coworks_async.deploy.stack import create_stack
from coworks_async.exceptions import CommandError
from coworks_async.service import TechMicroService
from coworks_async.testing import TestClient
from tests.cli.processes import CWS
from tests.docs.pages import DOCS, read_blocks
from tests.tools import requires_tool

FILES = {
    ".env.dev",
    ".github/workflows/test.yml",
    ".gitignore",
    ".pre-commit-config.yaml",
    ".vscode/launch.json",
    ".vscode/settings.json",
    "Makefile",
    "README.md",
    "project.cws.yml",
    "pytest.ini",
    "requirements-dev.txt",
    "requirements.txt",
    "ruff.toml",
    "tech/app.py",
    "tests/test_app.py",
}

# The other files of templates.
PAGES = {"account.html", "base.html", "home.html", "login.html"}
MORE_FILES: dict[str, set[str]] = {
    "website": {
        *(f"tech/templates/{page}" for page in PAGES),
        *("tech/static/style.css", "tech/users.py", "tests/conftest.py"),
    },
    "assistant": {"tech/model.py", "tech/page.html", "tech/static/page.js", "tech/static/style.css"},
}

# Directory names, and the service names created from them.
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
    """Make an empty directory the current one."""
    folder = tmp_path / "current"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def new(*arguments: str) -> Result:
    return CliRunner().invoke(cws, ["new", *arguments])


def create(*arguments: str) -> Result:
    result = new(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result


def list_files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def get_error(*arguments: str) -> str:
    result = new(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("Error: ").rstrip("\n")


@pytest.mark.parametrize(("name", "service"), NAMES.items())
def test_the_name_of_the_directory_becomes_a_valid_service_name(name: str, service: str, folder: Path):
    assert create("--", name).stdout.startswith(f"Created service {service} ({len(FILES)} files).")
    app = load_app(locate_app("app", folder / name / "tech"))
    assert isinstance(app, TechMicroService)
    assert app.name == service
    function = create_stack(app, "dev", DeployOptions("archives")).function_name
    assert re.fullmatch(r"[A-Za-z0-9-_]{1,64}", function)
    assert (folder / name / "README.md").read_text().startswith(f"# {service}\n")


def test_a_name_that_is_too_long_for_a_function_with_a_stage_is_an_error():
    assert create_service_name("a" * 50) == "a" * 50
    with pytest.raises(CommandError, match=r"has 51 characters\. The maximum is 50\."):
        create_service_name("a" * 51)


def test_parent_directories_are_created(folder: Path):
    result = create("teams/one/my shop")
    assert list_files(folder / "teams" / "one" / "my shop") == FILES
    assert result.stdout.splitlines()[1:] == ["  cd 'teams/one/my shop'", "  make test", "  cws run"]


def test_a_name_that_starts_with_a_dash_is_not_an_option_of_cd(folder: Path):
    assert create("--", "-x").stdout.splitlines()[1] == "  cd ./-x"


def test_the_default_template_is_hello(folder: Path):
    create("shop")
    assert "Hello world." in (folder / "shop" / "tech" / "app.py").read_text()


def test_an_empty_directory_and_a_new_repository_are_accepted(folder: Path):
    (folder / "empty").mkdir()
    (folder / "cloned" / ".git").mkdir(parents=True)
    create("empty")
    create("cloned")
    assert list_files(folder / "empty") == list_files(folder / "cloned") == FILES


@template
def test_only_the_user_can_read_the_file_with_the_token(template: str, folder: Path):
    for _ in range(2):
        create("shop", "-t", template, "--force")
        file = folder / "shop" / ".env.dev"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert re.search("^(TOKEN|SESSION_SECRET)=", file.read_text(), re.MULTILINE)
        # The second time it exists, and others may read it.
        file.chmod(0o644)


@requires_tool("git")
def test_git_ignores_the_environment_files(folder: Path):
    create("shop")
    subprocess.run(["git", "init", "-q", "shop"], cwd=folder, check=True)
    names = [".env", ".env.dev", ".env.local", "tech/.env.local"]
    done = subprocess.run(
        ["git", "check-ignore", *names], cwd=folder / "shop", capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == names


def test_without_a_name_and_a_terminal_the_current_directory_is_used_if_it_is_empty(folder: Path):
    (folder / ".git").mkdir()
    assert create().stdout == "Created service current (15 files). Next steps:\n  make test\n  cws run\n"
    assert list_files(folder) == FILES


def test_without_a_name_and_a_terminal_nothing_is_written_into_a_directory_that_is_not_empty(folder: Path):
    (folder / "LICENSE").write_text("mine")
    assert get_error() == (
        "The current directory is not empty. Name a new directory, or use 'cws new .' to create the project here."
    )
    assert list_files(folder) == {"LICENSE"}


@pytest.mark.parametrize("arguments", [["."], ["--force"]])
def test_a_project_is_created_beside_other_files_on_request(folder: Path, arguments: list[str]):
    (folder / "LICENSE").write_text("mine")
    assert create(*arguments).stdout.startswith("Created service current (15 files). ")
    assert list_files(folder) == {*FILES, "LICENSE"}
    assert (folder / "LICENSE").read_text() == "mine"


def test_a_directory_that_is_not_empty_is_an_error(folder: Path):
    (folder / "shop").mkdir()
    (folder / "shop" / "notes").write_text("mine")
    assert get_error("shop") == "Directory 'shop' is not empty. Choose another one or use --force."
    assert list_files(folder) == {"shop/notes"}


def test_files_of_the_current_directory_are_not_overwritten(folder: Path):
    (folder / "README.md").write_text("mine")
    (folder / "Makefile").symlink_to("nowhere")
    assert get_error(".") == "The current directory already contains Makefile, README.md. Use --force to replace them."
    assert (folder / "README.md").read_text() == "mine"
    assert not (folder / "tech").exists()


def test_force_replaces_existing_files_and_lists_them(folder: Path):
    (folder / "shop").mkdir()
    for name in ("README.md", "notes"):
        (folder / "shop" / name).write_text("mine")
    (folder / "elsewhere").write_text("mine")
    (folder / "shop" / "Makefile").symlink_to(folder / "elsewhere")
    assert create("shop", "--force").stdout.splitlines()[:3] == [
        "Replaced Makefile",
        "Replaced README.md",
        "Created service shop (15 files). Next steps:",
    ]
    assert (folder / "shop" / "README.md").read_text().startswith("# shop\n")
    assert (folder / "shop" / "notes").read_text() == (folder / "elsewhere").read_text() == "mine"


def test_a_path_that_cannot_be_written_is_a_one_line_error(folder: Path):
    (folder / "file").write_text("")
    assert get_error("file") == "'file' is a file. Choose another directory."
    assert get_error("file/shop") == f"Cannot write {folder}/file/shop: Not a directory."
    assert get_error("a" * 300 + "/shop").endswith(": File name too long.")
    assert get_error("").startswith("NAME is empty. ")


@pytest.mark.parametrize(
    ("template", "names"), [("hello", {"TOKEN"}), ("assistant", {"TOKEN"}), ("website", {"SESSION_SECRET", "PASSWORD"})]
)
def test_each_project_has_random_secrets_that_are_not_printed(template: str, names: set[str], folder: Path):
    output = "".join(create(name, "--template", template).stdout for name in ("one", "two"))
    one, two = (dotenv_values(folder / name / ".env.dev") for name in ("one", "two"))
    assert one.keys() == two.keys() == names
    secrets = [*one.values(), *two.values()]
    assert len(set(secrets)) == 2 * len(names)
    for secret in secrets:
        assert secret is not None
        assert len(secret) >= 32
        assert secret not in output


@requires_tool("git")
def test_git_ignores_only_the_secrets(folder: Path):
    create("shop")
    subprocess.run(["git", "init", "-q"], cwd=folder / "shop", check=True)
    command = ["git", "ls-files", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=folder / "shop", capture_output=True, text=True, check=True).stdout
    assert set(listed.split()) == FILES - {".env.dev"}


@template
def test_every_placeholder_is_replaced(template: str):
    files = render_project(template, "shop")
    assert set(files) == FILES | MORE_FILES.get(template, set())
    assert "$(PYTHON) -m pytest" in files["Makefile"]
    placeholders = ("$$", "$name", "$password", "$token", "${")
    assert not [path for path, text in files.items() if any(placeholder in text for placeholder in placeholders)]
    assert ast.parse(files["tech/app.py"])


@template
def test_the_requirement_of_coworks_includes_the_extras_of_the_template(template: str):
    requirements = render_project(template, "shop")["requirements.txt"]
    assert requirements.startswith(format_requirement(distribution("coworks-async"), TEMPLATES[template]))
    assert ("[admin,profiler,xray]" in requirements) == (template == "complete")
    assert ("jinja2" in requirements) == (template == "website")


@template
def test_the_config_file_is_valid(template: str, folder: Path, monkeypatch: pytest.MonkeyPatch):
    create("shop", "--template", template)
    monkeypatch.chdir(folder / "shop")
    result = CliRunner().invoke(cws, ["config", "deploy"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.search(r"memory-size +512 +project\.cws\.yml:9", result.stdout)


def test_the_service_accepts_the_token_of_the_environment_file(folder: Path, monkeypatch: pytest.MonkeyPatch):
    create("shop")
    token = (folder / "shop" / ".env.dev").read_text().partition("TOKEN=")[2].strip()
    monkeypatch.setenv("TOKEN", token)
    with TestClient(load_app(locate_app("app", folder / "shop" / "tech"))) as client:
        assert client.get("/hello/ann", headers={"Authorization": token}).text == "Hello ann.\n"
        assert client.get("/hello/ann", headers={"Authorization": "token"}).status_code == 403


def test_the_archive_contains_no_settings_of_development_tools(folder: Path):
    create("shop")
    assert list(find_project_files(folder / "shop" / "tech")) == ["app.py"]
    # Also with `-p .`.
    files = find_project_files(folder / "shop")
    assert set(files) == {"Makefile", "README.md", "pytest.ini", "ruff.toml", "tech/app.py"}


def test_the_guide_to_debugging_contains_the_configurations_of_a_project():
    generated = json.loads(render_project("hello", "shop")[".vscode/launch.json"])
    [block] = [each for each in read_blocks(DOCS / "how-to" / "debugging.md") if each.title == ".vscode/launch.json"]
    shown = json.loads(block.source)["configurations"]
    assert [each for each in shown if each in generated["configurations"]] == generated["configurations"]


def create_on_terminal(*arguments: str, typed: str) -> str:
    """Run the command on a terminal, type something, and return what is shown."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen([CWS, "new", *arguments], stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    os.write(controller, typed.encode())
    shown = b""
    with suppress(OSError):  # the end, on Linux
        while chunk := os.read(controller, 4096):
            shown += chunk
    os.close(controller)
    assert process.wait(60) == 0, shown
    return shown.decode().replace("\r\n", "\n")


def test_a_terminal_prompts_for_omitted_values(folder: Path):
    shown = create_on_terminal(typed="shop\ntea\ncrud\n")
    assert "Directory of the project [.]: " in shown
    assert "Template (hello, crud" in shown
    assert "'tea' is not one of " in shown
    assert "items" in (folder / "shop" / "tech" / "app.py").read_text()


def test_a_terminal_does_not_prompt_for_given_values(folder: Path):
    assert create_on_terminal("shop", "-t", "crud", typed="").startswith("Created service shop ")
    # The answer "." allows other files in the current directory.
    create_on_terminal(typed="\n\n")
    assert "Hello world." in (folder / "tech" / "app.py").read_text()
