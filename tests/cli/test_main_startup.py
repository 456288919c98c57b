"""Modules imported by `cws --help` and by the completion of command names, which must be fast."""

import subprocess
import sys
from pathlib import Path

import pytest

HELP = "main(['--help'], standalone_mode=False)"
COMPLETION = (
    "from click.shell_completion import ShellComplete; ShellComplete(main, {}, 'cws', '').get_completions([], '')"
)


def list_modules(code: str, project: Path) -> set[str]:
    """Return the modules that are imported by a use of `main`."""
    code = f"import sys; from coworks_async.cli import main; {code}; print('MODULES', *sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True, timeout=60
    )
    return set(run.stdout.partition("MODULES ")[2].split())


@pytest.mark.parametrize("code", [HELP, COMPLETION], ids=["help", "completion"])
def test_no_slow_module_is_imported(code: str, project: Path) -> None:
    loaded = list_modules(code, project)
    assert "click" in loaded
    heavy = {"uvicorn", "dotenv", "yaml", "rich", "boto3", "botocore", "httpx", "httpx2", "uv", "jinja2", "difflib"}
    heavy |= {"asyncio", "tempfile", "urllib.request"}
    assert loaded.isdisjoint(heavy)
    assert {
        name for name in loaded if name.startswith(("coworks_async.cli.commands", "coworks_async.gateway"))
    } == set()
    # The standard library, click, msgspec and a few of our modules.
    assert len(loaded) < 350


def test_yaml_is_imported_if_there_is_a_config_file(project: Path) -> None:
    (project / "project.cws.yml").write_text("version: 3\n")
    loaded = list_modules(HELP, project)
    assert "yaml" in loaded
    assert "dotenv" not in loaded


INTERRUPTED = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path, target=None):
        if name == "coworks_async.cli.options":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
from coworks_async.cli import main
main()
"""


def test_ctrl_c_during_the_imports_ends_the_command_without_a_traceback(project: Path) -> None:
    run = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=project, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (1, "", "\nAborted!\n")
