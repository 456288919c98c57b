"""The responses of each sample and of a new project match its document, over ASGI and through Lambda."""

import json
from pathlib import Path

import pytest

from tests.cli.processes import start_server
from tests.openapi.schemathesis_runner import run_schemathesis
from tests.samples.projects import Project, create_project, get_sample

FEW, MANY = 50, 2000

# A REST API returns 404 for a method that no path has, the service 405.
REST_OPTIONS = ("--exclude-checks", "unsupported_method")

exhaustive = pytest.mark.exhaustive
pytestmark = pytest.mark.end_to_end


@pytest.fixture(
    params=["complete", *(pytest.param(name, marks=exhaustive) for name in ("first", "simple", "new-crud"))]
)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    kind, _, template = request.param.partition("-")
    return create_project(template, tmp_path) if template else get_sample(kind)


@pytest.mark.parametrize(
    ("options", "schemathesis_options"), [((), ()), (("--lambda",), REST_OPTIONS)], ids=["asgi", "lambda"]
)
@pytest.mark.parametrize("cases", [FEW, pytest.param(MANY, marks=exhaustive)])
def test_responses_match_the_document_with_and_without_a_token(
    project: Project, options: tuple[str, ...], schemathesis_options: tuple[str, ...], cases: int, tmp_path: Path
):
    document = project.write_document(tmp_path / "openapi.json")
    with start_server("-A", project.app, "run", "--port", "0", *options, cwd=project.folder) as served:
        denied = run_schemathesis(document, served.url, *schemathesis_options, cases=FEW)
        allowed = run_schemathesis(document, served.url, *schemathesis_options, cases=cases, token=project.token)
    assert denied["warnings"]["missing_auth"] == get_secured_operations(document)
    assert allowed["warnings"]["missing_auth"] == []


def get_secured_operations(document: Path) -> list[str]:
    """Return the operations that require a token, as Schemathesis names them."""
    paths = json.loads(document.read_text())["paths"]
    return sorted(
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation["security"]
    )
