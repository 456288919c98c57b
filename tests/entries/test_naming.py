"""The name is the route."""

from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coworks_async import Blueprint, TechMicroService, entry
from coworks_async.entries.naming import HEAD, VERBS, normalize_prefix, route_from_name
from tests.clients import Connect
from tests.differences import differs
from tests.entries.building import refusal, routes, service_of


async def answer(self):
    return "here"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_alone_is_the_root(connect: Connect, verb: str):
    client = connect(service_of(**{verb: answer}))
    response = client.request(verb.upper(), "/")
    assert (response.status_code, response.text) == (200, "here")


@pytest.mark.parametrize("verb", VERBS)
def test_what_follows_the_verb_is_the_path(connect: Connect, verb: str):
    client = connect(service_of(**{f"{verb}_content_of_today": answer}))
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
def test_leading_and_trailing_underscores_only_tell_names_apart(name: str, route: str):
    assert routes(service_of(**{name: answer})) == {route}


@differs("rest-no-such-route")
def test_a_name_without_a_verb_is_a_post(connect: Connect):
    client = connect(service_of(checkout_basket=answer))
    assert client.post("/checkout/basket").text == "here"
    refused = client.get("/checkout/basket")
    assert (refused.status_code, refused.headers["allow"]) == (405, "OPTIONS, POST")


def test_one_path_answers_several_methods_by_names_apart(connect: Connect):
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


def test_a_name_that_is_not_ascii_is_a_path_like_any_other(connect: Connect):
    client = connect(service_of(get_café=answer))
    assert client.get("/café").text == "here"
    assert client.get("/caf%C3%A9").text == "here"


@pytest.mark.parametrize(("name", "remedy"), [("head", "get"), ("head_", "get_"), ("head_content", "get_content")])
def test_an_entry_for_head_is_refused_with_its_get(name: str, remedy: str):
    assert refusal(service_of, **{name: answer}) == f"Service.{name}: HEAD is made from GET; rename it to {remedy}."


def test_an_undecorated_head_is_refused_as_well():
    class Service(TechMicroService):
        async def head(self):
            """Would answer HEAD /."""

    assert "Service.head: HEAD is made from GET; rename it to get." in refusal(Service)


def test_an_empty_segment_in_a_name_is_refused():
    assert refusal(service_of, get_a__b=answer) == (
        "Service.get_a__b: two underscores inside a name make an empty path segment; keep one."
    )


@pytest.mark.parametrize(
    "name", ["routes", "mount", "entries", "url_for", "state", "hooks", "name", "token_authorizer"]
)
def test_a_name_of_the_service_itself_is_reserved(name: str):
    assert refusal(service_of, **{name: answer}) == (
        f"Service.{name} hides TechMicroService.{name}; rename the entry, for instance to {name}_."
    )
    assert routes(service_of(**{f"{name}_": answer})) == {"POST /" + name.replace("_", "/")}


@pytest.mark.parametrize("name", ["before_request", "errorhandler", "hooks", "app_hooks", "name"])
def test_a_name_of_the_blueprint_itself_is_reserved(name: str):
    pages = type("Pages", (Blueprint,), {name: entry(no_auth=True)(answer)})()
    pages.name = "pages"
    assert refusal(TechMicroService().register_blueprint, pages) == (
        f"Pages.{name} hides Blueprint.{name}; rename the entry, for instance to {name}_."
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
def test_a_prefix_has_one_slash_before_it_and_none_behind(connect: Connect, prefix: str, path: str):
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
def test_a_prefix_with_bad_characters_is_refused(prefix: str):
    class Pages(Blueprint):
        async def get(self):
            """Never served."""

    message = refusal(TechMicroService().register_blueprint, Pages(), url_prefix=prefix)
    assert message.startswith(f"TechMicroService.register_blueprint('pages'): the prefix {prefix!r} is no static path:")
    assert message.endswith("take a parameter in the entries instead.")


words = st.text(ascii_letters + digits, min_size=1).filter(lambda word: word not in (*VERBS, HEAD))
underscores = st.integers(0, 3).map("_".__mul__)


@given(st.sampled_from(VERBS), underscores, st.lists(words, min_size=1), underscores)
def test_law_a_verb_and_words_are_a_method_and_segments(verb: str, lead: str, path: list[str], trail: str):
    assert route_from_name(f"{verb}_{lead}{'_'.join(path)}{trail}") == (verb.upper(), "/" + "/".join(path))


@given(underscores, st.lists(words), underscores)
def test_law_words_alone_are_a_post(lead: str, path: list[str], trail: str):
    assert route_from_name(f"{lead}{'_'.join(path)}{trail}") == ("POST", "/" + "/".join(path))


@given(st.text("/" + ascii_letters))
def test_law_a_prefix_is_its_own_normal_form(prefix: str):
    try:
        normal = normalize_prefix(prefix)
    except ValueError:
        assert "//" in prefix.strip("/")
        return
    assert normalize_prefix(normal) == normal
    assert normal.strip("/") == prefix.strip("/")
