"""`@entry` and its options."""

import functools
import operator
from typing import Any

import pytest

from coworks_async import Blueprint, TechMicroService, entry
from tests.clients import Connect
from tests.entries.building import refusal


def test_the_decorator_is_used_bare_or_with_options(connect: Connect):
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


def test_a_decorated_method_stays_a_plain_method():
    class Service(TechMicroService):
        @entry
        def get(self, name="world"):
            """Greet."""
            return f"Hello {name}."

    assert Service().get("you") == "Hello you."
    assert Service.get.__doc__ == "Greet."


def test_no_auth_is_off_by_default_and_seen_in_the_entries():
    class Service(TechMicroService):
        @entry
        async def get(self):
            """Closed."""

        @entry(no_auth=True, no_cors=False, background=True)
        async def post(self):
            """Open."""

    closed, opened = Service().entries
    assert (closed.no_auth, closed.no_cors, closed.background) == (False, True, False)
    assert (opened.no_auth, opened.no_cors, opened.background) == (True, False, True)


def test_an_entry_exists_on_its_stage_alone(connect: Connect, monkeypatch: pytest.MonkeyPatch):
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


def test_two_entries_on_one_route_may_live_on_different_stages(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    class Service(TechMicroService):
        @entry(no_auth=True, stage="dev")
        async def get_item(self):
            return "of dev"

        @entry(no_auth=True, stage=["v1", "v2"])
        async def get_item_(self):
            return "of the others"

    assert connect(Service()).get("/item").text == "of dev"
    monkeypatch.setenv("CWS_STAGE", "v2")
    assert connect(Service()).get("/item").text == "of the others"


def test_the_stage_limits_the_entries_of_a_blueprint_too(connect: Connect, monkeypatch: pytest.MonkeyPatch):
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


def test_an_entry_of_another_stage_is_checked_as_well():
    class Service(TechMicroService):
        @entry(stage="v1")
        async def get(self, first: "Missing" = None):  # type: ignore[name-defined] # noqa: F821
            """Is not there on dev."""

    assert "Service.get" in refusal(Service)


def test_binary_headers_are_set_on_the_answer(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True, binary_headers={"Content-Type": "image/png", "X-Size": "1x1"})
        async def get(self):
            return b"png"

    response = connect(Service()).get("/")
    assert response.headers["content-type"] == "image/png"
    assert response.headers["x-size"] == "1x1"
    assert response.content == b"png"


@pytest.mark.parametrize("option", ["no_auth", "no_cors", "background"])
@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_a_flag_takes_true_or_false(option: str, value: Any):
    assert refusal(entry, **{option: value}) == f"@entry({option}=...) takes True or False, not {value!r}."


@pytest.mark.parametrize("stage", ["", [], [""], ["dev", None], 5, b"dev"])
def test_a_stage_is_a_name_or_several(stage: Any):
    assert refusal(entry, stage=stage) == f"@entry(stage=...) takes the name of a stage or several, not {stage!r}."


def test_headers_are_a_mapping():
    assert refusal(entry, binary_headers=[("a", "b")]) == (
        "@entry(binary_headers=...) maps names to values; it is no mapping, but [('a', 'b')]."
    )


@pytest.mark.parametrize("name", ["", "a b", "a:", "é", "a\r\nb", 5])
def test_the_name_of_a_header_is_a_name(name: Any):
    assert refusal(entry, binary_headers={name: "x"}) == f"@entry(binary_headers=...): {name!r} is no name of a header."


@pytest.mark.parametrize("value", ["a\nb", "a\0", "\u2603", 5, None])
def test_the_value_of_a_header_is_one_line(value: Any):
    assert refusal(entry, binary_headers={"X-A": value}) == (
        f"@entry(binary_headers=...): X-A has {value!r}, which is no line of latin-1."
    )


def test_an_unknown_option_is_pythons_own_error():
    with pytest.raises(TypeError, match="noauth"):
        entry(noauth=True)  # type: ignore[call-overload]


class Callable:
    def __call__(self, service: object) -> str:
        return "called"


@pytest.mark.parametrize(
    ("decorated", "kind"),
    [
        (staticmethod(lambda: None), "a staticmethod"),
        (classmethod(lambda cls: None), "a classmethod"),
        (property(lambda self: None), "a property"),
        (True, "True, which is no method"),
        ("get", "'get', which is no method"),
        (len, "<built-in function len>, which is no method"),
        (operator.itemgetter(0), "operator.itemgetter(0), which is no method"),
    ],
)
def test_what_is_no_method_cannot_be_decorated(decorated: Any, kind: str):
    message = refusal(entry, decorated)
    assert message.startswith(f"@entry stands on {kind}; it takes a plain method: ")
    assert message.endswith("give its options by name, as in @entry(no_auth=True).")


@pytest.mark.parametrize("decorated", [Callable(), Callable, functools.partial(print), Callable().__call__])
def test_an_object_that_can_be_called_is_no_method_either(decorated: Any):
    assert "which is no method" in refusal(entry, decorated)


@pytest.mark.parametrize("hide", [staticmethod, classmethod, property, functools.cached_property])
def test_an_entry_that_another_decorator_hides_is_refused(hide: Any):
    def build():
        service = {"get_item": hide(entry(lambda self: "item"))}
        return type("Service", (TechMicroService,), service)()

    assert refusal(build) == (
        f"Service.get_item is a {hide.__name__}, which cannot be an entry; make it a plain method, or rename it."
    )


def test_one_function_cannot_be_two_entries_with_options_of_their_own():
    async def get(self):
        """Would be open under both names."""

    closed = entry(get)
    assert entry(closed) is closed
    message = refusal(entry(no_auth=True), closed)
    assert message.endswith(".get is an entry with other options already; write a second one.")


def test_one_entry_may_have_two_names(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get_item(self):
            return "item"

        get_article = get_item

    client = connect(Service())
    assert client.get("/item").text == client.get("/article").text == "item"
