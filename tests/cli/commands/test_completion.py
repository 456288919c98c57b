"""`cws completion`: its script works in each shell."""

import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coworks_async.cli.main import cws
from tests.cli.processes import CWS
from tests.tools import find_tool, requires_tool

SHELLS = ("bash", "zsh", "fish")

# The code that completes a command line in each shell.
COMPLETE = {
    "bash": "COMP_WORDS=({words}); COMP_CWORD={last}; _cws_completion cws; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
    "fish": "complete --do-complete '{words}'",
}


def completion(*arguments: str) -> Result:
    return CliRunner().invoke(cws, ["completion", *arguments])


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_ends_with_the_command_to_install_it(shell: str):
    result = completion(shell)
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"_CWS_COMPLETE={shell}_complete" in result.stdout
    *_, title, line = result.stdout.splitlines()
    assert title == f"# To install it in {shell}:"
    assert line.startswith(f"#   cws completion {shell} > ")


@pytest.mark.end_to_end
@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_valid_in_its_shell(shell: str, tmp_path: Path):
    script = tmp_path / "script"
    script.write_text(completion(shell).stdout)
    done = subprocess.run([find_tool(shell), "-n", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.end_to_end
@pytest.mark.parametrize("shell", COMPLETE)
@pytest.mark.parametrize(
    ("words", "expected"), [("cws rou", ["routes"]), ("cws run --po", ["--port"]), ("cws new --template cr", ["crud"])]
)
def test_the_shell_completes_commands_options_and_values(shell: str, words: str, expected: list[str]):
    code = COMPLETE[shell].format(words=words, last=len(words.split()) - 1)
    environment = os.environ | {"PATH": f"{Path(CWS).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [find_tool(shell), "-c", f"{completion(shell).stdout}\n{code}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    completed = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert (completed[: len(expected)], done.stderr) == (expected, "")


@requires_tool("bash")
def test_the_command_to_install_it_in_bash_works(tmp_path: Path):
    line = completion("bash").stdout.splitlines()[-1].removeprefix("#   ")
    environment = {"HOME": str(tmp_path), "PATH": f"{Path(CWS).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["bash", "-ec", line], env=environment, check=True, timeout=60)
    shown = subprocess.run(
        ["bash", "--rcfile", tmp_path / ".bashrc", "-ic", "complete -p cws"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert shown.stdout == "complete -o nosort -F _cws_completion cws\n"


def test_a_missing_or_unsupported_shell_is_a_one_line_error():
    assert completion().stderr == "Error: Expected a shell: bash, zsh or fish, as in 'cws completion bash'.\n"
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'." in completion("tcsh").stderr
    assert completion().exit_code == completion("tcsh").exit_code == 2
