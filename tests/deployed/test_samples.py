"""The samples `website` and `assistant`, deployed."""

import httpx2
import pytest

from tests.deploy.deployed_project import GATEWAYS, deploy
from tests.deployed.conftest import CopyProject
from tests.environments import ROOT

pytestmark = [pytest.mark.end_to_end, pytest.mark.exhaustive, pytest.mark.parametrize("gateway", GATEWAYS)]

SAMPLES = ROOT / "samples"


def test_a_user_logs_in_to_the_website(copy_project: CopyProject, gateway: str):
    with copy_project(SAMPLES / "website", "website", app="app", gateway=gateway) as project:
        url = deploy(project).url
        form = {"name": "ann", "password": "password"}
        rejected = httpx2.post(f"{url}/login", data=form, headers={"Origin": "https://evil.example"}, timeout=60)
        assert rejected.status_code == 403
        login = httpx2.post(f"{url}/login", data=form, timeout=60)
        # The emulator's events do not contain the stage, so the location and the links are not below it.
        assert (login.status_code, login.headers["location"].rpartition("/")[2]) == (303, "account")
        # Sent by hand, because the cookie is secure and the emulator has no HTTPS.
        cookie = {"Cookie": login.headers["set-cookie"].partition(";")[0]}
        page = httpx2.get(f"{url}/account", headers=cookie, timeout=60)
        assert (page.status_code, "Account of ann" in page.text) == (200, True)
        assert httpx2.get(f"{url}/static/style.css", timeout=60).headers["content-type"] == "text/css; charset=utf-8"


def test_the_assistant_answers(copy_project: CopyProject, gateway: str):
    with copy_project(SAMPLES / "assistant", "assistant", app="app", gateway=gateway) as project:
        url = deploy(project).url
        assert httpx2.get(f"{url}/static/page.js", timeout=60).status_code == 200
        answer = httpx2.post(f"{url}/answers", json={"prompt": "Hello"}, headers={"Authorization": "token"}, timeout=60)
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.text.endswith('data: {"tokens":9}\nevent: done\n\n')
