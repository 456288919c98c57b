"""The page about OpenAPI says what is true."""

import re
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from tests.openapi.judging import described, validator

PAGE = (Path(__file__).parents[2] / "docs" / "openapi.md").read_text()


def run_page() -> dict[str, Any]:
    module: dict[str, Any] = {"__name__": "openapi_page"}
    for code in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(code, module)  # noqa: S102
    return module


def test_the_code_of_the_page_makes_the_document_that_the_page_tells_of():
    module = run_page()
    document = module["document"]
    assert document == described(module["app"])
    assert (document["info"]["title"], document["info"]["version"]) == ("pen-shop", "1.2.0")
    operation = document["paths"]["/pens/{shelf}"]["get"]
    assert (operation["operationId"], operation["summary"]) == ("get_pens", "List the pens of a shelf.")
    assert [parameter["description"] for parameter in operation["parameters"]] == [
        "the number of the shelf",
        "how many at most",
    ]
    assert set(document["paths"]["/pens"]["post"]["responses"]) >= {"201", "401", "403", "422"}
    assert document["components"]["schemas"]["Pen"]["description"] == "What one writes with."


def test_the_service_of_the_page_answers_as_its_document_says():
    module = run_page()
    schema = {"type": "array", "items": {"$ref": "#/components/schemas/Pen"}}
    answer = TestClient(module["app"]).get("/pens/3?limit=1")
    assert answer.status_code == 200
    validator(module["document"], schema).validate(answer.json())
