"""`cws zip`: the archive and its report."""

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coworks_async.cli.main import cws
from tests.cli.conftest import Write
from tests.cli.processes import CWS, until
from tests.tools import PATIENCE

SAMPLES = Path(__file__).parents[3] / "samples" / "docs"

SERVICE = """
from coworks_async import TechMicroService

print("Imported.")


class Orders(TechMicroService):
    pass


{}
"""

# With CoWorks in a layer, nothing is installed.
LAYER = ("--layer-provides", "coworks-async", "--python", f"{sys.version_info.major}.{sys.version_info.minor}")


def run_zip(*arguments: str, app: str = "orders") -> Result:
    return CliRunner().invoke(cws, ["-A", app, "zip", *arguments, *LAYER])


def read_entry_module(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return archive.read("cws_lambda.py").decode()


@pytest.fixture
def service(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    return write("orders.py", SERVICE.format("app = Orders(name='my orders')"))


def test_after_ctrl_c_no_archive_is_written(service: Path, project: Path):
    service.write_text("import pathlib, time\npathlib.Path('imported').touch()\ntime.sleep(600)\n")
    command = [CWS, "-A", "orders", "zip", "-o", "orders.zip"]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # pytest may run with SIGINT ignored, which a child process inherits.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        until((project / "imported").exists)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (1, "Error: Interrupted. No archive was written.\n")
    assert not (project / "orders.zip").exists()


def test_the_report_of_a_sample_has_its_size_and_largest_parts(tmp_path: Path):
    output = tmp_path / "simple.zip"
    command = [CWS, "-A", "simple", "zip", "-o", str(output)]
    done = subprocess.run(command, cwd=SAMPLES, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{output}: ")
    assert lines[0].endswith(" unpacked, for Python 3.13 on arm64")
    assert {line.split()[2] for line in lines[1:6]} > {"starlette", "coworks_async"}
    assert lines[6].startswith("Content hash ")


@pytest.mark.end_to_end
def test_the_archive_contains_the_extras_that_the_service_uses(tmp_path: Path):
    output = tmp_path / "complete.zip"
    command = [CWS, "-A", "complete", "zip", "-o", str(output)]
    done = subprocess.run(command, cwd=SAMPLES, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Note" not in done.stdout
    with zipfile.ZipFile(output) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {"aws_xray_sdk", "markdown_it", "nh3", "pyinstrument"} <= tops
    assert not tops & {"opentelemetry", "click", "uvicorn", "botocore"}


@pytest.mark.usefixtures("service")
def test_the_archive_has_the_services_name_and_the_report_excludes_what_the_service_prints(project: Path):
    done = run_zip()
    assert (done.exit_code, done.stderr) == (0, "Imported.\n")
    assert done.stdout.startswith("my-orders-8482a2.zip: ")
    assert "module('orders').app.lambda_handler" in read_entry_module(project / "my-orders-8482a2.zip")


@pytest.mark.usefixtures("service")
def test_a_directory_with_the_name_of_the_archive_is_an_error_before_the_build(project: Path):
    (project / "my-orders-8482a2.zip").mkdir()
    done = run_zip("--ignore", "!")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "Imported.\nError: The archive 'my-orders-8482a2.zip' cannot be written: it is a directory. "
        "Choose a file with -o.\n"
    )
    assert list((project / "my-orders-8482a2.zip").iterdir()) == []


def test_a_file_that_is_no_zip_file_is_not_replaced(service: Path, project: Path):
    source = service.read_text()
    done = run_zip("-o", "orders.py")
    assert (done.exit_code, done.stderr) == (
        2,
        "Error: The archive 'orders.py' would replace a file that is no zip file. Choose another with -o.\n",
    )
    assert service.read_text() == source


@pytest.mark.usefixtures("service")
def test_an_empty_file_and_an_older_archive_are_replaced(project: Path):
    (project / "x.zip").touch()
    assert (run_zip("-o", "x.zip").exit_code, run_zip("-o", "x.zip").exit_code) == (0, 0)
    assert read_entry_module(project / "x.zip")


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("arguments", [(), ("-o", "x.zip")])
def test_an_unwritable_folder_is_an_error_before_the_build(
    project: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
):
    # Even root cannot write to it.
    monkeypatch.chdir("/proc")
    done = CliRunner().invoke(cws, ["-p", str(project), "-A", "orders", "zip", *arguments, "--ignore", "!", *LAYER])
    assert done.exit_code == 2
    assert re.search(r"Error: The archive '.*\.zip' cannot be written: No such file or directory\.\n$", done.stderr)


@pytest.mark.usefixtures("service")
def test_members_and_notes_are_listed(write: Write):
    write("bad.py", "def\n")
    done = run_zip("--list", "-o", "x.zip", "--ignore", "*.csv")
    listed = [line.split()[-1] for line in done.stdout.splitlines()]
    assert [name for name in listed if name.endswith(".py")][-3:] == ["bad.py", "cws_lambda.py", "orders.py"]
    assert "Note: bad.py does not compile with Python 3." in done.stdout


@pytest.mark.parametrize(
    ("text", "app", "expected"),
    [
        ("make = Orders", "orders:make", "module('orders').make().lambda_handler"),
        ("app = Orders", "orders", "module('orders').app().lambda_handler"),
        ("only = Orders()", "orders", "module('orders').only.lambda_handler"),
        ("class Box:\n    inner = Orders()", "orders:Box.inner", "module('orders').Box.inner.lambda_handler"),
    ],
)
def test_the_entry_module_finds_the_service_as_the_other_commands_do(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch, text: str, app: str, expected: str
):
    monkeypatch.chdir(project)
    write("orders.py", SERVICE.format(text))
    assert run_zip("-o", "x.zip", app=app).exit_code == 0
    assert expected in read_entry_module(project / "x.zip")


def test_a_file_in_a_folder_of_the_project_is_imported_from_there(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(project)
    write("deep/orders.py", SERVICE.format("app = Orders()"))
    assert run_zip("-o", "x.zip", app="deep/orders.py").exit_code == 0
    assert "'deep'" in read_entry_module(project / "x.zip")


def test_a_service_outside_the_project_is_an_error(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(project)
    outside = write("../outside/orders.py", SERVICE.format("app = Orders()")).resolve()
    done = run_zip(app=str(outside))
    assert done.exit_code == 2
    assert done.stderr.endswith(
        f"Error: {outside} is outside the project's folder {project}: choose another with -p.\n"
    )


@pytest.mark.usefixtures("service")
def test_the_native_runtime_may_be_set_in_the_config_file(write: Write, project: Path):
    write("project.cws.yml", "version: 3\ncommands:\n  zip:\n    runtime: native\n")
    result = run_zip("-o", "orders.zip", "--list")
    assert [line.split()[1] for line in result.stdout.splitlines()[-4:]] == [
        *("bootstrap", "cws_lambda.py", "cws_native", "orders.py")
    ]


@pytest.mark.usefixtures("service")
def test_the_env_file_and_the_terraform_folder_are_excluded(write: Write, project: Path):
    write("variables", "TOKEN=s3cr3t\n")
    write("terraform/notes.txt", "")
    done = CliRunner().invoke(cws, ["-A", "orders", "-e", "variables", "zip", "-o", "x.zip", *LAYER])
    assert done.exit_code == 0
    with zipfile.ZipFile(project / "x.zip") as archive:
        names = [name for name in archive.namelist() if "__pycache__" not in name]
    assert names == ["cws_lambda.py", "orders.py"]


@pytest.mark.usefixtures("service")
def test_the_file_of_the_machine_is_neither_loaded_nor_archived(write: Write, project: Path):
    write("orders.py", SERVICE.format("import os\napp = Orders(name=os.environ.get('NAME', 'plain'))"))
    (project / ".env.local").write_text("NAME=mine\n")
    assert run_zip("--list").stdout.startswith("plain.zip: ")
    with zipfile.ZipFile(project / "plain.zip") as archive:
        assert not [name for name in archive.namelist() if "env" in name]


def test_inside_the_project_folder_the_requirements_beside_the_config_file_are_used(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
):
    write("project.cws.yml", "version: 3\n")
    write("requirements.txt", "./nothere\n")
    write("tech/orders.py", SERVICE.format("app = Orders()"))
    monkeypatch.chdir(project / "tech")
    done = run_zip()
    assert done.exit_code == 1
    assert "requirements.txt: " in done.stderr


@pytest.mark.usefixtures("service")
def test_a_file_with_a_private_key_is_refused_unless_it_is_allowed(write: Write, project: Path):
    write("certs/both.pem", "-----BEGIN " + "RSA PRIVATE KEY-----\n")
    refused = run_zip("-o", "x.zip")
    assert (refused.exit_code, refused.stderr.splitlines()[-1]) == (
        1,
        "Error: The archive would contain a private key: certs/both.pem. Exclude the file in .cwsignore, or include it "
        "with --allow-secret certs/both.pem.",
    )
    assert not (project / "x.zip").exists()
    assert run_zip("-o", "x.zip", "--allow-secret", "certs/both.pem").exit_code == 0
    with zipfile.ZipFile(project / "x.zip") as archive:
        assert "certs/both.pem" in archive.namelist()


@pytest.mark.usefixtures("service")
def test_failures_exit_with_1_and_invalid_options_with_2(write: Write):
    write("cws_lambda.py", "")
    failed = run_zip()
    assert (failed.exit_code, failed.stderr.splitlines()[-1]) == (
        1,
        "Error: The project's cws_lambda.py has the name of the entry module: rename it.",
    )
    assert run_zip("--ignore", "!").exit_code == 2
    assert CliRunner().invoke(cws, ["-A", "orders", "zip", "--python", "2.7"]).exit_code == 2


@pytest.mark.usefixtures("service")
def test_sbom_writes_the_packages_to_a_file_that_is_not_archived(project: Path):
    for _ in range(2):
        done = run_zip("-o", "x.zip", "--sbom", "x.cdx.json")
        assert done.stdout.splitlines()[-1] == "SBOM x.cdx.json: 0 packages"
    content = json.loads((project / "x.cdx.json").read_text())
    assert (content["bomFormat"], content["metadata"]["component"]["name"]) == ("CycloneDX", "my orders")
    with zipfile.ZipFile(project / "x.zip") as archive:
        assert "x.cdx.json" not in archive.namelist()


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("orders.py", "--sbom: the name of 'orders.py' must end with .cdx.json."),
        ("none/x.cdx.json", "The SBOM 'none/x.cdx.json' cannot be written: No such file or directory."),
    ],
)
def test_a_wrong_file_for_the_packages_is_an_error_before_the_build(project: Path, path: str, message: str):
    done = run_zip("-o", "x.zip", "--sbom", path)
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, f"Error: {message}")
    assert not (project / "x.zip").exists()


@pytest.mark.usefixtures("service")
def test_sbom_without_its_library_names_the_extra(project: Path):
    code = "import sys; sys.modules['cyclonedx'] = None; from coworks_async.cli import main; main()"
    command = [sys.executable, "-c", code, "-A", "orders", "zip", "-o", "x.zip", "--sbom", "x.cdx.json"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "Error: --sbom needs cyclonedx: pip install 'coworks-async[sbom]'.\n",
    )
