"""Binding of path, query and body to parameters, and its errors."""

from datetime import date
from typing import Any

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.http_requests import assert_bound, assert_refused, shown

SENTINEL = object()
MANY = [1, 2]
NO_NAMES = ("nothing", "Unknown name; no names are accepted")
DUPLICATE = "Given in both the query and the body"


class Search(TechMicroService):
    @entry(no_auth=True)
    async def get(self, place: str, limit: int = 10, *, day: date | None = None, exact: bool = False):
        return shown(place, limit, day, exact)

    @entry(no_auth=True)
    async def post(self, place: str, limit: int = 10, *, day: date, exact: bool = False):
        return shown(place, limit, day, exact)


def test_parameters_without_a_default_come_from_the_path_and_the_others_from_the_query(connect: Connect):
    client = connect(Search())
    assert_bound(client.get("/paris"), "paris", 10, None, False)
    response = client.get("/paris?limit=5&exact=yes&day=2024-02-29")
    assert_bound(response, "paris", 5, date(2024, 2, 29), True)


def test_the_body_and_the_query_fill_the_same_parameters(connect: Connect):
    client = connect(Search())
    values = {"limit": "5", "day": "2024-02-29", "exact": "yes"}
    for response in (
        client.post("/paris", json=values),
        client.post("/paris", data=values),
        client.post("/paris", files=[(name, (None, value)) for name, value in values.items()]),
        client.post("/paris", params=values),
        client.post("/paris", params={"limit": "5"}, json={"day": "2024-02-29", "exact": "yes"}),
        client.post("/paris", params={"exact": "yes"}, data={"limit": "5", "day": "2024-02-29"}),
    ):
        assert_bound(response, "paris", 5, date(2024, 2, 29), True)


def test_a_keyword_only_parameter_without_a_default_is_required(connect: Connect):
    client = connect(Search())
    assert_refused(client.post("/paris", json={}), ("body", "day", "date", "Missing"))
    assert_refused(client.post("/paris", data={"limit": "1"}), ("body", "day", "date", "Missing"))
    assert_refused(client.post("/paris"), ("query", "day", "date", "Missing"))


def test_a_required_parameter_of_a_get_is_missing_in_the_query(connect: Connect):
    class Days(TechMicroService):
        @entry(no_auth=True)
        async def get(self, *, day: date):
            return shown(day)

    client = connect(Days())
    assert_bound(client.get("/?day=2024-02-29"), date(2024, 2, 29))
    assert_refused(client.get("/"), ("query", "day", "date", "Missing"))


def test_a_get_binds_only_from_the_query_and_rejects_a_body(connect: Connect):
    client = connect(Search())
    error = ("body", "", "nothing", "A GET request has no body")
    assert_refused(client.request("GET", "/paris", json={"limit": 5}), error)
    assert_refused(client.request("GET", "/paris?limit=5", content=b"x"), error)
    assert client.request("HEAD", "/paris", json={"limit": 5}).status_code == 422
    assert_bound(client.request("GET", "/paris", content=b""), "paris", 10, None, False)


def test_a_get_with_a_body_lists_all_errors(connect: Connect):
    response = connect(Search()).request("GET", "/paris?limit=x&nope=1", json={})
    assert_refused(
        response,
        ("body", "", "nothing", "A GET request has no body"),
        ("query", "limit", "int", "Expected `int`, got `str`"),
        ("query", "nope", "nothing", "Unknown name; accepted names: limit, day, exact"),
    )


def test_a_get_without_parameters_rejects_all_input(connect: Connect):
    class Plain(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return shown()

    client = connect(Plain())
    assert_bound(client.get("/"))
    assert_refused(client.get("/?a=1"), ("query", "a", *NO_NAMES))
    assert_refused(client.get("/?="), ("query", "", *NO_NAMES))
    assert_refused(client.request("GET", "/", content=b"x"), ("body", "", "nothing", "A GET request has no body"))


def test_every_method_except_get_accepts_a_body(connect: Connect):
    class Verbs(TechMicroService):
        @entry(no_auth=True)
        async def post(self, value: int = 0):
            return shown(value)

        put = patch = delete = options = post

    client = connect(Verbs())
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert_bound(client.request(method, "/", json={"value": "5"}), 5)
        assert_bound(client.request(method, "/", params={"value": "5"}), 5)
        assert_bound(client.request(method, "/"), 0)


def test_a_name_in_both_the_query_and_the_body_is_rejected(connect: Connect):
    client = connect(Search())
    errors = [("query", "limit", "int", DUPLICATE), ("query", "exact", "bool", DUPLICATE)]
    sent = {"limit": 5, "day": "2024-02-29", "exact": True}
    assert_refused(client.post("/paris?limit=5&exact=on", json=sent), *errors)
    assert_refused(client.post("/paris?exact=on&limit=5", data={**sent, "exact": "on"}), *reversed(errors))
    assert_refused(
        client.post("/paris?day=x&nope=1", json={"day": "y", "nope": 1}),
        ("query", "day", "date", DUPLICATE),
        ("query", "nope", "nothing", "Unknown name; accepted names: limit, day, exact"),
        ("body", "nope", "nothing", "Unknown name; accepted names: limit, day, exact"),
    )


def test_unknown_names_are_rejected_in_query_and_body(connect: Connect):
    client = connect(Search())
    unknown = ("nothing", "Unknown name; accepted names: limit, day, exact")
    assert_refused(client.get("/paris?nope=1"), ("query", "nope", *unknown))
    assert_refused(
        client.get("/paris?limit=1&nope=1&nope=2&Limit=1"), ("query", "nope", *unknown), ("query", "Limit", *unknown)
    )
    for response in (
        client.post("/paris", json={"day": "2024-02-29", "nope": None}),
        client.post("/paris", data={"day": "2024-02-29", "nope": ""}),
        client.post("/paris", files=[("day", (None, "2024-02-29")), ("nope", (None, ""))]),
    ):
        assert_refused(response, ("body", "nope", *unknown))
    assert_refused(client.post("/paris?nope=1", json={"day": "2024-02-29"}), ("query", "nope", *unknown))


def test_the_name_of_a_path_parameter_is_unknown_in_the_query(connect: Connect):
    unknown = ("nothing", "Unknown name; accepted names: limit, day, exact")
    assert_refused(connect(Search()).get("/paris?place=rome"), ("query", "place", *unknown))


def test_one_422_lists_all_errors_in_path_query_and_body(connect: Connect):
    class Shop(TechMicroService):
        @entry(no_auth=True)
        async def post(self, shelf: int, row: bool, *, day: date, limit: int = 1, note: str = ""):
            return shown(shelf, row, day, limit, note)

    response = connect(Shop()).post("/x/y?limit=a&nope=1&note=a&note=b", json={"other": 1})
    known = "Unknown name; accepted names: day, limit, note"
    assert_refused(
        response,
        ("path", "shelf", "int", "Expected `int`, got `str`"),
        ("path", "row", "bool", "Expected `bool`, got `str`"),
        ("body", "day", "date", "Missing"),
        ("query", "limit", "int", "Expected `int`, got `str`"),
        ("query", "note", "str", "Given more than once"),
        ("query", "nope", "nothing", known),
        ("body", "other", "nothing", known),
    )


def test_a_default_is_the_object_of_the_signature(connect: Connect):
    class Defaults(TechMicroService):
        @entry(no_auth=True)
        async def post(self, one: Any = SENTINEL, many: list[int] = MANY, number: int = None):  # type: ignore[assignment]  # noqa: RUF013
            return shown(one is SENTINEL, many is MANY, number)

        get = post

    client = connect(Defaults())
    for response in (client.get("/"), client.post("/"), client.post("/", json={}), client.post("/?number=1")):
        assert_bound(response, True, True, 1 if response.url.query else None)
    assert_bound(client.post("/", json={"number": 1}), True, True, 1)
    assert_bound(client.get("/?many=1&one=1"), False, False, None)


def test_the_rest_of_a_path_is_a_tuple_of_segments(connect: Connect):
    class Files(TechMicroService):
        @entry(no_auth=True)
        async def get(self, drive: str, *numbers: int, limit: int = 1):
            return shown(drive, numbers, limit)

    client = connect(Files())
    assert_bound(client.get("/c"), "c", (), 1)
    assert_bound(client.get("/c/1/02?limit=3"), "c", (1, 2), 3)
    wrong = ("path", "numbers", "int", "Expected `int`, got `str`")
    assert_refused(client.get("/c/1/x/y"), wrong, wrong)


def test_a_positional_only_parameter_is_bound(connect: Connect):
    class Positional(TechMicroService):
        @entry(no_auth=True)
        async def get(self, place: str, limit: int = 1, /, note: str = ""):
            return shown(place, limit, note)

        post = get

    client = connect(Positional())
    assert_bound(client.get("/paris?limit=2&note=x"), "paris", 2, "x")
    assert_bound(client.post("/paris", json={"note": "x"}), "paris", 1, "x")


def test_a_parameter_can_have_any_name(connect: Connect):
    class Names(TechMicroService):
        @entry(no_auth=True)
        async def post(
            self, scope: int = 0, body: int = 0, name: int = 0, type: int = 0, _hidden: int = 0, class_: int = 0
        ):
            return shown(scope, body, name, type, _hidden, class_)

        get = post

    client = connect(Names())
    values = {"scope": 1, "body": 2, "name": 3, "type": 4, "_hidden": 5, "class_": 6}
    assert_bound(client.post("/", json=values), 1, 2, 3, 4, 5, 6)
    assert_bound(client.get("/", params=values), 1, 2, 3, 4, 5, 6)


def test_a_number_that_is_too_long_is_the_same_error_in_fast_and_full_binding(connect: Connect):
    class Numbers(TechMicroService):
        @entry(no_auth=True)
        async def post(self, number: int, value: int = 0):
            return shown(number, value)

        get = post

    client = connect(Numbers())
    wrong = ("path", "number", "int", "Number out of range")
    assert_refused(client.get(f"/{'9' * 5000}"), wrong)
    assert_refused(client.post(f"/{'9' * 5000}", json={"value": 1}), wrong)
