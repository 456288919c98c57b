"""The sample `links` with PostgreSQL, whose tables `cws migrate` creates."""

import re
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from tests.cli.processes import run_cws
from tests.clients import TRANSPORTS
from tests.samples.links_service import Provider, load_service, run_provider, use_all_entries
from tests.samples.postgresql import PASSWORD, PostgreSQL, run_postgresql
from tests.samples.projects import LINKS
from tests.tools import PATIENCE, find_tool, requires_tool

pytestmark = requires_tool("initdb", "pg_ctl", "psql")


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


def test_migrate_reports_a_database_that_rejects_it_in_one_line(server: PostgreSQL):
    url = server.create_database()
    for wrong, reason in [
        (url.replace(PASSWORD, "0th3r"), 'password authentication failed for user "links"'),
        (f"{url}_absent", f'database "{url.rpartition("/")[2]}_absent" does not exist'),
    ]:
        migrated = run_cws("migrate", cwd=LINKS, DATABASE_URL=wrong)
        assert (migrated.returncode, migrated.stdout) == (1, "")
        assert migrated.stderr.startswith("Error: Cannot create the tables. DBAPIError: ")
        assert migrated.stderr.endswith(f") {reason}. Check DATABASE_URL.\n")
        assert migrated.stderr.count("\n") == 1


def test_the_role_and_database_of_the_readme_can_be_migrated(server: PostgreSQL):
    [command] = re.findall(r"^\$ sudo -u postgres (psql .*)$", (LINKS / "README.md").read_text(), re.MULTILINE)
    # The test's server already has the role.
    command = re.sub(r"\blinks\b", "ann", command)
    administrator = server.create_database().replace("+asyncpg", "")
    subprocess.run(
        [find_tool("psql"), administrator, *shlex.split(command)[1:]], check=True, capture_output=True, timeout=PATIENCE
    )
    url = f"postgresql+asyncpg://ann:s3cr3t@127.0.0.1:{server.port}/ann"
    migrated = run_cws("migrate", cwd=LINKS, DATABASE_URL=url)
    assert (migrated.returncode, migrated.stderr) == (0, "")


def test_the_tables_are_not_created_without_migrate(server: PostgreSQL, provider: Provider):
    with load_service(provider, server.create_database()) as service, TRANSPORTS["asgi"](service) as client:
        assert client.get("/links", headers=provider.authorize()).status_code == 500
