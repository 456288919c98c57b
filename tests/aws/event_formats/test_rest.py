"""REST APIs: what an event says, and how it is answered."""

import pytest
from starlette.responses import Response

from coworks_async import Blueprint, TechMicroService, entry, request
from tests.aws.lambdas import HOST, Ask, Echo, Event, rest

CUSTOM = "api.example.com"
Parameters = dict[str, str]


class Linking(TechMicroService):
    """Links to its entries, which have names that a careless prefix would eat."""

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


# --- the stage and the base path


def test_the_stage_dev_does_not_eat_the_entry_devices(ask: Ask):
    answer = ask(Linking(), rest(path="/devices/pen"))
    assert answer.json == {
        "name": "pen",
        "self": "/dev/devices/pen",
        "url": f"https://{HOST}/dev/devices/pen",
    }
    assert ask(Linking(), rest(path="/devices")).json == {
        "one": "/dev/devices/a%20b",
        "out": f"https://{HOST}/dev/devices",
    }
    assert ask(Linking(), rest(path="/dev")).json == {"self": "/dev/dev"}


@pytest.mark.parametrize("stage", ["v1", "my-stage", "dev_2"])
def test_on_the_apis_own_host_the_root_path_is_the_stage(ask: Ask, stage: str):
    answer = ask(Linking(), rest(stage=stage))
    assert answer.json == {"root": f"/{stage}/devices", "url": f"https://{HOST}/{stage}/"}


def test_the_stages_root_may_lack_its_slash(ask: Ask):
    assert ask(Linking(), rest(outer="/dev")).json["root"] == "/dev/devices"


def mapped(path: str, resource: str, parameters: dict[str, str], base: str = "", stage: str = "dev") -> Event:
    whole = f"{base}{path}"
    return rest(path=whole, outer=whole, host=CUSTOM, resource=resource, parameters=parameters, stage=stage)


RESOURCES = [
    ("/{proxy+}", {"proxy": "devices/pen"}),
    ("/devices/{name}", {"name": "pen"}),
    ("/devices/{rest+}", {"rest": "pen"}),
]


@pytest.mark.parametrize(("resource", "parameters"), RESOURCES)
@pytest.mark.parametrize("base", ["", "/v1", "/dev", "/shop/devices", "/product"])
def test_on_a_custom_domain_the_root_path_is_its_base_path(
    ask: Ask, resource: str, parameters: dict[str, str], base: str
):
    answer = ask(Linking(), mapped("/devices/pen", resource, parameters, base))
    assert answer.json == {
        "name": "pen",
        "self": f"{base}/devices/pen",
        "url": f"https://{CUSTOM}{base}/devices/pen",
    }


def test_the_base_path_product_does_not_eat_the_entry_products(ask: Ask):
    for base in ("/product", "/products", "/p"):
        answer = ask(Linking(), mapped("/products", "/products", {}, base))
        assert answer.json == {"self": f"{base}/products"}


def test_at_the_root_of_a_base_path_the_slash_may_lack(ask: Ask):
    for base in ("/v1", "/shop/v1"):
        for path in ("/", ""):
            answer = ask(Linking(), mapped(path, "/", {}, base))
            assert answer.json["root"] == f"{base}/devices"


def test_a_stage_that_the_path_selects_on_a_custom_domain_is_part_of_the_root_path(ask: Ask):
    answer = ask(Linking(), mapped("/devices/pen", "/{proxy+}", {"proxy": "devices/pen"}, "/v1/dev"))
    assert answer.json["self"] == "/v1/dev/devices/pen"


def test_a_trailing_slash_stays_with_the_services_own_path(ask: Ask):
    answer = ask(Linking(), mapped("/devices/pen/", "/devices/{name}", {"name": "pen"}, "/v1"))
    assert answer.json["url"] == f"https://{CUSTOM}/v1/devices/pen/"
    assert answer.json["self"] == "/v1/devices/pen"


@pytest.mark.parametrize("parameter", ["a%20b%2Bc", "a b+c"])
def test_the_base_path_is_found_whether_parameters_come_encoded_or_not(ask: Ask, parameter: str):
    answer = ask(Linking(), mapped("/devices/a%20b%2Bc", "/devices/{name}", {"name": parameter}, "/v1"))
    assert (answer.json["name"], answer.json["self"]) == ("a b+c", "/v1/devices/a%20b%2Bc")


def test_where_the_resource_does_not_fit_the_path_is_the_services_own(ask: Ask):
    answer = ask(Linking(), mapped("/devices/pen", "/other/{name}", {"name": "pen"}))
    assert answer.json["self"] == "/devices/pen"


def test_in_the_test_console_there_is_no_stage_before_the_path(ask: Ask):
    event = rest(path="/devices/pen", outer="/devices/pen", stage="test-invoke-stage", host="testPrefix.testDomainName")
    event |= {"headers": None, "multiValueHeaders": None}
    assert ask(Linking(), event).json["self"] == "/devices/pen"


def test_a_redirect_goes_where_the_client_can_follow(ask: Ask):
    class Files(TechMicroService):
        async def show(self, scope, receive, send):
            await Response("shown")(scope, receive, send)

    app = Files()
    app.mount("/files", app.show)
    answer = ask(app, rest(path="/files"))
    assert (answer.status, answer.header("location")) == (307, f"https://{HOST}/dev/files/")
    answer = ask(app, mapped("/files", "/files", {}, "/v1"))
    assert (answer.status, answer.header("location")) == (307, f"https://{CUSTOM}/v1/files/")


def test_a_blueprints_entry_is_linked_below_the_stage(ask: Ask):
    class Pages(Blueprint):
        @entry(no_auth=True)
        async def get_one(self, number: int):
            return request.app.url_for("pages.get_one", number=number + 1)

    app = TechMicroService(name="pages")
    app.register_blueprint(Pages(), url_prefix="/pages")
    assert ask(app, rest(path="/pages/one/1")).body == b"/dev/pages/one/2"


class Raw(TechMicroService):
    @entry(no_auth=True)
    async def get(self, name: str):
        return [name, request.url.path, str(request.scope["raw_path"])]


def test_a_path_that_is_no_utf_8_is_refused_by_whatever_host_it_came(ask: Ask):
    for path in ("/%ff", "/a%c3"):
        for event in (rest(path=path), mapped(path, "/{name}", {"name": path[1:]}, "/v1"), mapped(path, "/{name}", {})):
            answer = ask(Raw(), event)
            assert (answer.status, answer.json["detail"]) == (400, "The path is not UTF-8.")


def test_a_replacement_character_that_was_sent_is_bound_and_the_whole_path_is_told_as_it_was_sent(ask: Ask):
    path = "/%EF%BF%BD"
    told = ask(Raw(), rest(path=path)).json
    assert told == ["\ufffd", "/dev/\ufffd", "b'/dev/%EF%BF%BD'"]
    told = ask(Raw(), mapped(path, "/{name}", {"name": path[1:]}, "/v1")).json
    assert told == ["\ufffd", "/v1/\ufffd", "b'/v1/%EF%BF%BD'"]


# --- an HTTP API that was told to use this format


def of_http_api(path: str, resource: str, parameters: dict[str, str], stage: str, host: str = HOST) -> Event:
    event = rest(path=path, outer=path, stage=stage, host=host, resource=resource, parameters=parameters)
    return {"version": "1.0", **event}


def test_an_http_api_in_this_format_keeps_its_stage_in_the_path(ask: Ask):
    for resource, parameters in [("/devices/{name}", {"name": "pen"}), ("$default", {})]:
        answer = ask(Linking(), of_http_api("/dev/devices/pen", resource, parameters, "dev"))
        assert answer.json["self"] == "/dev/devices/pen"
        answer = ask(Linking(), of_http_api("/devices/pen", resource, parameters, "$default"))
        assert answer.json["self"] == "/devices/pen"
    answer = ask(Linking(), of_http_api("/v1/devices/pen", "/devices/{name}", {"name": "pen"}, "dev", CUSTOM))
    assert answer.json["self"] == "/v1/devices/pen"
    assert ask(Linking(), of_http_api("/dev", "$default", {}, "dev")).json["root"] == "/dev/devices"
    assert ask(Linking(), of_http_api("/devices", "$default", {}, "dev")).json["one"] == "/devices/a%20b"


def test_the_path_of_an_http_api_in_this_format_is_decoded_already(ask: Ask):
    answer = ask(Linking(), of_http_api("/devices/50%25", "/devices/{name}", {"name": "50%25"}, "$default"))
    assert answer.json["name"] == "50%25"


# --- what was sent


def test_a_path_is_decoded_once_and_an_encoded_slash_separates(ask: Ask):
    segments = ask(Echo(), rest(path="/a%2Fb/c%20d/e+f/50%2525/%C3%A9%E9%8D%B5")).json["segments"]
    assert segments == ["a", "b", "c d", "e+f", "50%25", "é鍵"]


def test_a_query_keeps_empty_and_repeated_names_plus_percent_and_utf_8(ask: Ask):
    query = [("a", "1"), ("a", "2"), ("empty", ""), ("plus", "1+1"), ("pct", "50%&=#"), ("鍵", "é ü"), ("p[n]", "x")]
    names = ask(Echo(), rest(query=query)).json["names"]
    assert names == {"a": ["1", "2"], "empty": "", "plus": "1+1", "pct": "50%&=#", "鍵": "é ü", "p[n]": "x"}


def test_a_query_is_read_where_only_the_single_values_are_there(ask: Ask):
    event = rest(query=[("a", "1")])
    del event["multiValueQueryStringParameters"]
    assert ask(Echo(), event).json["names"] == {"a": "1"}


def test_repeated_headers_and_cookies_stay_apart(ask: Ask):
    sent = [("X-Tag", "a, b"), ("X-Tag", "c"), ("Cookie", "a=1"), ("Cookie", "b=2; c=3"), ("X-Name", "é")]
    told = ask(Echo(), rest(headers=sent)).json
    assert [value for name, value in told["headers"] if name == "x-tag"] == ["a, b", "c"]
    assert [value for name, value in told["headers"] if name == "cookie"] == ["a=1", "b=2; c=3"]
    assert ["x-name", "é"] in told["headers"]


def test_a_header_that_came_decoded_goes_back_to_its_bytes(ask: Ask):
    told = ask(Echo(), rest(headers=[("X-Name", "鍵"), ("X-Other", "é")])).json
    assert ["x-name", "鍵".encode().decode("latin-1")] in told["headers"]
    assert ["x-other", "é"] in told["headers"]


def test_headers_are_read_where_only_the_single_values_are_there(ask: Ask):
    event = rest(headers=[("X-Tag", "a")])
    del event["multiValueHeaders"]
    assert ["x-tag", "a"] in ask(Echo(), event).json["headers"]


def test_the_client_and_the_scheme_are_those_the_gateway_saw(ask: Ask):
    told = ask(Echo(), rest()).json
    assert (told["client"], told["scheme"], told["method"]) == ("203.0.113.9", "https", "GET")
    event = rest()
    event["requestContext"]["identity"] = None
    assert ask(Echo(), event).json["client"] is None


def test_an_event_without_a_path_is_a_request_for_the_root(ask: Ask):
    event = rest()
    event["path"] = None
    del event["requestContext"]["path"]
    assert ask(Echo(), event).json["segments"] == []


# --- how it is answered


def test_several_cookies_are_several_values(ask: Ask):
    class Cookies(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            response = Response("set")
            response.set_cookie("a", "1")
            response.set_cookie("b", "2")
            return response

    answer = ask(Cookies(), rest())
    assert answer.raw["multiValueHeaders"]["set-cookie"] == ["a=1; Path=/; SameSite=lax", "b=2; Path=/; SameSite=lax"]
    assert answer.raw.keys() == {"statusCode", "multiValueHeaders", "body", "isBase64Encoded"}
