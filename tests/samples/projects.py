"""The samples, and the projects that `cws new` makes, each as its users have it: a folder in which `cws` runs."""

from dataclasses import dataclass
from pathlib import Path

from tests.cli.processes import run_cws

SAMPLES = Path(__file__).parents[2] / "samples" / "docs"


@dataclass(frozen=True)
class Project:
    """A folder, what `cws -A` calls the service in it, and the token that it takes."""

    folder: Path
    app: str
    token: str

    def document(self, file: Path) -> Path:
        """Have `cws routes` write the OpenAPI document, and return its file."""
        done = run_cws("-A", self.app, "routes", "--openapi", str(file), cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return file


def sample(name: str) -> Project:
    """Return one of the samples, as it is."""
    return Project(SAMPLES, name, "token")


def made(template: str, folder: Path) -> Project:
    """Return a project that `cws new` makes in a folder."""
    done = run_cws("new", "shop", "--template", template, cwd=folder)
    assert done.returncode == 0, done.stderr
    token = (folder / "shop" / ".env.dev").read_text().partition("TOKEN=")[2].strip()
    return Project(folder / "shop", "app", token)
