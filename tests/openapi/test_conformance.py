"""A service with entries of many kinds answers as its document says, over ASGI and as a gateway brings requests."""

import json
from pathlib import Path

import pytest

from coworks_async.gateway import GatewayApp, Via
from coworks_async.openapi import openapi
from tests.clients import on_a_socket
from tests.openapi.conformance import conforming
from tests.openapi.wide import TOKEN, Wide

# Schemathesis does not know what converts, which the law does (`test_law.py`), and the service keeps nothing.
NOT_CHECKED = ["negative_data_rejection", "use_after_free", "ensure_resource_availability"]

exhaustive = pytest.mark.exhaustive
pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize(
    ("via", "unlike"),
    [
        pytest.param(None, [], id="asgi"),
        # A REST API answers a method that no path has with 404, where the service would say 405.
        pytest.param("rest", ["unsupported_method"], id="rest", marks=exhaustive),
        pytest.param("url", [], id="url", marks=exhaustive),
    ],
)
def test_what_is_answered_is_what_the_document_says(via: Via | None, unlike: list[str], tmp_path: Path):
    app = Wide()
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(openapi(app)))
    with on_a_socket(app if via is None else GatewayApp(app, via)) as client:  # type: ignore[arg-type]
        options = ("--exclude-checks", ",".join([*NOT_CHECKED, *unlike]))
        report = conforming(document, str(client.base_url), *options, cases=500 if via is None else 2000, token=TOKEN)
    assert report["warnings"]["missing_auth"] == []
