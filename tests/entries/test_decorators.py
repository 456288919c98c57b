"""`@entry` and its options."""

import functools
import operator
from typing import Any

import pytest
from starlette.requests import Request

from coworks_async import Blueprint, DeclarationError, Problem, TechMicroService, entry
from tests.clients import Connect
from tests.entries.services import declaration_error


def test_entry_works_with_and_without_parentheses(connect: Connect):
    class Service(TechMicroService):
        async def token_authorizer(self, token):
            return token == "token"

        @entry
        async def get_bare(self):
            return "bare"

        @entry()
        async def get_called(self):
            return "called"

        @entry(no_auth=True)
        async def get_open(self):
            return "open"

    client = connect(Service())
    assert client.get("/bare").status_code == 401
    assert client.get("/called").status_code == 401
    assert client.get("/open").text == "open"
    assert client.get("/bare", headers={"Authorization": "token"}).text == "bare"
    assert client.get("/called", headers={"Authorization": "token"}).text == "called"


def test_a_decorated_method_can_be_called_directly():
    class Service(TechMicroService):
        @entry
        def get(self, name="world"):
            """Greet."""
            return f"Hello {name}."

    assert Service().get("you") == "Hello you."
    assert Service.get.__doc__ == "Greet."


def test_options_are_attributes_of_the_entry():
    class Service(TechMicroService):
        @entry
        async def get(self):
            """The default options."""

        @entry(no_auth=True, no_cors=False, background=True)
        async def post(self):
            """All flags set."""

    closed, opened = Service().entries
    assert (closed.no_auth, closed.no_cors, closed.background) == (False, True, False)
    assert (opened.no_auth, opened.no_cors, opened.background) == (True, False, True)


def test_stage_limits_the_stages_on_which_an_entry_exists(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "everywhere"

        @entry(no_auth=True, stage="v1")
        async def get_v1(self):
            return "v1"

        @entry(no_auth=True, stage=("dev", "v1"))
        async def get_both(self):
            return "both"

    client = connect(Service())
    assert [client.get(path).status_code for path in ("/", "/v1", "/both")] == [200, 404, 200]
    monkeypatch.setenv("CWS_STAGE", "v1")
    client = connect(Service())
    assert [client.get(path).status_code for path in ("/", "/v1", "/both")] == [200, 200, 200]
    monkeypatch.setenv("CWS_STAGE", "v2")
    client = connect(Service())
    assert [client.get(path).status_code for path in ("/", "/v1", "/both")] == [200, 404, 404]


def test_two_entries_may_share_a_route_on_different_stages(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    class Service(TechMicroService):
        @entry(no_auth=True, stage="dev")
        async def get_item(self):
            return "on dev"

        @entry(no_auth=True, stage=["v1", "v2"])
        async def get_item_(self):
            return "on the others"

    assert connect(Service()).get("/item").text == "on dev"
    monkeypatch.setenv("CWS_STAGE", "v2")
    assert connect(Service()).get("/item").text == "on the others"


def test_stage_limits_the_entries_of_a_blueprint(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    class Pages(Blueprint):
        @entry(no_auth=True, stage="v1")
        async def get(self):
            return "page"

    def app():
        app = TechMicroService()
        app.register_blueprint(Pages(), url_prefix="/pages")
        return app

    assert connect(app()).get("/pages").status_code == 404
    monkeypatch.setenv("CWS_STAGE", "v1")
    assert connect(app()).get("/pages").text == "page"


def test_an_entry_of_another_stage_is_checked():
    class Service(TechMicroService):
        @entry(stage="v1")
        async def get(self, first: "Missing" = None):  # type: ignore[name-defined] # noqa: F821
            """Does not exist on dev."""

    assert "Service.get" in declaration_error(Service)


def test_binary_headers_are_set_on_the_response(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True, binary_headers={"Content-Type": "image/png", "X-Size": "1x1"})
        async def get(self):
            return b"png"

    response = connect(Service()).get("/")
    assert response.headers["content-type"] == "image/png"
    assert response.headers["x-size"] == "1x1"
    assert response.content == b"png"


@pytest.mark.parametrize("value", ["", "v", "a b", "a\tb"])
def test_a_header_value_that_entry_accepts_is_sent(connect: Connect, value: str):
    class Service(TechMicroService):
        @entry(no_auth=True, binary_headers={"X-A": value})
        async def get(self):
            return b""

    response = connect(Service()).get("/")
    assert (response.status_code, response.headers["x-a"]) == (200, value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (option, value)
        for option in ("no_auth", "no_cors", "background", "include_in_schema", "deprecated")
        for value in (None, 1, "yes")
        if (option, value) != ("no_cors", None)
    ],
)
def test_flags_must_be_true_or_false(option: str, value: Any):
    assert declaration_error(entry, **{option: value}) == f"@entry({option}=...) must be True or False, not {value!r}."


@pytest.mark.parametrize("stage", ["", [], [""], ["dev", None], [["dev"]], 5, b"dev"])
def test_stage_must_be_a_name_or_several(stage: Any):
    assert declaration_error(entry, stage=stage) == f"@entry(stage=...) must be a stage name or several, not {stage!r}."


def test_binary_headers_must_be_a_mapping():
    assert declaration_error(entry, binary_headers=[("a", "b")]) == (
        "@entry(binary_headers=...) must map header names to values, not [('a', 'b')]."
    )


@pytest.mark.parametrize("name", ["", "a b", "a:", "é", "a\r\nb", 5])
def test_an_invalid_header_name_is_a_declaration_error(name: Any):
    assert declaration_error(entry, binary_headers={name: "x"}) == (
        f"@entry(binary_headers=...): invalid header name {name!r}. "
        "Allowed characters: letters, digits and !#$%&'*+-.^_`|~."
    )


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "Transfer-Encoding"])
def test_a_header_that_depends_on_the_body_is_a_declaration_error(name: str):
    assert declaration_error(entry, binary_headers={name: "5"}) == (
        f"@entry(binary_headers=...): {name} is set automatically. Remove it."
    )


@pytest.mark.parametrize("value", ["a\nb", "a\0", "a\x7f", "\u2603", " a", "a ", "\ta", "a\t", " ", 5, None])
def test_an_invalid_header_value_is_a_declaration_error(value: Any):
    assert declaration_error(entry, binary_headers={"X-A": value}) == (
        f"@entry(binary_headers=...): invalid value of X-A: {value!r}. "
        "A value is one line of Latin-1 text without leading or trailing blanks."
    )


@pytest.mark.parametrize(("name", "near"), [("noauth", "no_auth"), ("stages", "stage"), ("tag", "tags")])
def test_a_misspelt_option_is_a_declaration_error_that_suggests_the_right_one(name: str, near: str):
    assert (
        declaration_error(entry, **{name: True}) == f"@entry({name}=...): there is no such option. Did you mean {near}?"
    )


def test_an_unknown_option_is_a_declaration_error_that_lists_all_options():
    message = declaration_error(entry, wxyz="red")
    assert message.startswith("@entry(wxyz=...): there is no such option. Choose from: background, binary_headers, ")
    assert "no_auth" in message
    assert "unknown" not in message


@pytest.mark.parametrize("tags", ["", [], [""], ["a", None], 5, True])
def test_tags_must_be_names(tags: Any):
    assert declaration_error(entry, tags=tags) == f"@entry(tags=...) must be a tag or several, not {tags!r}."


@pytest.mark.parametrize("responses", [[404], "404", {404}])
def test_responses_must_be_a_mapping(responses: Any):
    assert declaration_error(entry, responses=responses) == (
        f"@entry(responses=...) must map statuses to responses, not {responses!r}."
    )


@pytest.mark.parametrize("status", ["404", 199, 600, None])
def test_the_status_of_a_documented_response_must_be_between_200_and_599(status: Any):
    assert declaration_error(entry, responses={status: "Text."}) == (
        f"@entry(responses=...): the status must be between 200 and 599, not {status!r}."
    )


@pytest.mark.parametrize("response", [{"description": "Text."}, 7, b"text", [], ["Text."], ()])
def test_a_documented_response_must_be_a_description_a_type_or_problems(response: Any):
    assert declaration_error(entry, responses={404: response}) == (
        f"@entry(responses=...): {response!r} under 404 must be a description, a type, a Problem or a list of problems."
    )


@pytest.mark.parametrize("several", [False, True])
def test_a_documented_problem_must_have_the_status_under_which_it_is_listed(several: bool):
    problem = Problem(409, "Already there.")
    assert declaration_error(entry, responses={404: [problem] if several else problem}) == (
        f"@entry(responses=...): {problem!r} is listed under 404. List it under 409."
    )


class Callable:
    def __call__(self, service: object) -> str:
        return "called"


@pytest.mark.parametrize(
    ("decorated", "found"),
    [
        (staticmethod(lambda: None), "a staticmethod"),
        (classmethod(lambda cls: None), "a classmethod"),
        (property(lambda self: None), "a property"),
        (True, "True"),
        (len, "<built-in function len>"),
        (operator.itemgetter(0), "operator.itemgetter(0)"),
    ],
)
def test_only_plain_methods_can_be_decorated(decorated: Any, found: str):
    assert declaration_error(entry, decorated) == (
        f"@entry must decorate a plain method, not {found}. Pass options by name: @entry(no_auth=True)."
    )


@pytest.mark.parametrize("decorated", [Callable(), Callable, functools.partial(print), Callable().__call__])
def test_other_callables_cannot_be_decorated(decorated: Any):
    assert f"must decorate a plain method, not {decorated!r}." in declaration_error(entry, decorated)


@pytest.mark.parametrize("hide", [staticmethod, classmethod, property, functools.cached_property])
def test_an_entry_inside_another_descriptor_is_a_declaration_error(hide: Any):
    def build():
        service = {"get_item": hide(entry(lambda self: "item"))}
        return type("Service", (TechMicroService,), service)()

    assert declaration_error(build) == (
        f"Service.get_item: an entry must be a plain method, not a {hide.__name__}. Change it or rename it."
    )


def test_a_function_cannot_have_two_sets_of_options():
    async def get(self):
        """Has the default options first."""

    closed = entry(get)
    assert entry(closed) is closed
    message = declaration_error(entry(no_auth=True), closed)
    assert message.endswith(".get is already an entry with other options. Write a second method instead.")


def test_an_entry_may_have_two_names(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get_item(self):
            return "item"

        get_article = get_item

    client = connect(Service())
    assert client.get("/item").text == client.get("/article").text == "item"


def test_scopes_are_an_attribute_of_the_entry():
    class Service(TechMicroService):
        @entry
        async def get(self):
            """Requires no scope."""

        @entry(scopes="a")
        async def post(self):
            """Requires one scope."""

        @entry(scopes=["a", "b:c/d"])
        async def put(self):
            """Requires two scopes."""

    assert [set(each.scopes) for each in Service().entries] == [set(), {"a"}, {"a", "b:c/d"}]


@pytest.mark.parametrize("scopes", ["", "a b", 'a"b', "a\\b", "é", [], ["a", ""], ["a", 1], [["a"]], 7])
def test_an_invalid_scope_is_a_declaration_error(scopes: Any):
    with pytest.raises(DeclarationError, match=r"^@entry\(scopes=...\) must be a scope or several, not "):
        entry(scopes=scopes)


def test_an_open_entry_cannot_require_scopes():
    with pytest.raises(DeclarationError, match=r"^@entry\(scopes=...\) requires a token. Remove no_auth=True.$"):
        entry(scopes="a", no_auth=True)


def test_a_smoke_entry_is_an_open_get_that_needs_no_value(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True, smoke=True)
        async def get_health(self, received: Request, deep: bool = False, *, since: int = 0, **more):
            return [deep, since, more, received.method]

    [health] = Service().entries
    assert health.options.smoke
    assert connect(Service()).get("/health").json() == [False, 0, {}, "GET"]


def test_a_smoke_entry_requires_no_token():
    message = declaration_error(lambda: entry(smoke=True))
    assert message == "@entry(smoke=True): a deploy has no token. Add no_auth=True."


@pytest.mark.parametrize(
    ("name", "method", "problem"),
    [
        ("post_health", lambda self: 1, "smoke=True requires a GET entry, not POST."),
        (
            "get_health",
            lambda self, number: 1,
            "smoke=True allows no required parameter or path parameter, such as 'number'. ",
        ),
        (
            "get_health",
            lambda self, *path: 1,
            "smoke=True allows no required parameter or path parameter, such as 'path'. ",
        ),
        (
            "get_health",
            lambda self, *, since: 1,
            "smoke=True allows no required parameter or path parameter, such as 'since'. ",
        ),
    ],
)
def test_a_smoke_entry_that_a_deploy_cannot_call_is_a_declaration_error(name: str, method: Any, problem: str):
    service = type("Service", (TechMicroService,), {name: entry(no_auth=True, smoke=True)(method)})
    assert declaration_error(service).startswith(f"Service.{name}: {problem}")
