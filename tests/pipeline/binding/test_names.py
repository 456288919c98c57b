"""Names for `**kwargs`, and names in brackets."""

from typing import Any

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.http_requests import assert_bound, assert_refused, shown

DUPLICATE = "Given in both the query and the body"


def test_the_other_names_are_bound_to_kwargs(connect: Connect):
    class Rest(TechMicroService):
        @entry(no_auth=True)
        async def get(self, place: str, limit: int = 1, **others):
            return shown(place, limit, others)

        @entry(no_auth=True)
        async def post(self, place: str, limit: int = 1, **others: int):
            return shown(place, limit, others)

    client = connect(Rest())
    assert_bound(client.get("/paris"), "paris", 1, {})
    assert_bound(client.get("/paris?limit=2&a=1&a=2&b c=x&="), "paris", 2, {"a": ["1", "2"], "b c": "x", "": ""})
    assert_bound(client.post("/paris?a=1", json={"b": "2", "limit": 3}), "paris", 3, {"a": 1, "b": 2})
    assert_bound(client.post("/paris", data={"b": "2"}), "paris", 1, {"b": 2})
    assert_refused(
        client.post("/paris?a=x&c=1", json={"b": None, "c": 1}),
        ("query", "c", "int", DUPLICATE),
        ("query", "a", "int", "Expected `int`, got `str`"),
        ("body", "b", "int", "Expected `int`, got `null`"),
    )


def test_kwargs_do_not_accept_the_name_of_another_parameter(connect: Connect):
    class Rest(TechMicroService):
        @entry(no_auth=True)
        async def post(self, place: str, page__number__: int = 1, *tail: str, **others: Any):
            return shown(place, page__number__, tail, others)

    client = connect(Rest())
    reserved = ("nothing", "The name of another parameter")
    for name in ("self", "place", "page__number__", "tail"):
        assert_refused(client.post(f"/paris?{name}=1"), ("query", name, *reserved))
        assert_refused(client.post("/paris", json={name: 1}), ("body", name, *reserved))
    assert_bound(client.post("/paris", json={"others": 1}), "paris", 1, (), {"others": 1})


def test_names_with_brackets_bind_to_names_with_underscores(connect: Connect):
    class Pages(TechMicroService):
        @entry(no_auth=True)
        async def get(self, page__number__: int = 1, page__size__: int = 10, *, sort__by__then__: str = ""):
            return shown(page__number__, page__size__, sort__by__then__)

        post = get

    client = connect(Pages())
    assert_bound(client.get("/?page[number]=2&page%5Bsize%5D=5&sort[by][then]=a"), 2, 5, "a")
    assert_bound(client.post("/", json={"page[number]": "2"}), 2, 10, "")
    assert_bound(client.post("/", data={"page[number]": "2"}), 2, 10, "")
    known = "Unknown name; accepted names: page[number], page[size], sort[by][then]"
    assert_refused(client.get("/?page__number__=2"), ("query", "page__number__", "nothing", known))
    assert_refused(client.get("/?page[number]=x"), ("query", "page[number]", "int", "Expected `int`, got `str`"))


class Filters(TechMicroService):
    @entry(no_auth=True)
    async def get(self, filter__: dict[str, str | list[str]] | None = None, limit: int = 1):
        return shown(filter__, limit)

    @entry(no_auth=True)
    async def post(self, *, filter__: dict[str, int], many__: dict[str, list[int]] | None = None):
        return shown(filter__, many__)


def test_bracketed_names_are_bound_to_a_dict_parameter(connect: Connect):
    client = connect(Filters())
    assert_bound(client.get("/"), None, 1)
    assert_bound(client.get("/?filter[a.b]=1&filter[c]=2&filter[c]=3&limit=4"), {"a.b": "1", "c": ["2", "3"]}, 4)
    assert_bound(client.post("/?filter[a]=1", json={"filter[b]": 2}), {"a": 1, "b": 2}, None)
    assert_bound(
        client.post("/", data={"filter[a]": "1", "many[x]": ["1", "2"], "many[y]": "3"}),
        {"a": 1},
        {"x": [1, 2], "y": [3]},
    )
    assert_bound(client.post("/", json={"filter[a]": "1", "many[x]": ["1"]}), {"a": 1}, {"x": [1]})


def test_bracketed_names_are_validated(connect: Connect):
    client = connect(Filters())
    assert_refused(client.post("/"), ("query", "filter[...]", "dict[str, int]", "Missing"))
    assert_refused(
        client.post("/?filter[a]=x"),
        ("query", "filter", "dict[str, int]", "Expected `int`, got `str` - at `filter[...]`"),
    )
    assert_refused(
        client.post("/?filter[a]=1&filter[a]=2"), ("query", "filter[a]", "dict[str, int]", "Given more than once")
    )
    assert_refused(
        client.post("/?filter[a]=1", json={"filter[a]": 1}), ("query", "filter[a]", "dict[str, int]", DUPLICATE)
    )
    known = "Unknown name; accepted names: limit, filter[...]"
    for name in ("filter", "filter[]", "filter[a][b]", "filter[a", "filter.a", "Filter[a]"):
        assert_refused(client.get("/", params={name: "1"}), ("query", name, "nothing", known))


def test_a_dict_parameter_without_types_receives_strings(connect: Connect):
    class Loose(TechMicroService):
        @entry(no_auth=True)
        async def get(self, filter__: dict[Any, Any] | None = None, other__=None):
            return shown(filter__, other__)

    assert_bound(
        connect(Loose()).get("/?filter[a]=1&filter[b]=2&filter[b]=3&other[x]=4"),
        {"a": "1", "b": ["2", "3"]},
        {"x": "4"},
    )
