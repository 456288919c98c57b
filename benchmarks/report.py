"""A table in Markdown, and the goals that its ratios are held against."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Goal:
    """A measured figure and the bound that the project set for it, in the unit that `unit` names."""

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is within its bounds."""
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


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The rows as a Markdown table whose first column is text and whose others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Each round's own ratio: what slows a whole round, slows both sides of its ratio."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' own ratios."""
    return median(ratios(ours, theirs))


def differences(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Each round's own difference."""
    return [mine - other for mine, other in zip(ours, theirs, strict=True)]


def report_goals(goals: Sequence[Goal], check: bool) -> int:
    """Print every goal; the exit code is 1 when `check` is set and one was missed."""
    print(*goals, sep="\n")
    return int(check and not all(goal.met for goal in goals))
