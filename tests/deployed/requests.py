"""The requests to the deployed service, by group of the contract as in the table of `make parity`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

TOKEN = {"Authorization": "token"}
JSON = {**TOKEN, "Content-Type": "application/json"}
ORIGIN = {"Origin": "https://elsewhere.example"}
FORM = {**TOKEN, "Content-Type": "application/x-www-form-urlencoded"}

REST, HTTP = "rest", "http"


@dataclass(frozen=True)
class Request:
    """One request, to which every deployment responds as the service in process does.

    Attributes:
        group: the test file of its rule.
        repeated: additional headers, whose names may repeat.
        differs: gateways with a different response (see `docs/concepts/gateway-differences.md`), and its status.
        emulated: gateways with a different response only in the emulator, and its status.
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
        """Return the status behind a gateway with a different response, else None."""
        return self.differs.get(gateway) or self.emulated.get(gateway)

    @property
    def name(self) -> str:
        token = self.headers.get("Authorization")
        return f"{self.method} {self.path}" + ("" if token == "token" else f" {token or 'without token'}")


MULTIPART = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nAda\r\n--x--\r\n'

REQUESTS = (
    Request("entries/test_discovery_names", "GET", "/"),
    Request("entries/test_discovery_names", "GET", "/sync"),
    Request("entries/test_discovery_names", "GET", "/only/prod"),
    Request("entries/test_route_table", "GET", "/items/all"),
    Request("entries/test_route_table", "GET", "/items/5"),
    Request("entries/test_route_table", "GET", "/items/5/"),
    Request("entries/test_route_table", "HEAD", "/items/5"),
    Request("entries/test_route_table", "HEAD", "/items/5", {}),
    Request("entries/test_route_table", "GET", "/files"),
    Request("entries/test_route_table", "GET", "/files/a/b%20c/d"),
    Request("entries/test_route_table", "GET", "/files/a%2Fb"),
    Request("entries/test_converters", "GET", "/days/2026-11-24/12345678-1234-5678-1234-567812345678?flag=yes&kind=b"),
    Request("entries/test_converters", "GET", "/days/2026-11-24/no-key?flag=maybe&kind=c"),
    Request("entries/test_converters", "GET", "/items/five"),
    Request(
        "entries/test_signature_structured", "POST", "/items", JSON, b'{"name": "pen", "price": "1.50", "tags": ["a"]}'
    ),
    Request("entries/test_signature_structured", "POST", "/items", JSON, b'{"name": "pen", "nope": 1}'),
    Request("entries/test_blueprints", "GET", "/shop"),
    Request("entries/test_blueprints", "GET", "/shop/open/pen", {}),
    Request("pipeline/test_query", "GET", "/search?q=a+b&tags=x&tags=y&page[number]=3&other=1&other=2"),
    Request("pipeline/test_query", "GET", "/search?q=%C3%A9t%C3%A9&empty="),
    Request("pipeline/test_query", "GET", "/search?q=a%2Fb%26c%3Dd%2B1"),
    Request("pipeline/test_query", "GET", "/items/5?nope=1"),
    Request("pipeline/binding/test_bodies", "PUT", "/items/5/text?upper=1", JSON),
    Request("pipeline/binding/test_bodies", "PUT", "/items/5/text", JSON, b'{"upper": true}'),
    Request("pipeline/binding/test_bodies", "PATCH", "/items/5", JSON, b'{"value": "7"}'),
    Request("pipeline/binding/test_bodies", "PATCH", "/items/5", JSON, b"{}"),
    Request("pipeline/binding/test_bodies", "PATCH", "/items/5?value=1", JSON, b'{"value": 2}'),
    Request("pipeline/binding/test_bodies", "DELETE", "/items/5", JSON, b'{"reason": "old"}'),
    Request(
        "pipeline/binding/test_headers",
        "GET",
        "/visitor",
        {**TOKEN, "Cookie": "theme=dark; session=s", "X-Level": "7"},
        repeated=(("X-Tags", "a"), ("X-Tags", "b")),
    ),
    Request("pipeline/binding/test_headers", "GET", "/visitor", {**TOKEN, "X-Level": "high"}),
    Request("pipeline/test_body", "PATCH", "/items/5", JSON, b"{"),
    Request("pipeline/test_body", "PATCH", "/items/5", {**TOKEN, "Content-Type": "image/png"}, b"{}"),
    Request("pipeline/test_body", "POST", "/echo", {**TOKEN, "Content-Type": "image/png"}, bytes(range(256))),
    Request("pipeline/test_body", "POST", "/echo", {**TOKEN, "Content-Type": "text/plain"}, "été ☃".encode()),
    Request("pipeline/test_forms", "POST", "/form", FORM, b"name=Ada+L&count=2"),
    Request(
        "pipeline/test_forms", "POST", "/form", {**TOKEN, "Content-Type": "multipart/form-data; boundary=x"}, MULTIPART
    ),
    Request("pipeline/test_responses", "GET", "/png"),
    Request("pipeline/test_responses", "GET", "/bytes"),
    Request("pipeline/test_responses", "GET", "/nothing"),
    Request("pipeline/test_responses", "GET", "/nan"),
    Request("pipeline/test_responses_tuples", "GET", "/teapot"),
    Request("pipeline/test_responses_tuples", "GET", "/cookies"),
    Request("pipeline/test_responses_tuples", "GET", "/moved"),
    Request("pipeline/test_streaming", "GET", "/stream"),
    Request("pipeline/test_request", "GET", "/auth"),
    Request(
        "pipeline/test_request",
        "GET",
        "/headers",
        repeated=(("X-Many", "a"), ("X-Many", "b")),
        differs={HTTP: 200},
        emulated={REST: 200},
    ),
    Request("pipeline/test_urls", "GET", "/self"),
    Request("pipeline/test_errors", "GET", "/broken"),
    Request("pipeline/test_problems", "GET", "/conflict"),
    Request("pipeline/test_authorizer", "GET", "/", {}, differs={HTTP: 401}),
    Request("pipeline/test_authorizer", "GET", "/", {"Authorization": "any"}, differs={HTTP: 403}),
    Request("pipeline/test_authorizer", "GET", "/auth", {"Authorization": "ada"}),
    Request("pipeline/test_authorizer", "GET", "/", {"Authorization": "stage-dev"}),
    Request("pipeline/test_authorizer", "GET", "/", {"Authorization": "stage-prod"}, differs={HTTP: 403}),
    Request("pipeline/test_authorizer", "GET", "/open?text=in", {}),
    Request("pipeline/test_authorizer_rule", "GET", "/", {"Authorization": "boom"}, differs={HTTP: 500}),
    Request(
        *("pipeline/test_authorizer_rejections", "GET", "/"),
        {"Authorization": "expired"},
        differs={REST: 401, HTTP: 403},
    ),
    Request("pipeline/test_scopes", "GET", "/scoped", {"Authorization": "reader"}),
    Request("pipeline/test_scopes", "GET", "/scoped", {"Authorization": "writer"}),
    Request("pipeline/test_routing", "GET", "/nowhere"),
    Request("pipeline/test_routing", "PUT", "/search", JSON, differs={REST: 404}),
    Request("pipeline/test_routing", "OPTIONS", "/items/5", {}, emulated={HTTP: 403}),
    Request("pipeline/test_cors", "GET", "/shared", {**TOKEN, **ORIGIN}),
    Request("pipeline/test_cors", "GET", "/shared", ORIGIN),
    Request("pipeline/test_cors", "GET", "/shared", {**ORIGIN, "Authorization": "any"}),
    Request(
        "pipeline/test_cors",
        "OPTIONS",
        "/shared",
        {**ORIGIN, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"},
        emulated={HTTP: 403},
    ),
    Request("pipeline/test_fallback", "GET", "/plain", {}),
    Request("pipeline/test_fallback_mounts", "GET", "/mounted/inner/x", {}),
    Request("pipeline/test_fallback_mounts", "GET", "/mounted/", {}),
    Request("pipeline/test_limits", "POST", "/echo", {**TOKEN, "Content-Type": "image/png"}, b"x" * 500_000),
)
