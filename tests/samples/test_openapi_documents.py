"""`cws routes` writes a valid OpenAPI document of each sample and of each new project."""

import json
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from coworks_async.cli.commands.new import TEMPLATES
from tests.samples.projects import LINKS, Project, create_project, get_sample


def write_valid_document(project: Project, folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(project.write_document(folder / "openapi.json").read_text())
    assert document["openapi"] == "3.1.1"
    OpenAPIV31SpecValidator(document).validate()
    return document


@pytest.mark.parametrize(("name", "blueprints"), [("first", []), ("simple", []), ("complete", ["admin", "profiler"])])
def test_the_document_of_a_sample_is_valid(name: str, blueprints: list[str], tmp_path: Path):
    document = write_valid_document(get_sample(name), tmp_path)
    assert [tag["name"] for tag in document.get("tags", [])] == blueprints


def test_the_document_of_the_sample_links_is_valid_and_requires_its_tokens(tmp_path: Path):
    document = write_valid_document(Project(LINKS, "app", token=""), tmp_path)
    assert [tag["name"] for tag in document["tags"]] == ["reports"]
    [scheme] = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_document_of_a_new_project_is_valid(template: str, tmp_path: Path):
    write_valid_document(create_project(template, tmp_path), tmp_path)
