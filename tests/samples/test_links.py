"""The sample `links` with SQLite, over each transport."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from coworks_async import TechMicroService
from tests.cli.processes import run_cws, start_server, until
from tests.clients import Connect, on_a_socket
from tests.samples.links_service import (
    EVENT,
    Headers,
    Provider,
    create_link,
    csv_file,
    list_codes,
    load_service,
    run_provider,
    use_all_entries,
)
from tests.samples.projects import LINKS
from tests.samples.transcripts import check_session
from tests.tools import requires_tool

pytestmark = pytest.mark.end_to_end  # All tests of a large sample, over each transport.

ORIGIN = {"Origin": "http://localhost:3000"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with run_provider() as running:
        yield running


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The path of the test's own database."""
    return tmp_path / "links.db"


@pytest.fixture
def service(provider: Provider, database: Path) -> Iterator[TechMicroService]:
    with load_service(provider, f"sqlite+aiosqlite:///{database}") as loaded:
        yield loaded


@pytest.fixture
def client(connect: Connect, service: TechMicroService) -> httpx2.Client:
    return connect(service)


@pytest.fixture
def ann(provider: Provider) -> Headers:
    return provider.authorize("ann")


@pytest.fixture
def bob(provider: Provider) -> Headers:
    return provider.authorize("bob")


def test_a_user_can_use_all_entries(client: httpx2.Client, provider: Provider):
    use_all_entries(client, provider)


def test_a_created_link_has_a_location_and_a_random_code_if_none_is_passed(client: httpx2.Client, ann: Headers):
    created = client.post("/links", json={"url": "https://example.com"}, headers=ann)
    assert created.status_code == 201
    code = created.json()["code"]
    assert len(code) == 8
    assert created.headers["location"].endswith(f"/links/{code}")
    assert client.get(f"/links/{code}", headers=ann).json() == {"code": code, "url": "https://example.com", "visits": 0}


@pytest.mark.parametrize(
    "body",
    [
        {"url": "javascript:alert(1)"},
        {"url": "https://example.com@evil.example"},
        {"url": "https://example.com", "code": "a/b"},
        {"code": "a"},
    ],
)
def test_an_invalid_link_is_a_422(client: httpx2.Client, ann: Headers, body: dict[str, str]):
    assert client.post("/links", json=body, headers=ann).status_code == 422


@pytest.mark.parametrize("query", [{"seconds": -1}, {"audience": "others"}], ids=["expired", "of another service"])
def test_a_token_that_is_not_valid_is_rejected(client: httpx2.Client, provider: Provider, query: dict[str, Any]):
    assert client.get("/links", headers=provider.authorize(**query)).status_code == 401


def test_scopes_are_required_for_changes_only(client: httpx2.Client, provider: Provider):
    reader = provider.authorize(scope="profile")
    assert client.get("/links", headers=reader).json() == []
    for method, path in (("POST", "/links"), ("DELETE", "/links/a"), ("PUT", "/links/a/logo"), ("POST", "/imports")):
        rejected = client.request(method, path, headers=reader)
        assert (rejected.status_code, rejected.json()["detail"]) == (403, "Missing scope: links:write.")


def test_links_of_other_users_are_a_404(client: httpx2.Client, ann: Headers, bob: Headers):
    create_link(client, ann, "docs")
    for path in ("", "/stats", "/events"):
        assert client.get(f"/links/docs{path}", headers=bob).status_code == 404
    assert client.delete("/links/docs", headers=bob).status_code == 404
    logo = {"logo": ("a.png", b"a", "image/png")}
    assert client.put("/links/docs/logo", files=logo, headers=bob).status_code == 404
    assert client.get("/links", headers=bob).json() == []
    assert client.get("/reports/top", headers=bob).json() == []


def test_links_are_listed_in_pages(client: httpx2.Client, ann: Headers):
    for code in ("c", "a", "b"):
        create_link(client, ann, code)
    pages = [client.get(f"/links?limit=2{after}", headers=ann).json() for after in ("", "&after=b")]
    assert [[link["code"] for link in page] for page in pages] == [["a", "b"], ["c"]]


def test_the_most_visited_links_are_first_in_the_report(client: httpx2.Client, ann: Headers):
    for code in ("a", "b", "c"):
        create_link(client, ann, code)
    client.get("/to/b")
    top = client.get("/reports/top?limit=2", headers=ann).json()
    assert top == [{"code": "b", "visits": 1}, {"code": "a", "visits": 0}]


def test_a_logo_that_is_not_an_image_is_a_415(client: httpx2.Client, ann: Headers):
    create_link(client, ann, "docs")
    page = {"logo": ("a.html", b"<script>", "text/html")}
    assert client.put("/links/docs/logo", files=page, headers=ann).status_code == 415
    assert client.get("/links/docs/logo").status_code == 404


def test_a_deleted_link_leaves_nothing_in_the_database(client: httpx2.Client, ann: Headers, database: Path):
    create_link(client, ann, "docs")
    client.get("/to/docs")
    client.put("/links/docs/logo", files={"logo": ("a.png", b"a", "image/png")}, headers=ann)
    client.delete("/links/docs", headers=ann)
    with sqlite3.connect(database) as connection:
        counts = [connection.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("visits", "logos")]  # noqa: S608
    connection.close()
    assert counts == [(0,), (0,)]


@pytest.mark.parametrize(
    ("lines", "detail"),
    [
        (["code,url", "a"], "Expected `str`, got `null` - at `$[0].url`"),
        (["code,url", "a,ftp://example.com"], "Expected `str` matching regex"),
        (["name,url", "a,https://example.com"], "Object missing required field `code` - at `$[0]`"),
        (["code,url", '"a'], "unexpected end of data"),
        (["code,url", *["a,https://example.com"] * 1001], "Expected `array` of length <= 1000"),
    ],
)
def test_a_file_that_is_no_list_of_links_is_a_422(client: httpx2.Client, ann: Headers, lines: list[str], detail: str):
    rejected = client.post("/imports", files=csv_file(*lines), headers=ann)
    assert rejected.status_code == 422
    assert rejected.json()["detail"].startswith(f"The file is not a CSV file of links: {detail}")


def test_an_import_in_the_background_is_run_once_for_repeated_codes(client: httpx2.Client, ann: Headers):
    file = csv_file("code,url", "a,https://example.com/1", "a,https://example.com/2")
    assert client.post("/imports", files=file, headers=ann | EVENT).status_code == 202
    until(lambda: list_codes(client, ann) == ["a"])
    assert client.get("/links/a", headers=ann).json()["url"] == "https://example.com/2"


def test_events_continue_after_the_last_one_that_was_received(client: httpx2.Client, ann: Headers):
    create_link(client, ann, "docs")
    path = "/links/docs/events?seconds=0"
    assert client.get(path, headers=ann).text == 'data: {"visits":0}\nevent: visits\nid: 0\n\n'
    assert client.get(path, headers=ann | {"Last-Event-ID": "0"}).text == ""
    client.get("/to/docs")
    assert 'data: {"visits":1}' in client.get(path, headers=ann | {"Last-Event-ID": "0"}).text


def test_an_event_is_sent_when_a_visit_is_counted(service: TechMicroService, ann: Headers):
    with on_a_socket(service) as client:
        create_link(client, ann, "docs")
        with client.stream("GET", "/links/docs/events", headers=ann) as response:
            lines = response.iter_lines()
            assert next(lines) == 'data: {"visits":0}'
            threading.Thread(target=client.get, args=["/to/docs"]).start()
            assert next(line for line in lines if line.startswith("data")) == 'data: {"visits":1}'


def test_a_page_of_the_allowed_origin_can_read_responses_and_errors(client: httpx2.Client, ann: Headers):
    for headers, status in ((ann, 200), ({}, 401)):
        response = client.get("/links", headers=ORIGIN | headers)
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == "http://localhost:3000"
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,last-event-id"}
    preflight = client.options("/links", headers=ORIGIN | asked)
    assert preflight.status_code == 204
    assert {"authorization", "last-event-id"} <= set(
        preflight.headers["access-control-allow-headers"].lower().split(", ")
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql+asyncpg://links:s3cr3t@127.0.0.1:1/links", "ConnectionRefusedError: [Errno 111] Connect call"),
        ("links:s3cr3t", "ArgumentError: Could not parse SQLAlchemy URL"),
    ],
)
def test_migrate_reports_an_unusable_database_in_one_line(url: str, reason: str):
    migrated = run_cws("migrate", cwd=LINKS, DATABASE_URL=url)
    assert (migrated.returncode, migrated.stdout) == (1, "")
    assert migrated.stderr.startswith(f"Error: Cannot create the tables. {reason}")
    assert migrated.stderr.endswith(" Check DATABASE_URL.\n")
    assert migrated.stderr.count("\n") == 1
    assert "s3cr3t" not in migrated.stderr


def test_migrate_creates_the_tables_and_prints_the_database(database: Path):
    url = f"sqlite+aiosqlite:///{database}"
    for _ in range(2):
        done = run_cws("migrate", cwd=LINKS, DATABASE_URL=url)
        assert (done.returncode, done.stdout) == (0, f"{url}: links, logos, visits exist.\n"), done.stderr
    with sqlite3.connect(database) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    connection.close()
    assert tables == [("links",), ("logos",), ("visits",)]


@requires_tool("curl")
def test_the_commands_of_the_readme_print_what_it_shows(provider: Provider, database: Path):
    url = f"sqlite+aiosqlite:///{database}"
    with start_server("run", "--port", "0", cwd=LINKS, JWT_ISSUER=provider.issuer, DATABASE_URL=url) as served:
        replacements = {
            "http://127.0.0.1:9000/": provider.issuer,
            "http://127.0.0.1:5000": served.url,
            # The stream would be open for 20 seconds.
            "/events ": "/events?seconds=0 ",
        }
        assert check_session(LINKS / "README.md", "ANN=", replacements) == 8
