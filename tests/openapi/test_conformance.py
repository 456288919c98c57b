"""The responses of a service match its document, over ASGI and through a gateway."""

import json
from pathlib import Path

import pytest

from coworks_async.gateway import GatewayApp, Via
from coworks_async.openapi import openapi
from tests.clients import on_a_socket
from tests.openapi.conformance_service import TOKEN, ConformanceService
from tests.openapi.schemathesis_runner import run_schemathesis

# Schemathesis does not know which strings convert (`test_requests_match_document.py` does), and the service stores
# nothing.
EXCLUDED_CHECKS = ["negative_data_rejection", "use_after_free", "ensure_resource_availability"]

exhaustive = pytest.mark.exhaustive
pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize(
    ("via", "excluded"),
    [
        pytest.param(None, [], id="asgi"),
        # A REST API returns 404 for a method that no path has, the service 405.
        pytest.param("rest", ["unsupported_method"], id="rest", marks=exhaustive),
        pytest.param("url", [], id="url", marks=exhaustive),
    ],
)
def test_responses_match_the_document(via: Via | None, excluded: list[str], tmp_path: Path):
    app = ConformanceService()
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(openapi(app)))
    with on_a_socket(app if via is None else GatewayApp(app, via)) as client:
        options = ("--exclude-checks", ",".join([*EXCLUDED_CHECKS, *excluded]))
        cases = 500 if via is None else 2000
        report = run_schemathesis(document, str(client.base_url), *options, cases=cases, token=TOKEN)
    assert report["warnings"]["missing_auth"] == []
