"""Run the commands of a README and compare their output with what it shows."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.tools import PATIENCE

COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def check_session(readme: Path, start: str, replacements: Mapping[str, str], *, cwd: Path | None = None) -> int:
    """Run the commands of the block that begins with `start`. Each must print the lines that the block shows.

    `...` and empty lines stand for any lines.

    Args:
        start: the beginning of the first command.
        replacements: texts to replace in the commands, such as the address of the service.

    Returns:
        The number of commands.
    """
    pattern = rf"^```console\n(\$ {re.escape(start)}.*?)^```$"
    [session] = re.findall(pattern, readme.read_text(), re.MULTILINE | re.DOTALL)
    commands, shown = zip(*COMMAND.findall(session), strict=True)
    script = "; echo; echo ----; ".join(commands)
    for old, new in replacements.items():
        assert old in script
        script = script.replace(old, new)
    printed = subprocess.run(
        ["sh", "-c", script], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    outputs = printed.stdout.split("----\n")
    for command, output, expected in zip(commands, outputs, shown, strict=True):
        lines = [line for line in expected.splitlines() if line not in ("", "...")]
        assert set(lines) <= set(output.splitlines()), (command, output)
    return len(commands)
