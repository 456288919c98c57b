"""Routes from method names and prefixes."""

from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coworks_async import Blueprint, TechMicroService, entry
from coworks_async.entries.decorators import VERBS
from coworks_async.entries.discovery import HEAD, parse_entry_name
from coworks_async.entries.paths import normalize_prefix
from tests.clients import Connect
from tests.differences import differs
from tests.entries.services import create_service, declaration_error, list_routes


async def method(self):
    return "here"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_alone_is_the_root_path(connect: Connect, verb: str):
    client = connect(create_service(**{verb: method}))
    response = client.request(verb.upper(), "/")
    assert (response.status_code, response.text) == (200, "here")


@pytest.mark.parametrize("verb", VERBS)
def test_the_path_follows_the_verb(connect: Connect, verb: str):
    client = connect(create_service(**{f"{verb}_content_of_today": method}))
    response = client.request(verb.upper(), "/content/of/today")
    assert (response.status_code, response.text) == (200, "here")
    assert client.request(verb.upper(), "/content_of_today").status_code == 404


@pytest.mark.parametrize(
    ("name", "route"),
    [
        ("get_content", "GET /content"),
        ("get_content_", "GET /content"),
        ("get__content", "GET /content"),
        ("get___content__", "GET /content"),
        ("get_", "GET /"),
        ("get__", "GET /"),
        ("get_v1_2", "GET /v1/2"),
        ("get_Content", "GET /Content"),
        ("get_get", "GET /get"),
        ("delete_post", "DELETE /post"),
        ("content", "POST /content"),
        ("content_get", "POST /content/get"),
        ("getcontent", "POST /getcontent"),
        ("Get_content", "POST /Get/content"),
        ("_content", "POST /content"),
        ("__", "POST /"),
        ("header", "POST /header"),
        ("get_café", "GET /café"),
    ],
)
def test_leading_and_trailing_underscores_only_distinguish_methods(name: str, route: str):
    assert list_routes(create_service(**{name: method})) == {route}


@differs("rest-missing-route")
def test_a_name_without_a_verb_is_a_post(connect: Connect):
    client = connect(create_service(checkout_basket=method))
    assert client.post("/checkout/basket").text == "here"
    response = client.get("/checkout/basket")
    assert (response.status_code, response.headers["allow"]) == (405, "OPTIONS, POST")


def test_one_static_path_may_have_several_entries(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get_content(self):
            return "all"

        @entry(no_auth=True)
        async def get_content_(self, key):
            return f"one: {key}"

        @entry(no_auth=True)
        async def get__content(self, bucket, key):
            return f"two: {bucket} {key}"

    client = connect(Service())
    assert client.get("/content").text == "all"
    assert client.get("/content/a").text == "one: a"
    assert client.get("/content/a/b").text == "two: a b"


def test_a_name_may_contain_non_ascii_letters(connect: Connect):
    client = connect(create_service(get_café=method))
    assert client.get("/café").text == "here"
    assert client.get("/caf%C3%A9").text == "here"


@pytest.mark.parametrize(("name", "remedy"), [("head", "get"), ("head_", "get_"), ("head_content", "get_content")])
def test_an_entry_for_head_is_a_declaration_error(name: str, remedy: str):
    assert declaration_error(create_service, **{name: method}) == (
        f"Service.{name}: HEAD requests are handled by the GET entry. Rename the method to {remedy}."
    )


def test_an_undecorated_head_is_a_declaration_error():
    class Service(TechMicroService):
        async def head(self):
            """Would handle HEAD /."""

    assert "Service.head: HEAD requests are handled by the GET entry. Rename the method to get." in declaration_error(
        Service
    )


def test_a_double_underscore_in_a_name_is_a_declaration_error():
    assert declaration_error(create_service, get_a__b=method) == (
        "Service.get_a__b: a double underscore makes an empty path segment. Use a single one."
    )


@pytest.mark.parametrize("name", ["routes", "mount", "entries", "url_for", "state", "hooks", "name", "blueprints"])
def test_names_of_service_attributes_are_reserved(name: str):
    assert declaration_error(create_service, **{name: method}) == (
        f"Service.{name}: TechMicroService itself has an attribute of this name. "
        f"Rename the entry, for example to {name}_."
    )
    assert list_routes(create_service(**{f"{name}_": method})) == {"POST /" + name.replace("_", "/")}


@pytest.mark.parametrize("name", ["token_authorizer", "on_event", "store_response"])
def test_a_method_that_the_service_calls_is_not_an_entry(name: str):
    assert declaration_error(create_service, **{name: method}) == (
        f"Service.{name}: the service itself calls this method, so it is not an entry. Remove @entry."
    )


@pytest.mark.parametrize("name", ["before_request", "errorhandler", "hooks", "app_hooks", "name"])
def test_names_of_blueprint_attributes_are_reserved(name: str):
    pages = type("Pages", (Blueprint,), {name: entry(no_auth=True)(method)})()
    pages.name = "pages"
    assert declaration_error(TechMicroService().register_blueprint, pages) == (
        f"Pages.{name}: Blueprint itself has an attribute of this name. Rename the entry, for example to {name}_."
    )


@pytest.mark.parametrize(
    ("prefix", "path"),
    [
        ("", "/"),
        ("/", "/"),
        ("shop", "/shop"),
        ("/shop", "/shop"),
        ("shop/", "/shop"),
        ("/shop/", "/shop"),
        ("/shop/v1.2", "/shop/v1.2"),
        ("/a-b_c~d", "/a-b_c~d"),
        ("/@me", "/@me"),
    ],
)
def test_outer_slashes_of_a_prefix_are_optional(connect: Connect, prefix: str, path: str):
    class Pages(Blueprint):
        @entry(no_auth=True)
        async def get(self):
            return "page"

    app = TechMicroService()
    app.register_blueprint(Pages(), url_prefix=prefix)
    assert [entry.path for entry in app.entries] == [path]
    assert connect(app).get(path).text == "page"


@pytest.mark.parametrize(
    "prefix", ["/a b", "/{id}", "/a//b", "/a%2Fb", "/a?b", "/a#b", "/é", "/..", "/a/./b", "\n", "/a\\b"]
)
def test_a_prefix_that_is_not_a_static_path_is_a_declaration_error(prefix: str):
    class Pages(Blueprint):
        async def get(self):
            """Not registered."""

    message = declaration_error(TechMicroService().register_blueprint, Pages(), url_prefix=prefix)
    assert message.startswith(
        f"TechMicroService.register_blueprint('pages'): the prefix {prefix!r} is not a static path. "
    )
    assert message.endswith(" Declare path parameters in the entries.")


words = st.text(ascii_letters + digits, min_size=1).filter(lambda word: word not in (*VERBS, HEAD))
underscores = st.integers(0, 3).map("_".__mul__)


@given(st.sampled_from(VERBS), underscores, st.lists(words, min_size=1), underscores)
def test_any_verb_and_words_are_a_method_and_segments(verb: str, lead: str, path: list[str], trail: str):
    assert parse_entry_name(f"{verb}_{lead}{'_'.join(path)}{trail}") == (verb.upper(), "/" + "/".join(path))


@given(underscores, st.lists(words), underscores)
def test_any_words_without_a_verb_are_a_post(lead: str, path: list[str], trail: str):
    assert parse_entry_name(f"{lead}{'_'.join(path)}{trail}") == ("POST", "/" + "/".join(path))


@given(st.text("/" + ascii_letters))
def test_normalizing_a_prefix_twice_changes_nothing(prefix: str):
    try:
        normal = normalize_prefix(prefix)
    except ValueError:
        assert "//" in prefix.strip("/")
        return
    assert normalize_prefix(normal) == normal
    assert normal.strip("/") == prefix.strip("/")
