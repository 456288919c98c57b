"""The requests that are measured, and what every app must answer to them and to their wrong neighbours."""

from dataclasses import dataclass

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
TOKEN = "token"


@dataclass(frozen=True)
class Case:
    """One request, and the answer that it must have; an error's body and media type are each app's own."""

    name: str
    method: str
    target: str
    body: bytes = b""
    token: str | None = TOKEN
    status: int = 200
    answer: bytes | None = None
    media_type: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that any client would send with it, but for Host."""
        headers = {} if self.token is None else {"Authorization": self.token}
        if self.body:
            headers |= {"Content-Type": JSON, "Content-Length": str(len(self.body))}
        return headers

    def check(self, app: str, status: int, media_type: str, body: bytes) -> None:
        """Raise an AssertionError that names the app where its answer is not the one that this request must have."""
        wrong = [
            f"{what} {got!r} instead of {wanted!r}"
            for what, got, wanted in (
                ("status", status, self.status),
                ("media type", media_type, self.media_type),
                ("body", body, self.answer),
            )
            if wanted is not None and got != wanted
        ]
        if wrong:
            raise AssertionError(f"{app} answers {self.method} {self.target} ({self.name}) with {', '.join(wrong)}")


ITEM = b'{"name":"pen","price":1.5,"quantity":3}'
MEASURED = (
    Case("hello", "GET", "/", answer=b"Hello world.\n", media_type=TEXT),
    Case(
        "typed",
        "GET",
        "/items/42?q=abc&limit=7",
        answer=b'{"item_id":42,"q":"abc","limit":7}',
        media_type=JSON,
    ),
    Case("json", "POST", "/items", body=ITEM, answer=ITEM, media_type=JSON),
)
REFUSED = (
    Case("no token", "GET", "/", token=None, status=401),
    Case("another token", "GET", "/", token="another", status=403),
    Case("no token", "POST", "/items", body=ITEM, token=None, status=401),
    Case("another token", "GET", "/items/42", token="another", status=403),
    Case("wrong type in the path", "GET", "/items/pen", status=422),
    Case("wrong type in the query", "GET", "/items/42?limit=few", status=422),
    Case("wrong type in the body", "POST", "/items", body=ITEM.replace(b"3", b'"three"'), status=422),
    Case("wrong type in the body", "POST", "/items", body=ITEM.replace(b'"pen"', b"7"), status=422),
    Case("nothing in the body", "POST", "/items", body=b"{}", status=422),
)
