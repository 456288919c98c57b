"""The measured requests, invalid variants of them, and the responses that every app must return."""

from dataclasses import dataclass

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
TOKEN = "token"


@dataclass(frozen=True)
class Case:
    """A request and its expected response.

    Attributes:
        expected_body: expected body, or None if it is not compared (errors differ between the apps).
        media_type: expected media type, or None if it is not compared.
    """

    name: str
    method: str
    target: str
    body: bytes = b""
    token: str | None = TOKEN
    status: int = 200
    expected_body: bytes | None = None
    media_type: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The request headers, without Host."""
        headers = {} if self.token is None else {"Authorization": self.token}
        if self.body:
            headers |= {"Content-Type": JSON, "Content-Length": str(len(self.body))}
        return headers

    def check(self, app: str, status: int, media_type: str, body: bytes) -> None:
        """Raise an AssertionError if the app's response differs from the expected one."""
        wrong = [
            f"{name} {actual!r} instead of {expected!r}"
            for name, actual, expected in (
                ("status", status, self.status),
                ("media type", media_type, self.media_type),
                ("body", body, self.expected_body),
            )
            if expected is not None and actual != expected
        ]
        if wrong:
            request = f"{self.method} {self.target} ({self.name})"
            raise AssertionError(f"{app} responds to {request} with {', '.join(wrong)}")


ITEM = b'{"name":"pen","price":1.5,"quantity":3}'
MEASURED = (
    Case("hello", "GET", "/", expected_body=b"Hello world.\n", media_type=TEXT),
    Case(
        "typed",
        "GET",
        "/items/42?q=abc&limit=7",
        expected_body=b'{"item_id":42,"q":"abc","limit":7}',
        media_type=JSON,
    ),
    Case("json", "POST", "/items", body=ITEM, expected_body=ITEM, media_type=JSON),
)
REJECTED = (
    Case("no token", "GET", "/", token=None, status=401),
    Case("wrong token", "GET", "/", token="another", status=403),
    Case("no token", "POST", "/items", body=ITEM, token=None, status=401),
    Case("wrong token", "GET", "/items/42", token="another", status=403),
    Case("wrong type in the path", "GET", "/items/pen", status=422),
    Case("wrong type in the query", "GET", "/items/42?limit=few", status=422),
    Case("wrong type in the body", "POST", "/items", body=ITEM.replace(b"3", b'"three"'), status=422),
    Case("wrong type in the body", "POST", "/items", body=ITEM.replace(b'"pen"', b"7"), status=422),
    Case("empty object as body", "POST", "/items", body=b"{}", status=422),
)
