"""Run the commands of a README and compare their output with what it shows."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.docs.pages import read_blocks
from tests.docs.shell import Command, matches, read_commands
from tests.tools import PATIENCE


def read_session(readme: Path, start: str) -> list[Command]:
    """Return the commands of the block whose first command begins with `start`."""
    [block] = [block for block in read_blocks(readme) if block.source.startswith(f"$ {start}")]
    return read_commands(block.source, block.line)


def check_session(readme: Path, start: str, replacements: Mapping[str, str], *, cwd: Path | None = None) -> int:
    """Run the commands of the block that begins with `start`. Each must print what the block shows.

    Args:
        start: the beginning of the first command.
        replacements: texts to replace in the commands, such as the address of the service.

    Returns:
        The number of commands.
    """
    commands = read_session(readme, start)
    script = "; echo; echo ----; ".join(command.text for command in commands)
    for old, new in replacements.items():
        assert old in script
        script = script.replace(old, new)
    printed = subprocess.run(
        ["sh", "-c", script], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    for command, output in zip(commands, printed.stdout.split("----\n"), strict=True):
        assert matches(output, command.output), (command, output)
    return len(commands)
