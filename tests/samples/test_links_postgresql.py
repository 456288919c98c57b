"""The sample `links` with PostgreSQL, whose tables `cws migrate` creates."""

from collections.abc import Iterator

import pytest

from tests.cli.processes import run_cws
from tests.clients import TRANSPORTS
from tests.samples.links_service import Provider, load_service, run_provider, use_all_entries
from tests.samples.postgresql import PASSWORD, PostgreSQL, run_postgresql
from tests.samples.projects import LINKS
from tests.tools import requires_tool

pytestmark = requires_tool("initdb", "pg_ctl")


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with run_provider() as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with run_postgresql() as running:
        yield running


@pytest.mark.parametrize("transport", ["asgi", "uvicorn", "rest"])
def test_a_user_can_use_all_entries(server: PostgreSQL, provider: Provider, transport: str):
    url = server.create_database()
    migrated = run_cws("migrate", cwd=LINKS, DATABASE_URL=url)
    assert (migrated.returncode, PASSWORD in migrated.stdout) == (0, False), migrated.stderr
    assert migrated.stdout == f"{url.replace(PASSWORD, '***')}: links, logos, visits exist.\n"
    with load_service(provider, url) as service, TRANSPORTS[transport](service) as client:
        use_all_entries(client, provider)


def test_the_tables_are_not_created_without_migrate(server: PostgreSQL, provider: Provider):
    with load_service(provider, server.create_database()) as service, TRANSPORTS["asgi"](service) as client:
        assert client.get("/links", headers=provider.authorize()).status_code == 500
