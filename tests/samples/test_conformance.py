"""Each sample answers as its document says: Schemathesis, with all its checks, over ASGI and through Lambda."""

import json
from pathlib import Path

import pytest

from tests.cli.processes import start_server
from tests.openapi.conformance import conforming
from tests.samples.projects import Project, made, sample

FEW, MANY = 50, 2000

# A REST API answers a method that no path has with 404, where the service would say 405.
REST = ("--exclude-checks", "unsupported_method")


# All samples and cases run in `make test-all` only.
exhaustive = pytest.mark.exhaustive
pytestmark = pytest.mark.end_to_end


@pytest.fixture(
    params=["complete", *(pytest.param(name, marks=exhaustive) for name in ("first", "simple", "new-crud"))]
)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    kind, _, template = request.param.partition("-")
    return made(template, tmp_path) if template else sample(kind)


@pytest.mark.parametrize(("options", "checks"), [((), ()), (("--lambda",), REST)], ids=["asgi", "lambda"])
@pytest.mark.parametrize("cases", [FEW, pytest.param(MANY, marks=exhaustive)])
def test_it_answers_as_its_document_says_without_a_token_and_with_one(
    project: Project, options: tuple[str, ...], checks: tuple[str, ...], cases: int, tmp_path: Path
):
    document = project.document(tmp_path / "openapi.json")
    with start_server("-A", project.app, "run", "--port", "0", *options, cwd=project.folder) as served:
        refused = conforming(document, served.url, *checks, cases=FEW)
        answered = conforming(document, served.url, *checks, cases=cases, token=project.token)
    assert refused["warnings"]["missing_auth"] == closed(document)
    assert answered["warnings"]["missing_auth"] == []


def closed(document: Path) -> list[str]:
    """Return the operations that ask for a token, as Schemathesis calls them."""
    paths = json.loads(document.read_text())["paths"]
    return sorted(
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation["security"]
    )
