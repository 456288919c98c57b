"""The description of a gateway: routes as data, and its own responses."""

import json
from collections.abc import Iterable
from typing import Literal

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Route, WebSocketRoute

from coworks_async import CORS, Blueprint, TechMicroService, entry
from coworks_async.gateway.routes import GatewayKind, GatewayRoute, create_routes, describe_gateway
from coworks_async.testing import TestClient


def authorized_keys(routes: Iterable[GatewayRoute]) -> dict[str, bool]:
    return {route.key: route.authorized for route in routes}


async def plain(request: Request) -> Response:
    return PlainTextResponse("plain")


class Pens(TechMicroService):
    @entry
    async def get_pens(self, key):
        return key

    @entry(no_auth=True)
    async def get_pens_new(self):
        return "new"

    @entry
    async def post_pens(self):
        return "made"


def test_each_entry_is_a_route_with_authorizer_unless_no_auth():
    assert authorized_keys(create_routes(Pens())) == {
        "POST /pens": True,
        "GET /pens/new": False,
        "GET /pens/{key}": True,
    }


def test_an_http_api_has_an_open_default_route():
    description = describe_gateway(Pens(), "http")
    assert authorized_keys(description.routes) == authorized_keys(create_routes(Pens())) | {"$default": False}
    assert (description.responses, description.token_key, description.authorizer_ttl) == ((), "Authorization", 300)


def test_a_rest_api_has_a_head_per_get_and_an_open_options_per_path():
    description = describe_gateway(Pens(), "rest")
    assert authorized_keys(description.routes) == {
        "OPTIONS /pens": False,
        "POST /pens": True,
        "GET /pens/new": False,
        "HEAD /pens/new": False,
        "OPTIONS /pens/new": False,
        "GET /pens/{key}": True,
        "HEAD /pens/{key}": True,
        "OPTIONS /pens/{key}": False,
    }
    assert description.binary_media_types == ("*/*",)


def test_a_path_has_every_method_that_another_entry_handles_there():
    class Mixed(TechMicroService):
        @entry
        async def get_pens_new(self):
            return "new"

        @entry(no_auth=True)
        async def put_pens(self, key):
            return key

        @entry
        async def delete_pens(self, *path):
            return "gone"

    assert authorized_keys(create_routes(Mixed())) == {
        "DELETE /pens": True,
        "DELETE /pens/new": True,
        "GET /pens/new": True,
        "PUT /pens/new": False,
        "DELETE /pens/{key}": True,
        "PUT /pens/{key}": False,
        "DELETE /pens/{key}/{proxy+}": True,
    }


def test_the_entry_with_the_longest_static_prefix_decides_about_the_authorizer():
    class Two(TechMicroService):
        @entry
        async def get(self, a, b):
            return "two"

        @entry(no_auth=True)
        async def get_open(self, *path):
            return "open"

    routes = authorized_keys(create_routes(Two()))
    assert (routes["GET /{a}/{b}"], routes["GET /open/{proxy+}"]) == (True, False)


def test_parameters_at_one_position_share_a_name_and_a_path_has_no_name_twice():
    class Named(TechMicroService):
        @entry
        async def get(self, b):
            return "one"

        @entry
        async def put(self, a, b):
            return "two"

        @entry
        async def post(self, proxy, a):
            return "two"

    assert authorized_keys(create_routes(Named())) == {
        "GET /{b}": True,
        "POST /{b}/{p2}": True,
        "PUT /{b}/{p2}": True,
    }


def test_a_segment_that_api_gateway_rejects_becomes_an_open_parameter():
    class Summer(TechMicroService):
        @entry
        async def get_été(self):
            return "summer"

    assert authorized_keys(create_routes(Summer())) == {"GET /{p1}": False}
    with TestClient(Summer(), via="rest") as client:
        assert client.get("/%C3%A9t%C3%A9").status_code == 401


class Marked(TechMicroService):
    """Entries with a segment that API Gateway rejects, next to entries with a parameter there."""

    @entry("/pens/{key}/a+b", no_auth=True)
    async def get_open(self, key: str):
        return "open"

    @entry("/pens/{key}/{part}")
    async def get_part(self, key: str, part: str):
        return part

    @entry("/pens/{key}/a-b")
    async def get_other(self, key: str):
        return "other"

    @entry("/pens/a+b")
    async def put_marked(self):
        return "marked"

    @entry("/pens/{key}")
    async def put_pen(self, key: str):
        return key

    @entry("/lids/a+b/{path:path}", no_auth=True)
    async def get_marked_lid(self, path: str):
        return path

    @entry("/lids/{key}")
    async def get_lid(self, key: str):
        return key

    @entry("/caps/a+b", cors=CORS(origins="*"))
    async def get_marked_cap(self):
        return "marked"

    @entry("/caps/{key}")
    async def get_cap(self, key: str):
        return key


def test_a_path_that_a_rejected_segment_shares_with_other_entries_is_open_unless_all_require_a_token():
    assert authorized_keys(create_routes(Marked())) == {
        "GET /pens/{key}/{p3}": False,
        "GET /pens/{key}/a-b": True,
        "PUT /pens/{key}": True,
        "GET /caps/{p2}": False,
        "GET /lids/{p2}": False,
        "GET /lids/{p2}/{proxy+}": False,
    }


def test_mounts_and_plain_routes_are_open():
    app = Pens()
    app.mount("/static", Starlette())
    app.add_route("/plain/{key:int}/x-{more}", plain, methods=["GET", "POST"])
    app.add_route("/any/{rest:path}/end", plain, methods=None)
    app.router.routes.append(WebSocketRoute("/socket", plain))
    new = {key: auth for key, auth in authorized_keys(create_routes(app)).items() if "pens" not in key}
    assert new == {
        "ANY /static": False,
        "ANY /static/{proxy+}": False,
        "GET /plain/{key}/{more}": False,
        "HEAD /plain/{key}/{more}": False,
        "POST /plain/{key}/{more}": False,
        "GET /any": False,
        "HEAD /any": False,
        "GET /any/{proxy+}": False,
        "HEAD /any/{proxy+}": False,
    }


def test_a_host_route_may_match_every_path():
    app = Pens()
    app.router.routes.append(Host("other.example", Starlette()))
    routes = authorized_keys(create_routes(app))
    assert routes["ANY /"] is routes["ANY /{proxy+}"] is False
    assert routes["GET /pens/{key}"] is True


def test_a_plain_route_that_precedes_an_entry_opens_the_path():
    class Rest(TechMicroService):
        @entry
        async def get(self, *path):
            return "rest"

        @entry
        async def get_files(self):
            return "files"

    app = Rest()
    app.mount("/files", Starlette())
    routes = authorized_keys(create_routes(app))
    assert routes["GET /{proxy+}"] is True
    assert routes["GET /files"] is True
    assert routes["GET /files/{proxy+}"] is False


def test_a_plain_route_with_a_segment_that_api_gateway_rejects_opens_the_path():
    app = Pens(routes=[Route("/pens/a+b", plain)])
    assert authorized_keys(create_routes(app))["GET /pens/{key}"] is False
    for via in ("rest", "http"):
        with TestClient(app, via=via) as client:
            assert client.get("/pens/a+b").text == "plain"
            assert client.get("/pens/a-b").status_code == 401


def test_a_blueprints_entries_are_below_its_prefix():
    app = Pens()
    blueprint = type("Admin", (Blueprint,), {"get_route": entry(lambda self: "route")})()
    app.register_blueprint(blueprint, url_prefix="admin")
    assert authorized_keys(create_routes(app))["GET /admin/route"] is True


def test_a_service_without_entries_has_no_routes():
    assert create_routes(TechMicroService()) == ()


def test_a_rest_apis_own_responses_equal_those_of_the_service():
    description = describe_gateway(Pens(), "rest")
    responses = {response.type: response for response in description.responses}
    with TestClient(Pens(), raise_server_exceptions=False) as client:
        for type_, response in [
            ("UNAUTHORIZED", client.get("/pens/1")),
            ("ACCESS_DENIED", client.get("/pens/1", headers={"authorization": "no"})),
            ("MISSING_AUTHENTICATION_TOKEN", client.get("/nowhere")),
        ]:
            assert (responses[type_].status, responses[type_].body) == (response.status_code, response.text)
            headers = {name.lower(): value for name, value in responses[type_].headers}
            assert headers == {name: value for name, value in response.headers.items() if name != "content-length"}
    assert json.loads(responses["AUTHORIZER_FAILURE"].body)["status"] == 500
    assert {type_ for type_ in responses if type_.startswith("DEFAULT")} == {"DEFAULT_4XX", "DEFAULT_5XX"}


def test_the_challenge_of_a_rest_api_has_the_scheme_of_the_service():
    class Links(Pens):
        auth_scheme = "Bearer"

    responses = {response.type: response for response in describe_gateway(Links(), "rest").responses}
    assert ("WWW-Authenticate", 'Bearer realm="links"') in responses["UNAUTHORIZED"].headers


# --- other origins

SHOP = CORS(origins="https://shop.example", credentials=True, expose="X-Total")
SEVERAL = CORS(origins=["https://shop.example", "https://admin.example"])


def cors_headers(app: TechMicroService) -> dict[str, str]:
    """Return the CORS headers of the REST API's own responses, which all have the same."""
    names = ("Access-Control-", "Vary")
    [headers] = {
        tuple(pair for pair in response.headers if pair[0].startswith(names))
        for response in describe_gateway(app, "rest").responses
    }
    return dict(headers)


def with_policies(of_service: CORS | None, **of_entries: CORS | Literal[False] | None) -> TechMicroService:
    """Return a service with an entry that requires a token for each policy."""
    entries = {f"get_{name}": entry(cors=policy)(lambda self: "in") for name, policy in of_entries.items()}
    app: TechMicroService = type("Service", (TechMicroService,), {"cors": of_service, **entries})()
    return app


def authorized_paths(app: TechMicroService, kind: GatewayKind) -> set[str]:
    routes = describe_gateway(app, kind).routes
    return {route.path for route in routes if route.method == "GET" and route.authorized}


def test_a_rest_apis_own_responses_allow_all_origins_if_an_entry_does():
    class Open(TechMicroService):
        @entry(no_cors=False)
        async def get(self):
            return "open"

    assert cors_headers(Open()) == {"Access-Control-Allow-Origin": "*"}


@pytest.mark.parametrize(
    "app", [with_policies(SHOP, items=None), with_policies(None, items=SHOP, more=SHOP, closed=None)]
)
def test_a_rest_apis_own_responses_have_the_policy_of_the_service_or_of_its_entries(app: TechMicroService):
    assert cors_headers(app) == {
        "Access-Control-Allow-Origin": "https://shop.example",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Total",
        "Vary": "Origin",
    }
    assert authorized_paths(app, "rest") == {entry.path for entry in app.entries}


@pytest.mark.parametrize(
    "app",
    [with_policies(None, a=None), with_policies(SEVERAL, a=None), with_policies(None, a=SHOP, b=CORS(origins="*"))],
)
def test_a_rest_apis_own_responses_have_no_headers_for_several_origins_or_policies(app: TechMicroService):
    assert cors_headers(app) == {}


def test_a_rest_api_leaves_authorization_to_the_service_if_the_policy_is_not_that_of_its_responses():
    app = with_policies(SHOP, same=SHOP, inherited=None, closed=False, other=CORS(origins="*"), several=SEVERAL)
    assert authorized_paths(app, "rest") == {"/same", "/inherited", "/closed"}
    assert authorized_paths(with_policies(SEVERAL, inherited=None, closed=False), "rest") == {"/closed"}


def test_an_http_api_leaves_authorization_of_entries_with_a_policy_to_the_service():
    app = with_policies(SHOP, inherited=None, closed=False, several=SEVERAL)
    assert authorized_paths(app, "http") == {"/closed"}


def test_a_rest_api_passes_on_every_preflight_if_the_service_has_a_policy():
    keys = authorized_keys(describe_gateway(with_policies(SHOP, a_b=None), "rest").routes)
    assert keys == {
        "OPTIONS /": False,
        "OPTIONS /a": False,
        "GET /a/b": True,
        "HEAD /a/b": True,
        "OPTIONS /a/b": False,
        "OPTIONS /{proxy+}": False,
    }
    assert "OPTIONS /{proxy+}" not in authorized_keys(describe_gateway(with_policies(None, a_b=SHOP), "rest").routes)


def test_a_rest_api_passes_on_every_request_if_the_policy_of_the_service_has_several_origins():
    keys = authorized_keys(describe_gateway(with_policies(SEVERAL, a=False), "rest").routes)
    assert keys == {
        "ANY /": False,
        "OPTIONS /": False,
        "ANY /a": False,
        "GET /a": True,
        "HEAD /a": True,
        "OPTIONS /a": False,
        "ANY /{proxy+}": False,
        "OPTIONS /{proxy+}": False,
    }
