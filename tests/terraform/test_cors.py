"""A CORS policy behind both gateways: the responses of the gateway itself and those of the service."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from coworks_async import TechMicroService
from coworks_async.gateway.routes import GatewayKind, describe_gateway
from tests.terraform.applied_module import AppliedModule, create_function, create_http_client, to_inputs
from tests.terraform.conftest import CreateRoot

pytestmark = pytest.mark.end_to_end

ACCOUNT = "000000000000"  # the only one whose APIs can be called
PAGE, OTHER_PAGE = "https://shop.example", "https://admin.example"

SOURCE = """
from coworks_async import CORS, TechMicroService, entry


class Items(TechMicroService):
    cors = CORS(origins={origins}, credentials=True, expose="X-Total")

    async def token_authorizer(self, token):
        return token == "token"

    async def get(self):
        return "items"

    @entry
    async def get_items_parts(self, name):
        return name

    @entry(cors=False)
    async def get_closed(self):
        return "closed"


app = Items()
lambda_handler = app.lambda_handler
"""


def load_service(source: str) -> TechMicroService:
    names: dict[str, Any] = {}
    exec(compile(source, "service.py", "exec"), names)  # noqa: S102 - the deployed text
    app = names["app"]
    assert isinstance(app, TechMicroService)
    return app


@pytest.fixture(
    scope="module", params=[("rest", 1), ("rest", 2), ("http", 2)], ids=lambda param: "-".join(map(str, param))
)
def api(request: pytest.FixtureRequest, create_root: CreateRoot) -> AppliedModule:
    """An API of a service whose policy has one origin or two."""
    kind: GatewayKind = request.param[0]
    source = SOURCE.format(origins=[PAGE, OTHER_PAGE][: request.param[1]])
    name = f"cors-{kind}-{request.param[1]}"
    root = create_root(
        f"{kind}_api", ACCOUNT, name=name, function_name=name, **to_inputs(describe_gateway(load_service(source), kind))
    )
    create_function(root.url, ACCOUNT, name, source)
    root.deploy()
    return root


@pytest.fixture(scope="module")
def client(api: AppliedModule) -> Iterator[httpx.Client]:
    with create_http_client(api) as client:
        yield client


def test_the_next_plan_is_empty(api: AppliedModule):
    assert api.plan() == {}


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/", "token", 200),
        ("/", None, 401),
        ("/", "no", 403),
        ("/nowhere", None, 404),
        ("/items", "token", 404),
        ("/items/parts/a/b", None, 404),
    ],
)
def test_an_allowed_origin_reads_every_response(client: httpx.Client, path: str, token: str | None, status: int):
    headers = {"Origin": PAGE} | ({"Authorization": token} if token else {})
    response = client.get(path, headers=headers)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == PAGE
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["access-control-expose-headers"] == "X-Total"
    assert response.headers["vary"] == "Origin"


def test_another_origin_is_never_named(client: httpx.Client):
    for headers in ({}, {"Authorization": "no"}, {"Authorization": "token"}):
        response = client.get("/", headers={"Origin": "https://stranger.example", **headers})
        assert response.headers.get("access-control-allow-origin") in (None, PAGE)
        assert response.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", ["/", "/items/parts/a", "/nowhere", "/items/parts/a/b"])
def test_the_service_handles_preflight_requests(client: httpx.Client, api: AppliedModule, path: str):
    response = client.options(path, headers={"Origin": PAGE, "Access-Control-Request-Method": "GET"})
    # The emulator's HTTP API responds to every OPTIONS itself; with AWS the open route `$default` does.
    assert response.status_code == (204 if api.kind == "rest_api" else 403)
    if api.kind == "rest_api":
        assert response.headers["access-control-allow-origin"] == PAGE
        assert response.headers["access-control-allow-credentials"] == "true"


def test_an_entry_without_a_policy_sends_no_headers(client: httpx.Client):
    response = client.get("/closed", headers={"Origin": PAGE, "Authorization": "token"})
    assert response.status_code == 200
    assert not [name for name in response.headers if name.startswith("access-control")]
