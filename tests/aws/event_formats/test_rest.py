"""REST APIs: events and results."""

import pytest
from starlette.responses import Response

from coworks_async import Blueprint, TechMicroService, entry, request
from tests.aws.events import HOST, Echo, Event, SendEvent, rest_event

CUSTOM = "api.example.com"
Parameters = dict[str, str]


class Linking(TechMicroService):
    """Returns links to its entries, whose names start like a stage or base path."""

    @entry(no_auth=True)
    async def get(self):
        return {"root": self.url_for("get_devices_"), "url": str(request.url)}

    @entry(no_auth=True)
    async def get_devices_(self):
        return {"one": self.url_for("get_devices", name="a b"), "out": self.url_for("get_devices_", _external=True)}

    @entry(no_auth=True)
    async def get_devices(self, name: str):
        return {"name": name, "self": self.url_for("get_devices", name=name), "url": str(request.url)}

    @entry(no_auth=True)
    async def get_dev(self):
        return {"self": self.url_for("get_dev")}

    @entry(no_auth=True)
    async def get_products(self):
        return {"self": self.url_for("get_products")}


# --- stage and base path


def test_the_stage_dev_does_not_match_the_entry_devices(send_event: SendEvent):
    response = send_event(Linking(), rest_event(path="/devices/pen"))
    assert response.json == {
        "name": "pen",
        "self": "/dev/devices/pen",
        "url": f"https://{HOST}/dev/devices/pen",
    }
    assert send_event(Linking(), rest_event(path="/devices")).json == {
        "one": "/dev/devices/a%20b",
        "out": f"https://{HOST}/dev/devices",
    }
    assert send_event(Linking(), rest_event(path="/dev")).json == {"self": "/dev/dev"}


@pytest.mark.parametrize("stage", ["v1", "my-stage", "dev_2"])
def test_the_stage_is_the_root_path_on_the_default_host(send_event: SendEvent, stage: str):
    response = send_event(Linking(), rest_event(stage=stage))
    assert response.json == {"root": f"/{stage}/devices", "url": f"https://{HOST}/{stage}/"}


def test_the_stage_path_may_omit_its_slash(send_event: SendEvent):
    assert send_event(Linking(), rest_event(full_path="/dev")).json["root"] == "/dev/devices"


def mapped_event(path: str, resource: str, parameters: dict[str, str], base: str = "", stage: str = "dev") -> Event:
    full_path = f"{base}{path}"
    return rest_event(
        path=full_path, full_path=full_path, host=CUSTOM, resource=resource, parameters=parameters, stage=stage
    )


RESOURCES = [
    ("/{proxy+}", {"proxy": "devices/pen"}),
    ("/devices/{name}", {"name": "pen"}),
    ("/devices/{rest+}", {"rest": "pen"}),
]


@pytest.mark.parametrize(("resource", "parameters"), RESOURCES)
@pytest.mark.parametrize("base", ["", "/v1", "/dev", "/shop/devices", "/product"])
def test_the_base_path_is_the_root_path_on_a_custom_domain(
    send_event: SendEvent, resource: str, parameters: dict[str, str], base: str
):
    response = send_event(Linking(), mapped_event("/devices/pen", resource, parameters, base))
    assert response.json == {
        "name": "pen",
        "self": f"{base}/devices/pen",
        "url": f"https://{CUSTOM}{base}/devices/pen",
    }


def test_the_base_path_product_does_not_match_the_entry_products(send_event: SendEvent):
    for base in ("/product", "/products", "/p"):
        response = send_event(Linking(), mapped_event("/products", "/products", {}, base))
        assert response.json == {"self": f"{base}/products"}


def test_the_base_path_may_omit_its_slash(send_event: SendEvent):
    for base in ("/v1", "/shop/v1"):
        for path in ("/", ""):
            response = send_event(Linking(), mapped_event(path, "/", {}, base))
            assert response.json["root"] == f"{base}/devices"


def test_a_stage_in_the_path_of_a_custom_domain_is_part_of_the_root_path(send_event: SendEvent):
    response = send_event(Linking(), mapped_event("/devices/pen", "/{proxy+}", {"proxy": "devices/pen"}, "/v1/dev"))
    assert response.json["self"] == "/v1/dev/devices/pen"


def test_a_trailing_slash_stays_in_the_path(send_event: SendEvent):
    response = send_event(Linking(), mapped_event("/devices/pen/", "/devices/{name}", {"name": "pen"}, "/v1"))
    assert response.json["url"] == f"https://{CUSTOM}/v1/devices/pen/"
    assert response.json["self"] == "/v1/devices/pen"


@pytest.mark.parametrize("parameter", ["a%20b%2Bc", "a b+c"])
def test_the_base_path_is_found_with_encoded_and_decoded_parameters(send_event: SendEvent, parameter: str):
    response = send_event(Linking(), mapped_event("/devices/a%20b%2Bc", "/devices/{name}", {"name": parameter}, "/v1"))
    assert (response.json["name"], response.json["self"]) == ("a b+c", "/v1/devices/a%20b%2Bc")


def test_without_a_matching_resource_there_is_no_base_path(send_event: SendEvent):
    response = send_event(Linking(), mapped_event("/devices/pen", "/other/{name}", {"name": "pen"}))
    assert response.json["self"] == "/devices/pen"


def test_the_test_console_has_no_root_path(send_event: SendEvent):
    event = rest_event(
        path="/devices/pen", full_path="/devices/pen", stage="test-invoke-stage", host="testPrefix.testDomainName"
    )
    event |= {"headers": None, "multiValueHeaders": None}
    assert send_event(Linking(), event).json["self"] == "/devices/pen"


def test_a_redirect_contains_the_root_path(send_event: SendEvent):
    class Files(TechMicroService):
        async def show(self, scope, receive, send):
            await Response("shown")(scope, receive, send)

    app = Files()
    app.mount("/files", app.show)
    response = send_event(app, rest_event(path="/files"))
    assert (response.status, response.header("location")) == (307, "/dev/files/")
    response = send_event(app, mapped_event("/files", "/files", {}, "/v1"))
    assert (response.status, response.header("location")) == (307, "/v1/files/")


def test_url_for_a_blueprints_entry_contains_the_stage(send_event: SendEvent):
    class Pages(Blueprint):
        @entry(no_auth=True)
        async def get_one(self, number: int):
            return request.app.url_for("pages.get_one", number=number + 1)

    app = TechMicroService(name="pages")
    app.register_blueprint(Pages(), url_prefix="/pages")
    assert send_event(app, rest_event(path="/pages/one/1")).body == b"/dev/pages/one/2"


class Raw(TechMicroService):
    @entry(no_auth=True)
    async def get(self, name: str):
        return [name, request.url.path, str(request.scope["raw_path"])]


def test_a_path_that_is_not_utf_8_is_a_400_on_every_host(send_event: SendEvent):
    for path in ("/%ff", "/a%c3"):
        for event in (
            rest_event(path=path),
            mapped_event(path, "/{name}", {"name": path[1:]}, "/v1"),
            mapped_event(path, "/{name}", {}),
        ):
            response = send_event(Raw(), event)
            assert (response.status, response.json["detail"]) == (400, "The path is not UTF-8.")


def test_a_replacement_character_that_was_sent_is_bound_and_raw_path_is_the_path_as_sent(
    send_event: SendEvent,
):
    path = "/%EF%BF%BD"
    echoed = send_event(Raw(), rest_event(path=path)).json
    assert echoed == ["\ufffd", "/dev/\ufffd", "b'/dev/%EF%BF%BD'"]
    echoed = send_event(Raw(), mapped_event(path, "/{name}", {"name": path[1:]}, "/v1")).json
    assert echoed == ["\ufffd", "/v1/\ufffd", "b'/v1/%EF%BF%BD'"]


# --- an HTTP API with payload format 1.0


def http_1_event(path: str, resource: str, parameters: dict[str, str], stage: str, host: str = HOST) -> Event:
    event = rest_event(path=path, full_path=path, stage=stage, host=host, resource=resource, parameters=parameters)
    return {"version": "1.0", **event}


def test_payload_1_0_of_an_http_api_has_the_stage_in_the_path(send_event: SendEvent):
    for resource, parameters in [("/devices/{name}", {"name": "pen"}), ("$default", {})]:
        response = send_event(Linking(), http_1_event("/dev/devices/pen", resource, parameters, "dev"))
        assert response.json["self"] == "/dev/devices/pen"
        response = send_event(Linking(), http_1_event("/devices/pen", resource, parameters, "$default"))
        assert response.json["self"] == "/devices/pen"
    response = send_event(Linking(), http_1_event("/v1/devices/pen", "/devices/{name}", {"name": "pen"}, "dev", CUSTOM))
    assert response.json["self"] == "/v1/devices/pen"
    assert send_event(Linking(), http_1_event("/dev", "$default", {}, "dev")).json["root"] == "/dev/devices"
    assert send_event(Linking(), http_1_event("/devices", "$default", {}, "dev")).json["one"] == "/devices/a%20b"


def test_payload_1_0_of_an_http_api_has_a_decoded_path(send_event: SendEvent):
    response = send_event(Linking(), http_1_event("/devices/50%25", "/devices/{name}", {"name": "50%25"}, "$default"))
    assert response.json["name"] == "50%25"


# --- path, query, headers


def test_a_path_is_decoded_once_and_an_encoded_slash_separates_segments(send_event: SendEvent):
    segments = send_event(Echo(), rest_event(path="/a%2Fb/c%20d/e+f/50%2525/%C3%A9%E9%8D%B5")).json["segments"]
    assert segments == ["a", "b", "c d", "e+f", "50%25", "é鍵"]


def test_a_query_preserves_repeated_names_empty_values_and_special_characters(send_event: SendEvent):
    query = [("a", "1"), ("a", "2"), ("empty", ""), ("plus", "1+1"), ("pct", "50%&=#"), ("鍵", "é ü"), ("p[n]", "x")]
    names = send_event(Echo(), rest_event(query=query)).json["names"]
    assert names == {"a": ["1", "2"], "empty": "", "plus": "1+1", "pct": "50%&=#", "鍵": "é ü", "p[n]": "x"}


def test_a_query_is_read_from_single_values_too(send_event: SendEvent):
    event = rest_event(query=[("a", "1")])
    del event["multiValueQueryStringParameters"]
    assert send_event(Echo(), event).json["names"] == {"a": "1"}


def test_repeated_headers_and_cookies_are_kept_apart(send_event: SendEvent):
    sent = [("X-Tag", "a, b"), ("X-Tag", "c"), ("Cookie", "a=1"), ("Cookie", "b=2; c=3"), ("X-Name", "é")]
    echoed = send_event(Echo(), rest_event(headers=sent)).json
    assert [value for name, value in echoed["headers"] if name == "x-tag"] == ["a, b", "c"]
    assert [value for name, value in echoed["headers"] if name == "cookie"] == ["a=1", "b=2; c=3"]
    assert ["x-name", "é"] in echoed["headers"]


def test_a_header_decoded_as_utf_8_is_encoded_again(send_event: SendEvent):
    echoed = send_event(Echo(), rest_event(headers=[("X-Name", "鍵"), ("X-Other", "é")])).json
    assert ["x-name", "鍵".encode().decode("latin-1")] in echoed["headers"]
    assert ["x-other", "é"] in echoed["headers"]


def test_headers_are_read_from_single_values_too(send_event: SendEvent):
    event = rest_event(headers=[("X-Tag", "a")])
    del event["multiValueHeaders"]
    assert ["x-tag", "a"] in send_event(Echo(), event).json["headers"]


def test_client_and_scheme_are_those_seen_by_the_gateway(send_event: SendEvent):
    echoed = send_event(Echo(), rest_event()).json
    assert (echoed["client"], echoed["scheme"], echoed["method"]) == ("203.0.113.9", "https", "GET")
    event = rest_event()
    event["requestContext"]["identity"] = None
    assert send_event(Echo(), event).json["client"] is None


def test_an_empty_path_is_the_root(send_event: SendEvent):
    event = rest_event()
    event["path"] = None
    del event["requestContext"]["path"]
    assert send_event(Echo(), event).json["segments"] == []


# --- results


def test_several_cookies_are_several_values(send_event: SendEvent):
    class Cookies(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            response = Response("set")
            response.set_cookie("a", "1")
            response.set_cookie("b", "2")
            return response

    response = send_event(Cookies(), rest_event())
    assert response.raw["multiValueHeaders"]["set-cookie"] == ["a=1; Path=/; SameSite=lax", "b=2; Path=/; SameSite=lax"]
    assert response.raw.keys() == {"statusCode", "multiValueHeaders", "body", "isBase64Encoded"}
