"""Options shared by the benchmarks."""

import argparse


def parser(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with `--rounds` and `--check`, and the script's docstring as its description."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=positive, default=rounds, help="rounds (default: %(default)s)")
    made.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")
    return made


def positive(text: str) -> int:
    """Return an integer that is at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
