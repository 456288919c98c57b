"""The samples and the projects of `cws new`, as folders in which `cws` runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner
from dotenv import dotenv_values

from coworks_async.cli.commands.new import new
from tests.cli.processes import run_cws

SAMPLES = Path(__file__).parents[2] / "samples" / "docs"
ASYNC_JOB = SAMPLES.with_name("async_job")
LAYERS = SAMPLES.with_name("layers")
LINKS = SAMPLES.with_name("links")


@dataclass(frozen=True)
class Project:
    """A folder with a service.

    Attributes:
        app: the service, as `cws -A` names it.
        token: a valid token.
    """

    folder: Path
    app: str
    token: str

    def write_document(self, file: Path) -> Path:
        """Write the OpenAPI document with `cws routes`, and return its file."""
        done = run_cws("-A", self.app, "routes", "--openapi", str(file), cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return file


def get_sample(name: str) -> Project:
    return Project(SAMPLES, name, "token")


def create_project(template: str, parent: Path) -> Project:
    """Create a project with `cws new`."""
    folder = parent / "shop"
    result = CliRunner().invoke(new, [str(folder), "--template", template])
    assert result.exit_code == 0, result.output
    return Project(folder, "app", dotenv_values(folder / ".env.dev").get("TOKEN") or "")


def ignore_created(folder: str, names: Iterable[str]) -> set[str]:
    """Return the files that the use of a project creates, for `shutil.copytree`: not its own Terraform files."""
    stages = {name for name in names if Path(folder).name == "terraform" and Path(folder, name).is_dir()}
    created = {"__pycache__", ".pytest_cache", ".env.local"}
    return stages | {name for name in names if name in created or name.startswith(".venv")}
