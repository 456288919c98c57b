"""`Header` and `Cookie` as declarations: their names, and what cannot be a header or a cookie."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pydantic
import pytest
from msgspec import Meta

from coworks_async import Blueprint, Cookie, DeclarationError, Header, Request, TechMicroService, entry
from tests.entries.services import create_service, declaration_error, list_routes

Value = TypeVar("Value")


@dataclass
class Pen:
    colour: str


class Model(pydantic.BaseModel):
    colour: str


@dataclass
class Marked:
    colour: Annotated[str, Header()]


def alias_of(annotation: Any, name: str = "value") -> str:
    """Return the name that clients use for a parameter."""
    get: Any = eval(f"lambda self, *, {name}=None: None")  # noqa: S307
    get.__annotations__[name] = annotation
    [found] = create_service(get=get).entries
    return found.signature.parameters[0].alias


@pytest.mark.parametrize(
    ("annotation", "alias"),
    [
        (Annotated[str, Header()], "x-request-id"),
        (Annotated[str, Header("X-Request-ID")], "X-Request-ID"),
        (Annotated[str, Meta(max_length=5), Header()], "x-request-id"),
        (Annotated[str, Cookie()], "x_request_id"),
        (Annotated[str, Cookie("__Host-id")], "__Host-id"),
    ],
)
def test_the_default_name_is_that_of_the_parameter_with_dashes_for_a_header(annotation: Any, alias: str):
    assert alias_of(annotation, "x_request_id") == alias


def test_a_marked_parameter_is_never_a_path_segment():
    async def get_items(self, trace: Annotated[str, Header()], number: int, session: Annotated[str, Cookie()]): ...

    async def get_links(self, *, code: str, trace: Annotated[str, Header()]): ...

    app = create_service(get_items=get_items)
    assert list_routes(app) == {"GET /items/{number}"}

    class Links(TechMicroService):
        get_links_ = entry("/links/{code}", no_auth=True)(get_links)

    assert list_routes(Links()) == {"GET /links/{code}"}


def test_a_type_variable_may_be_a_header():
    class Base(TechMicroService, Generic[Value]):
        @entry(no_auth=True)
        async def get(self, x_level: Annotated[Value, Header()]): ...

    class Numbers(Base[int]): ...

    [found] = Numbers().entries
    assert found.signature.parameters[0].annotation is int


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax `type Name = ...`")
def test_a_marker_may_be_in_a_type_alias():
    namespace: dict[str, Any] = {"Annotated": Annotated, "Header": Header}
    exec("type Trace = Annotated[str, Header('x-trace')]", namespace)  # noqa: S102
    assert alias_of(namespace["Trace"]) == "x-trace"


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (
            lambda: Header("two words"),
            "Header('two words'): invalid name. Allowed characters: letters, digits and !#$%&'*+-.^_`|~.",
        ),
        (
            lambda: Cookie("a=b"),
            "Cookie('a=b'): invalid name. Allowed characters: letters, digits and !#$%&'*+-.^_`|~.",
        ),
        (
            lambda: Header(str),  # type: ignore[arg-type]
            "Header(<class 'str'>): invalid name. Allowed characters: letters, digits and !#$%&'*+-.^_`|~.",
        ),
        (lambda: Header("Cookie"), "Header('Cookie') is not allowed. Use Cookie() for each cookie."),
        (
            lambda: Header("InvocationType"),
            "Header('InvocationType') is not allowed. It selects asynchronous calls; entries do not receive it.",
        ),
    ],
)
def test_a_name_that_cannot_be_used_is_an_error(create: Any, message: str):
    with pytest.raises(DeclarationError) as caught:
        create()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("annotation", "name", "message"),
    [
        (
            Annotated[str, Header()],
            "größe",
            "is marked Header(), but 'größe' is not allowed. Give a name: Header(\"...\").",
        ),
        (
            Annotated[str, Cookie()],
            "größe",
            "is marked Cookie(), but 'größe' is not allowed. Give a name: Cookie(\"...\").",
        ),
        (
            Annotated[str, Header()],
            "cookie",
            "is marked Header(), but 'cookie' is not allowed. Give a name: Header(\"...\").",
        ),
        (Annotated[str, Header], "value", "is annotated with Header. Write Header()."),
        (Annotated[str, Cookie], "value", "is annotated with Cookie. Write Cookie()."),
        (
            Annotated[str, Header(), Cookie("a")],
            "value",
            "is marked Header() and Cookie('a'). Use one parameter for each.",
        ),
        (
            Annotated[Request, Header()],
            "value",
            "is the request, which is always present. Annotate it with plain Request.",
        ),
    ],
)
def test_a_marker_that_cannot_be_used_is_an_error(annotation: Any, name: str, message: str):
    assert declaration_error(alias_of, annotation, name).endswith(f"parameter {name!r} {message}")


@pytest.mark.parametrize("default", [Header(), Header])
def test_a_marker_as_the_default_is_an_error(default: Any):
    async def get(self, trace: str = default): ...

    message = "parameter 'trace' has the default Header(). Write Header() in the annotation: Annotated[str, Header()]."
    assert message in declaration_error(create_service, get=get)


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[str, Header()] | None,
        list[Annotated[str, Cookie()]],
        list[Annotated[str, Header]],
        Marked,
    ],
)
def test_a_marker_inside_an_annotation_is_an_error(annotation: Any):
    message = declaration_error(alias_of, annotation)
    assert "Header() and Cookie() must mark the whole annotation: Annotated[str | None, Header()]" in message


LIST = "it takes a type that one string converts to, or a list of such a type"
ONE = "it takes a type of one string"


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Annotated[Pen, Header()], f"a header cannot hold Pen; {LIST}"),
        (Annotated[Model | None, Header()], f"a header cannot hold Model | None; {LIST}"),
        (Annotated[bytes, Header()], f"a header cannot hold bytes; {LIST}"),
        (Annotated[dict[str, str], Header()], f"a header cannot hold dict[str, str]; {LIST}"),
        (Annotated[list[list[int]], Header()], f"a header cannot hold list[list[int]]; {LIST}"),
        (Annotated[list[Pen], Header()], f"a header cannot hold list[Pen]; {LIST}"),
        (Annotated[list[str], Cookie()], f"a cookie cannot hold list[str]; {ONE}"),
        (Annotated[Pen, Cookie()], f"a cookie cannot hold Pen; {ONE}"),
    ],
)
def test_a_type_that_no_header_or_cookie_can_hold_is_an_error(annotation: Any, message: str):
    error = declaration_error(alias_of, annotation)
    assert error.endswith(f"cannot convert parameter 'value': {message}. Change its annotation.")


def test_rest_and_extra_parameters_cannot_be_headers():
    async def get(self, *names: Annotated[str, Header()]): ...

    async def get_extra(self, **names: Annotated[str, Cookie()]): ...

    for message in (declaration_error(create_service, get=get), declaration_error(create_service, get=get_extra)):
        assert "parameter 'names' takes several values, so it cannot be marked " in message


def test_a_parameter_of_the_path_cannot_be_a_header():
    class Links(TechMicroService):
        @entry("/links/{code}")
        async def get_links(self, code: Annotated[str, Header()]): ...

    assert declaration_error(Links).endswith(
        "parameter 'code' is a header, but the path '/links/{code}' contains it. Remove it from one of them."
    )


def test_two_parameters_with_one_header_or_cookie_are_an_error():
    async def get(self, one: Annotated[str, Header("X-Id")], two: Annotated[str, Header("x-id")]): ...

    assert "clients know both one and two as 'x-id'. Rename one." in declaration_error(create_service, get=get)

    async def get_cookies(self, one: Annotated[str, Cookie("id")], two: Annotated[str, Cookie("id")]): ...

    assert "clients know both one and two as 'id'" in declaration_error(create_service, get=get_cookies)


def test_a_header_a_cookie_and_a_query_name_may_be_the_same():
    async def get(
        self, id: str = "", one: Annotated[str, Header("id")] = "", two: Annotated[str, Cookie("id")] = ""
    ): ...

    [found] = create_service(get=get).entries
    assert [parameter.alias for parameter in found.signature.parameters] == ["id", "id", "id"]


@pytest.mark.parametrize("key", ["Authorization", "X-Api-Key"])
def test_the_header_of_the_token_is_an_error_also_in_a_blueprint(key: str):
    class Items(Blueprint):
        @entry
        async def get(self, token: Annotated[str, Header(key.lower())]): ...

    class Service(TechMicroService):
        token_key = key

    assert declaration_error(Service().register_blueprint, Items()).endswith(
        f"parameter 'token' is {key.lower()}, the header of the token, which only token_authorizer receives. Return a "
        "mapping from it and use request.auth. With no_auth=True, use request.headers."
    )


def test_markers_are_values():
    assert Header("a") == Header("a") != Header("b")
    assert {Cookie(), Cookie()} == {Cookie()}
    assert msgspec.structs.asdict(Header("a")) == {"name": "a"}
