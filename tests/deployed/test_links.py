"""The sample `links`, deployed behind both gateways, with tokens of its own identity provider."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.deploy.deployed_project import GATEWAYS, Deployment, deploy
from tests.deployed.conftest import CopyProject
from tests.samples.links_service import Provider, run_provider, use_all_entries
from tests.samples.projects import LINKS

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with run_provider() as running:
        yield running


@pytest.fixture(scope="module", params=GATEWAYS)
def links(
    request: pytest.FixtureRequest,
    copy_project: CopyProject,
    provider: Provider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    database = tmp_path_factory.mktemp("links") / "links.db"
    with copy_project(LINKS, "links", app="app", gateway=request.param) as project:
        project.write(".env", f"JWT_ISSUER={provider.issuer}\nDATABASE_URL=sqlite+aiosqlite:///{database}\n")
        yield deploy(project)


def test_a_user_can_use_all_entries(links: Deployment, provider: Provider):
    with httpx2.Client(base_url=links.url, timeout=60) as client:
        use_all_entries(client, provider)


def test_a_page_of_the_allowed_origin_can_read_errors(links: Deployment):
    response = httpx2.get(f"{links.url}/links", headers={"Origin": "http://localhost:3000"})
    assert response.status_code == 401
    assert response.headers["access-control-allow-origin"] == "http://localhost:3000"
