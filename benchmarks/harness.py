"""Shared parts of the benchmark scripts: options, processor cores, versions, tables and goals.

`python -m benchmarks.harness` prints the versions that the interpreter running it uses.
"""

import argparse
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("starlette", "msgspec", "mangum", "fastapi", "pydantic", "uvicorn", "httptools", "uvloop")


@dataclass(frozen=True)
class Goal:
    """A measured value and the bounds that the project sets for it."""

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    @property
    def met(self) -> bool:
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)

    def __str__(self) -> str:
        bounds = [
            f"{words} {bound:.2f}{self.unit}"
            for words, bound in (("at least", self.at_least), ("at most", self.at_most))
            if bound is not None
        ]
        verdict = "met" if self.met else "MISSED"
        return f"{verdict}: {self.name}: {self.value:.2f}{self.unit} (goal: {' and '.join(bounds)})"


def report_goals(goals: Sequence[Goal], check: bool) -> int:
    """Print the goals and return the exit code: 1 if `check` is set and a goal is missed."""
    print(*goals, sep="\n")
    return int(check and not all(goal.met for goal in goals))


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a Markdown table with text in the first column and numbers in the others."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the ratio of each round. What slows a whole round affects both of its values."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return median(ratios(ours, theirs))


def differences(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the difference of each round."""
    return [a - b for a, b in zip(ours, theirs, strict=True)]


def rotate(names: Iterable[str], number: int) -> list[str]:
    """Return the names in the order of round `number`: each round starts with the next one."""
    order = list(names)
    first = number % len(order)
    return order[first:] + order[:first]


def create_parser(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """Create a parser with the options `--rounds` and `--check`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=positive_int, default=rounds, help="rounds (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    return parser


def positive_int(text: str) -> int:
    """Convert the value of an option."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def find_cores() -> tuple[int | None, int | None]:
    """Return the cores of server and client, or None, None if the system cannot pin processes."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def pin_to(core: int | None) -> Callable[[], None] | None:
    """Return a `preexec_fn` that pins a child process to a core."""
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


def describe_interpreter(python: str) -> str:
    """Describe the machine and the versions that another interpreter uses."""
    command = [python, "-m", "benchmarks.harness"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def describe_machine() -> str:
    """Describe the machine and the versions in two lines of Markdown."""
    packages = ", ".join(f"{name} {found}" for name in PACKAGES if (found := find_version(name)))
    machine = f"{find_processor()}, {os.cpu_count()} cores, {platform.system()}."
    return f"{machine}\nPython {platform.python_version()}, {packages}."


def find_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None  # httptools and uvloop are optional


def find_processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    print(describe_machine())
