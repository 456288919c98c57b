"""The tutorial is correct: typed by a new user, it ends with a service that responds on the emulator."""

from pathlib import Path

import pytest

from tests.docs.checks import PageRun
from tests.docs.pages import TUTORIAL
from tests.environments import Built, built, create_environment
from tests.tools import requires_tool

__all__ = ["built"]


@requires_tool("curl", "make")
def test_the_tutorial_works_in_an_empty_folder_with_a_new_home(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    environment = create_environment(tmp_path / "environment", with_pip=True)
    environment.pip_install(f"{built.wheel}[standard]")
    PageRun(TUTORIAL, tmp_path, environment.folder / "bin").run()
