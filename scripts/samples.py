"""Write the samples that are also templates of `cws new`: `.venv/bin/python scripts/samples.py`.

The templates are the source: edit them, then run this script.
"""

from pathlib import Path

from coworks_async.cli.commands.new import render_project

SAMPLES = Path(__file__).parents[1] / "samples"
TEMPLATES = ("website", "assistant")
"""The templates whose project is also a sample."""

OWN = frozenset({".env.dev", ".gitignore", "Makefile", "README.md", "requirements-dev.txt", "requirements.txt"})
"""Files that a sample does not share: it installs CoWorks from the clone, and its development values are in git."""

OF_REPOSITORY = (".github/", ".pre-commit-config.yaml", ".vscode/", "ruff.toml")
"""Files that a sample does not have: the settings of this repository apply to it."""


def render_sample(name: str) -> dict[str, str]:
    """Return the text of each shared file of a sample, by its path."""
    return {path: text for path, text in render_project(name, name).items() if not _is_own(path)}


def _is_own(path: str) -> bool:
    return path in OWN or path.startswith(OF_REPOSITORY)


def main() -> None:
    """Write the shared files of all samples."""
    for name in TEMPLATES:
        for path, text in render_sample(name).items():
            file = SAMPLES / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
