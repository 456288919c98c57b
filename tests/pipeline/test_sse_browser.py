"""`EventSource` in a browser: events, their types, and reconnecting with the last identifier."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import pytest
from starlette.responses import HTMLResponse

from coworks_async import Cookie, Header, ServerSentEvent, TechMicroService, entry, sse
from tests.clients import on_a_socket

if TYPE_CHECKING:
    from tests.browser import Browser

PAGE = """<!doctype html>
<title>Prices</title>
<style>li { white-space: pre }</style>
<ul></ul>
<script>
  const source = new EventSource("/prices");
  const show = (text) => {
    const item = document.createElement("li");
    item.textContent = text;
    document.querySelector("ul").append(item);
  };
  source.onmessage = (event) => show(`message ${event.data}`);
  source.addEventListener("price", (event) => {
    show(`price ${JSON.parse(event.data).price} id ${event.lastEventId}`);
    if (event.lastEventId === "4") source.close();
  });
</script>
"""


class Prices(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        response = HTMLResponse(PAGE)
        response.set_cookie("session", "s")
        return response

    @entry(no_auth=True)
    async def get_prices(self, session: Annotated[str, Cookie()], last_event_id: Annotated[int, Header()] = 0):
        return sse(self.prices(session, last_event_id))

    async def prices(self, session: str, last: int):
        """Send two prices. The browser reconnects for the next ones."""
        yield ServerSentEvent(f"session {session}\nafter {last}", retry=10)
        for number in (last + 1, last + 2):
            yield ServerSentEvent({"price": number * 10}, event="price", id=str(number))


@pytest.fixture
def prices() -> Iterator[str]:
    """The URL of the service."""
    with on_a_socket(Prices()) as client:
        yield str(client.base_url).rstrip("/")


def test_event_source_receives_events_and_reconnects_after_the_last_one(browser: "Browser", prices: str):
    browser.open(prices)
    browser.wait_for("li", "id 4")
    assert browser.texts("li") == [
        "message session s\nafter 0",
        "price 10 id 1",
        "price 20 id 2",
        "message session s\nafter 2",
        "price 30 id 3",
        "price 40 id 4",
    ]
