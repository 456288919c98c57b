"""Run the transcripts of a page in a shell, as a reader types them.

A transcript is a `console` block. A line that begins with `$ ` is a command; the lines below it are its output. `...`
or `…` is any text. A command that starts a server runs in the background until the shell is closed; its output
need not be shown. Lines that begin with `>>> ` or `(Pdb) ` are typed into the command above them.
"""

import contextlib
import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cli.processes import wait_for
from tests.tools import free_port

PORTS = (3000, 4566, 5000, 8000, 9000)
"""The ports in the pages. Each shell uses free ones instead, so that tests can run side by side."""

SERVER_START = 300.0
"""Seconds: the emulator is installed when it is first used."""

DEFAULT_PORT = 5000
EMULATOR_PORT = 4566

_PORT = re.compile(rf"(?<=[:= ])({'|'.join(map(str, PORTS))})(?![\w.])")
_PORT_OPTION = re.compile(r"(?:--port |PORT=)(\d+)")
_SERVER = re.compile(r"^(?:\w+=\S+ )*(?:cws(?: -\S+(?: [^-\s]\S*)?)* run\b|make\b.* (?:run|emulator)\b)")
_READY = re.compile(r"Press CTRL\+C to quit|Stop it with Ctrl-C")
_COMMENT = re.compile(r"\s+#\s.*$")
_PYTHON_PROMPT = ">>> "
_TYPED = re.compile(r"^(>>> |\(Pdb\) )(.*)\n", re.MULTILINE)
_API = re.compile(r"/execute-api/(\w+)/")
_MARK = "__end_of_command__"

# Text that differs in each run: what it looks like, and what replaces it on both sides.
_VARIABLE = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,64}\b"), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(\.\d+)?Z?)?"), "<date>"),
    (re.compile(r"\b\d+(\.\d+)? ?(kB|MB|s|ms|µs|seconds)\b"), "<quantity>"),
    (re.compile(r"Python 3\.\d+(\.\d+)?\b"), "Python <version>"),
    (re.compile(r"\[\d+\]"), "[<pid>]"),
)


@dataclass(frozen=True)
class Command:
    """A command of a transcript.

    Attributes:
        line: its line in the page.
        text: the command, which may have several lines.
        output: the lines below it.
    """

    line: int
    text: str
    output: str

    @property
    def typed(self) -> list[str]:
        """The lines that are typed into the program that it starts."""
        return [line for _, line in _TYPED.findall(self.output)]

    @property
    def printed(self) -> str:
        """The output that the shell must print: a pipe does not repeat what is typed."""
        # Python prompts once more at the end; the debugger continues, so the program ends.
        prompt = _PYTHON_PROMPT if _PYTHON_PROMPT in self.output else ""
        return _TYPED.sub(r"\1", self.output) + prompt

    @property
    def is_server(self) -> bool:
        """Whether it runs until it is stopped. One that fails to start ends by itself."""
        return _SERVER.match(self.text) is not None and "Error: " not in self.output


def read_commands(source: str, line: int) -> list[Command]:
    """Return the commands of a transcript whose first line is the line after `line`."""
    commands: list[Command] = []
    lines = iter(enumerate(source.splitlines(), line + 1))
    for number, text in lines:
        if not text.startswith("$ "):
            assert commands, f"line {number}: a transcript begins with a command"
            last = commands[-1]
            commands[-1] = Command(last.line, last.text, f"{last.output}{text}\n")
            continue
        command = text.removeprefix("$ ")
        while command.endswith("\\"):
            command += "\n" + next(lines)[1].removeprefix("> ")
        commands.append(Command(number, command, ""))
    return commands


def matches(printed: str, expected: str) -> bool:
    """Return whether a command printed what the page shows. A line that is only `...` is any lines, or no line."""
    pattern = "".join(
        r"(?:.*?\n)?" if line.strip() in ("...", "…") else f"{_match_line(line)}\n"
        for line in _normalize(expected).splitlines()
    )
    return re.fullmatch(pattern, f"{_normalize(printed)}\n".lstrip("\n"), re.DOTALL) is not None


def _match_line(line: str) -> str:
    parts = re.split(r"(\.\.\.|…)", line)
    return "".join(".*?" if part in ("...", "…") else re.escape(part) for part in parts)


def _normalize(text: str) -> str:
    for pattern, name in _VARIABLE:
        text = pattern.sub(name, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines() if line.strip())


class Shell:
    """A bash in a folder, with an empty HOME and `cws` on the PATH.

    Args:
        folder: the folder in which it starts.
        home: the home directory.
        programs: the folder of `cws` and `python3`.
        variables: environment variables of the commands.
    """

    def __init__(self, folder: Path, home: Path, programs: Path, variables: Mapping[str, str]) -> None:
        self._ports = {port: free_port() for port in PORTS}
        self._servers: dict[int, int] = {}
        self._api_ids: dict[str, str] = {}
        self._count = itertools.count()
        self._folder = folder
        self._home = home
        kept = {name: os.environ[name] for name in ("LANG", "SSL_CERT_FILE") if name in os.environ}
        kept |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "COVERAGE_"))}
        if programs == Path(sys.executable).parent and "PYTHONPATH" in os.environ:
            kept["PYTHONPATH"] = os.environ["PYTHONPATH"]
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=kept
            | {"PATH": path, "HOME": str(home), "TERM": "dumb", "COLUMNS": "120"}
            # The pages show Python's own prompt.
            | {"CWS_SHELL_PLAIN": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
            | dict(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        # Without curl's progress, as on a terminal.
        (home / ".curlrc").write_text("silent\nshow-error\n")

    def __enter__(self) -> Self:
        self._send("set -m")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for port in list(self._servers):
            self.stop_server(port)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def run(self, command: Command) -> str:
        """Run a command and return its output; for a server, what it prints until it is ready."""
        text = self.to_own_ports(command.text)
        for shown, used in self._api_ids.items():
            text = text.replace(shown, used)
        if command.is_server:
            printed = self._start_server(text, _find_port(command.text))
            return printed if command.output else ""
        if f":{DEFAULT_PORT}" in command.text and DEFAULT_PORT not in self._servers:
            self._start_server("cws run", DEFAULT_PORT)
        if command.typed:
            text = "\n".join([f"{text} << 'END'", *command.typed, "END"])
        return self._to_page_ports(self._send(text))

    @property
    def directory(self) -> Path:
        """The current directory of the shell."""
        return Path(self._send("pwd").strip())

    def learn_api_id(self, printed: str, expected: str) -> None:
        """Note the id of a deployed API, which differs from the one in the page, for the commands that follow."""
        if (shown := _API.search(expected)) and (used := _API.search(printed)):
            self._api_ids[shown[1]] = used[1]

    def to_own_ports(self, text: str) -> str:
        """Replace the ports of the page by those of this shell, and add them where the page uses a default."""
        emulator = self._ports[EMULATOR_PORT]
        text = re.sub(r"^(make\b.* emulator)$", rf"\1 PORT={emulator}", text)
        text = re.sub(r"^(cws\b.* --local)(?! http)", rf"\1 http://127.0.0.1:{emulator}", text)
        return _PORT.sub(lambda port: str(self._ports[int(port[1])]), text)

    def _to_page_ports(self, text: str) -> str:
        for shown, used in self._ports.items():
            text = re.sub(rf"\b{used}\b", str(shown), text)
        return text

    def _send(self, command: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        mark = f"{_MARK}{next(self._count)}"
        self._process.stdin.write(f"{command}\nprintf '\\n%s\\n' {mark}\n")
        self._process.stdin.flush()
        return "".join(iter(self._process.stdout.readline, f"{mark}\n"))

    def _start_server(self, command: str, port: int) -> str:
        """Start a server in the background. One that uses the same port is stopped before, as a reader would."""
        self.stop_server(port)
        log = self._home / f"server-{next(self._count)}.log"
        log.touch()  # the shell creates it in the background
        command = f"CWS_RUN_PORT={self._ports[DEFAULT_PORT]} {_COMMENT.sub('', command)}"
        pid = int(self._send(f"{command} > {shlex.quote(str(log))} 2>&1 < /dev/null & echo $!").split()[-1])
        self._servers[port] = pid
        wait_for(lambda: _READY.search(log.read_text()) is not None or _has_ended(pid), SERVER_START)
        text = log.read_text()
        assert _READY.search(text), f"{command} did not start:\n{text}"
        return self._to_page_ports(text)

    def stop_server(self, port: int = DEFAULT_PORT) -> None:
        """Stop the server of a port, if there is one."""
        pid = self._servers.pop(port, None)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)
        self._send(f"wait {pid} 2> /dev/null")


def _find_port(command: str) -> int:
    if option := _PORT_OPTION.search(command):
        return int(option[1])
    return EMULATOR_PORT if "emulator" in command else DEFAULT_PORT


def _has_ended(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False
