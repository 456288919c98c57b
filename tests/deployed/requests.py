"""The requests that are sent to the deployed service: by group of the contract, as the table of parity has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

TOKEN = {"Authorization": "token"}
JSON = {**TOKEN, "Content-Type": "application/json"}
ORIGIN = {"Origin": "https://elsewhere.example"}
FORM = {**TOKEN, "Content-Type": "application/x-www-form-urlencoded"}

REST, HTTP = "rest", "http"


@dataclass(frozen=True)
class Sent:
    """One request, which every deployment answers as the service in process does.

    Attributes:
        group: the file of tests that holds the rule.
        repeated: headers besides, whose names may come again.
        differs: the gateways behind which it does not, as `docs/lambda-differences.md` tells, and the status there.
        emulated: the gateways behind which the emulator alone does not, and the status there.
    """

    group: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=lambda: TOKEN)
    body: bytes = b""
    repeated: tuple[tuple[str, str], ...] = ()
    differs: Mapping[str, int] = field(default_factory=dict)
    emulated: Mapping[str, int] = field(default_factory=dict)

    def other_status(self, gateway: str) -> int | None:
        """Return the status behind a gateway whose answer differs, None behind one whose answer does not."""
        return self.differs.get(gateway) or self.emulated.get(gateway)

    @property
    def name(self) -> str:
        token = self.headers.get("Authorization")
        return f"{self.method} {self.path}" + ("" if token == "token" else f" {token or 'without token'}")


MULTIPART = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nAda\r\n--x--\r\n'

SENT = (
    Sent("entries/test_discovery_names", "GET", "/"),
    Sent("entries/test_discovery_names", "GET", "/sync"),
    Sent("entries/test_discovery_names", "GET", "/only/prod"),
    Sent("entries/test_route_table", "GET", "/items/all"),
    Sent("entries/test_route_table", "GET", "/items/5"),
    Sent("entries/test_route_table", "GET", "/items/5/"),
    Sent("entries/test_route_table", "HEAD", "/items/5"),
    Sent("entries/test_route_table", "HEAD", "/items/5", {}),
    Sent("entries/test_route_table", "GET", "/files"),
    Sent("entries/test_route_table", "GET", "/files/a/b%20c/d"),
    Sent("entries/test_route_table", "GET", "/files/a%2Fb"),
    Sent("entries/test_converters", "GET", "/days/2026-11-24/12345678-1234-5678-1234-567812345678?flag=yes&kind=b"),
    Sent("entries/test_converters", "GET", "/days/2026-11-24/no-key?flag=maybe&kind=c"),
    Sent("entries/test_converters", "GET", "/items/five"),
    Sent(
        "entries/test_signature_structured", "POST", "/items", JSON, b'{"name": "pen", "price": "1.50", "tags": ["a"]}'
    ),
    Sent("entries/test_signature_structured", "POST", "/items", JSON, b'{"name": "pen", "nope": 1}'),
    Sent("entries/test_blueprints", "GET", "/shop"),
    Sent("entries/test_blueprints", "GET", "/shop/open/pen", {}),
    Sent("pipeline/test_query", "GET", "/search?q=a+b&tags=x&tags=y&page[number]=3&other=1&other=2"),
    Sent("pipeline/test_query", "GET", "/search?q=%C3%A9t%C3%A9&empty="),
    Sent("pipeline/test_query", "GET", "/search?q=a%2Fb%26c%3Dd%2B1"),
    Sent("pipeline/test_query", "GET", "/items/5?nope=1"),
    Sent("pipeline/test_bind", "PUT", "/items/5/text?upper=1", JSON),
    Sent("pipeline/test_bind", "PUT", "/items/5/text", JSON, b'{"upper": true}'),
    Sent("pipeline/test_bind", "PATCH", "/items/5", JSON, b'{"value": "7"}'),
    Sent("pipeline/test_bind", "PATCH", "/items/5", JSON, b"{}"),
    Sent("pipeline/test_bind", "PATCH", "/items/5?value=1", JSON, b'{"value": 2}'),
    Sent("pipeline/test_bind", "DELETE", "/items/5", JSON, b'{"reason": "old"}'),
    Sent("pipeline/test_body", "PATCH", "/items/5", JSON, b"{"),
    Sent("pipeline/test_body", "PATCH", "/items/5", {**TOKEN, "Content-Type": "image/png"}, b"{}"),
    Sent("pipeline/test_body", "POST", "/echo", {**TOKEN, "Content-Type": "image/png"}, bytes(range(256))),
    Sent("pipeline/test_body", "POST", "/echo", {**TOKEN, "Content-Type": "text/plain"}, "été ☃".encode()),
    Sent("pipeline/test_forms", "POST", "/form", FORM, b"name=Ada+L&count=2"),
    Sent(
        "pipeline/test_forms", "POST", "/form", {**TOKEN, "Content-Type": "multipart/form-data; boundary=x"}, MULTIPART
    ),
    Sent("pipeline/test_respond", "GET", "/png"),
    Sent("pipeline/test_respond", "GET", "/bytes"),
    Sent("pipeline/test_respond", "GET", "/nothing"),
    Sent("pipeline/test_respond", "GET", "/nan"),
    Sent("pipeline/test_respond_told", "GET", "/teapot"),
    Sent("pipeline/test_respond_told", "GET", "/cookies"),
    Sent("pipeline/test_respond_told", "GET", "/moved"),
    Sent("pipeline/test_streaming", "GET", "/stream"),
    Sent("pipeline/test_request", "GET", "/auth"),
    Sent(
        "pipeline/test_request",
        "GET",
        "/headers",
        repeated=(("X-Many", "a"), ("X-Many", "b")),
        differs={HTTP: 200},
        emulated={REST: 200},
    ),
    Sent("pipeline/test_urls", "GET", "/self"),
    Sent("pipeline/test_errors", "GET", "/broken"),
    Sent("pipeline/test_problems", "GET", "/conflict"),
    Sent("pipeline/test_authorizer", "GET", "/", {}, differs={HTTP: 401}),
    Sent("pipeline/test_authorizer", "GET", "/", {"Authorization": "any"}, differs={HTTP: 403}),
    Sent("pipeline/test_authorizer", "GET", "/auth", {"Authorization": "ada"}),
    Sent("pipeline/test_authorizer", "GET", "/", {"Authorization": "stage-dev"}),
    Sent("pipeline/test_authorizer", "GET", "/", {"Authorization": "stage-prod"}, differs={HTTP: 403}),
    Sent("pipeline/test_authorizer", "GET", "/open?text=in", {}),
    Sent("pipeline/test_authorizer_rule", "GET", "/", {"Authorization": "boom"}, differs={HTTP: 500}),
    Sent("pipeline/test_routing", "GET", "/nowhere"),
    Sent("pipeline/test_routing", "PUT", "/search", JSON, differs={REST: 404}),
    Sent("pipeline/test_routing", "OPTIONS", "/items/5", {}, emulated={HTTP: 403}),
    Sent("pipeline/test_cors", "GET", "/shared", {**TOKEN, **ORIGIN}),
    Sent("pipeline/test_cors", "GET", "/shared", ORIGIN, differs={HTTP: 401}),
    Sent("pipeline/test_cors", "GET", "/shared", {**ORIGIN, "Authorization": "any"}, differs={HTTP: 403}),
    Sent(
        "pipeline/test_cors",
        "OPTIONS",
        "/shared",
        {**ORIGIN, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"},
        emulated={HTTP: 403},
    ),
    Sent("pipeline/test_fallback", "GET", "/plain", {}),
    Sent("pipeline/test_fallback_mounts", "GET", "/mounted/inner/x", {}),
    Sent("pipeline/test_fallback_mounts", "GET", "/mounted/", {}),
    Sent("pipeline/test_limits", "POST", "/echo", {**TOKEN, "Content-Type": "image/png"}, b"x" * 500_000),
)
