"""Strings convert as the description of each document states, in a query, a form and JSON."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from coworks_async import TechMicroService, entry
from coworks_async.openapi import openapi
from tests.clients import Connect

UID = "12345678-1234-5678-1234-567812345678"

# By a phrase of the description: the name of a parameter, a string, and the value it converts to.
CONVERSIONS: dict[str, list[tuple[str, str, Any]]] = {
    "`7` for a number": [("number", "7", 7), ("real", "7", 7.0)],
    "`true`, `1`, `yes`, `on`": [("flag", text, True) for text in ("true", "1", "yes", "on", "YES", "On")],
    "`false`, `0`, `no`, `off`": [("flag", text, False) for text in ("false", "0", "no", "off", "False")],
    "a time without an offset": [
        ("at", "10:00:00", time(10)),
        ("on", "2024-02-29T10:00:00", datetime(2024, 2, 29, 10)),
    ],
    "a duration with a sign or a fraction": [("length", "+P1.5D", timedelta(1.5)), ("length", "-P1D", timedelta(-1))],
    "a UUID without hyphens": [("key", UID.replace("-", ""), UUID(UID))],
    "A single value in a query or a form is accepted for an array": [("numbers", "7", [7])],
}
NAMES = ["number", "real", "flag", "at", "on", "length", "key", "numbers"]
DEFAULTS = {"number": 0, "real": 0, "numbers": ()}


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get(
        self,
        number: int = 0,
        real: float = 0,
        flag: bool | None = None,
        at: time | None = None,
        on: datetime | None = None,
        length: timedelta | None = None,
        key: UUID | None = None,
        numbers: list[int] = (),  # type: ignore[assignment]
    ):
        return repr((number, real, flag, at, on, length, key, numbers))

    post = get


def test_strings_convert_as_described(connect: Connect):
    description = openapi(Service())["info"]["description"]
    client = connect(Service())
    for phrase, conversions in CONVERSIONS.items():
        assert phrase in description
        for name, text, value in conversions:
            expected = repr(tuple((DEFAULTS | {name: value}).get(each) for each in NAMES))
            assert client.get("/", params={name: text}).text == expected
            assert client.post("/", data={name: text}).text == expected
            assert client.post("/", params={name: text}).text == expected
            if name != "numbers":
                assert client.post("/", json={name: text}).text == expected


def test_other_strings_are_rejected(connect: Connect):
    client = connect(Service())
    for text in ("x", "7.0.0", "2", "nan", "yess"):
        for name in ("flag", "length", "key", "at"):
            assert client.post("/", data={name: text}).status_code == 422
