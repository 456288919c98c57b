"""The examples of `docs/reference/openapi.md` work."""

import re
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from tests.openapi.document_validation import create_document, create_validator

PAGE = (Path(__file__).parents[2] / "docs" / "reference/openapi.md").read_text()


def run_examples() -> dict[str, Any]:
    """Run the code of the page and return its names."""
    namespace: dict[str, Any] = {"__name__": "openapi_page"}
    for code in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(code, namespace)  # noqa: S102
    return namespace


def test_the_document_contains_what_the_page_lists():
    names = run_examples()
    document = names["document"]
    assert document == create_document(names["app"])
    assert (document["info"]["title"], document["info"]["version"]) == ("pen-shop", "1.2.0")
    operation = document["paths"]["/pens/{shelf}"]["get"]
    assert (operation["operationId"], operation["summary"]) == ("get_pens", "List the pens of a shelf.")
    assert [parameter["description"] for parameter in operation["parameters"]] == [
        "the number of the shelf",
        "how many at most",
    ]
    assert set(document["paths"]["/pens"]["post"]["responses"]) >= {"201", "401", "403", "422"}
    assert document["components"]["schemas"]["Pen"]["description"] == "What one writes with."


def test_the_documented_responses_are_those_of_the_page():
    names = run_examples()
    document = names["documented"]
    assert document == create_document(names["shop"])
    assert document["tags"] == [
        {"name": "caps", "description": "Caps, and what to do with them."},
        {"name": "orders"},
    ]
    assert set(document["paths"]) == {"/caps/{colour}", "/caps"}
    assert document["paths"]["/caps"]["post"]["responses"]["429"]["description"] == "Too many orders."
    missing = TestClient(names["shop"]).get("/caps/blue")
    responses = document["paths"]["/caps/{colour}"]["get"]["responses"]
    assert missing.json() == responses["404"]["content"]["application/problem+json"]["example"]
    assert responses["200"]["content"]["application/json"]["schema"]["examples"] == [{"colour": "red", "size": 7}]


def test_the_response_of_the_example_matches_its_document():
    names = run_examples()
    schema = {"type": "array", "items": {"$ref": "#/components/schemas/Pen"}}
    response = TestClient(names["app"]).get("/pens/3?limit=1")
    assert response.status_code == 200
    create_validator(names["document"], schema).validate(response.json())
