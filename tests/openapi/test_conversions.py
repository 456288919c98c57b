"""What the document's description says that strings convert to is what they convert to, wherever they come from."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from coworks_async import TechMicroService, entry
from coworks_async.openapi import openapi
from tests.clients import Connect

UID = "12345678-1234-5678-1234-567812345678"

# By what the description calls it: the name of a parameter, a string, and what it is taken for.
TOLD: dict[str, list[tuple[str, str, Any]]] = {
    "`7` for a number": [("number", "7", 7), ("real", "7", 7.0)],
    "`true`, `1`, `yes`, `on`": [("flag", text, True) for text in ("true", "1", "yes", "on", "YES", "On")],
    "`false`, `0`, `no`, `off`": [("flag", text, False) for text in ("false", "0", "no", "off", "False")],
    "a time without an offset": [
        ("at", "10:00:00", time(10)),
        ("on", "2024-02-29T10:00:00", datetime(2024, 2, 29, 10)),
    ],
    "a duration with a sign or a fraction": [("length", "+P1.5D", timedelta(1.5)), ("length", "-P1D", timedelta(-1))],
    "a UUID without hyphens": [("key", UID.replace("-", ""), UUID(UID))],
    "One value of a query or a form makes an array of one": [("numbers", "7", [7])],
}


class Taking(TechMicroService):
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


@pytest.mark.parametrize("said", TOLD)
def test_what_the_description_says_is_so(connect: Connect, said: str):
    assert said in openapi(Taking())["info"]["description"]
    client = connect(Taking())
    names = ["number", "real", "flag", "at", "on", "length", "key", "numbers"]
    for name, text, value in TOLD[said]:
        left: dict[str, Any] = {"number": 0, "real": 0, "numbers": ()}
        expected = repr(tuple((left | {name: value}).get(each) for each in names))
        assert client.get("/", params={name: text}).text == expected
        assert client.post("/", data={name: text}).text == expected
        assert client.post("/", params={name: text}).text == expected
        if name != "numbers":
            assert client.post("/", json={name: text}).text == expected


@pytest.mark.parametrize("text", ["x", "7.0.0", "2", "nan", "yess"])
def test_what_it_does_not_say_is_refused(connect: Connect, text: str):
    for name in ("flag", "length", "key", "at"):
        assert connect(Taking()).post("/", data={name: text}).status_code == 422
