"""The forms for issues on GitHub, and the template of pull requests.

The keys: https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "ISSUE_TEMPLATE"
FORMS = sorted(path.name for path in FOLDER.glob("*.yml") if path.name != "config.yml")

# The attributes that each element requires.
ELEMENTS = {
    "markdown": {"value"},
    "input": {"label"},
    "textarea": {"label"},
    "dropdown": {"label", "options"},
    "checkboxes": {"label", "options"},
}


def load(name: str) -> dict[str, Any]:
    form: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return form


def test_there_are_forms_for_bugs_and_features_only():
    assert FORMS == ["bug.yml", "feature.yml"]
    assert load("config.yml") == {"blank_issues_enabled": False}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_has_the_keys_that_github_requires(name: str):
    form = load(name)
    assert set(form) == {"name", "description", "labels", "body"}
    assert all(isinstance(form[key], str) and form[key] for key in ("name", "description"))
    assert any(element["type"] != "markdown" for element in form["body"])


@pytest.mark.parametrize("name", FORMS)
def test_the_elements_of_a_form_are_valid(name: str):
    fields = []
    for element in load(name)["body"]:
        assert set(element) <= {"type", "id", "attributes", "validations"}
        assert ELEMENTS[element["type"]] <= set(element["attributes"])
        assert all(isinstance(value, (str, list, bool)) for value in element["attributes"].values())
        assert element.get("validations", {"required": True}) == {"required": True}
        if element["type"] != "markdown":
            fields.append((element["id"], element["attributes"]["label"]))
    assert all(len(set(values)) == len(fields) for values in zip(*fields, strict=True))


def test_the_form_for_bugs_names_the_private_way_for_vulnerabilities():
    assert "`SECURITY.md`" in load("bug.yml")["body"][0]["attributes"]["value"]
    assert "*Report a vulnerability*" in (ROOT / "SECURITY.md").read_text()


def test_the_template_of_pull_requests_names_the_check():
    template = (ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md").read_text()
    assert "- [ ] `make check` passes.\n" in template
