"""Markdown tables, and goals for the measured values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Goal:
    """A measured value and its bounds."""

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the value is within its bounds."""
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)

    def __str__(self) -> str:
        bounds = [
            f"{relation} {bound:.2f}{self.unit}"
            for relation, bound in (("at least", self.at_least), ("at most", self.at_most))
            if bound is not None
        ]
        status = "met" if self.met else "MISSED"
        return f"{status}: {self.name}: {self.value:.2f}{self.unit} (goal: {' and '.join(bounds)})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with text in the first column and numbers in the others."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the ratio of each round, in which other work on the machine affects both sides."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the rounds' ratios."""
    return median(ratios(ours, theirs))


def differences(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the difference of each round."""
    return [mine - other for mine, other in zip(ours, theirs, strict=True)]


def report_goals(goals: Sequence[Goal], check: bool) -> int:
    """Print all goals. Return exit code 1 if `check` is set and a goal is missed, else 0."""
    print(*goals, sep="\n")
    return int(check and not all(goal.met for goal in goals))
