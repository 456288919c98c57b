"""`cws deployed` lists a service's stages in an AWS on this machine, whoever deployed them."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.deploying import Project, new_project
from tests.deploy.accounts import create_session, make_function, make_http_api, make_rest_api
from tests.deploy.stacks import Shop, stack
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def shop(tmp_path: Path, toolchain: Toolchain, emulator: str, account: str) -> Project:
    return new_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator, account=account)


@pytest.fixture
def session(shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    return create_session(shop.url, shop.account, monkeypatch, tmp_path)


def test_where_there_is_no_stage_it_says_so(shop: Project):
    assert shop.done("deployed", "--local", shop.url) == f"No stage of {shop.name} is deployed.\n"


def test_each_stage_is_told_with_its_address_and_what_runs_there(shop: Project, session: Any):
    dev, prod, old = (stack(Shop(name=shop.name), stage=stage) for stage in ("dev", "prod", "old"))
    make_function(session, dev)
    make_function(session, old)
    rest, http = make_rest_api(session, dev), make_http_api(session, prod)
    lines = shop.done("deployed", "--local", shop.url).splitlines()
    when = session.client("lambda").get_function_configuration(FunctionName=f"{shop.name}-dev")["LastModified"]
    address = f"{shop.url}/_aws/execute-api"
    assert lines[:4] == [
        "dev",
        f"  {address}/{rest}/dev  (API {rest})",
        f"  {shop.name}-dev, deployed {when}",
        "  archive 0f3a",
    ]
    assert lines[4:6] == ["old", "  no API"]
    assert lines[-3:] == ["prod", f"  {address}/{http}/prod  (API {http})", "  no function"]


def test_in_aws_the_addresses_are_those_of_its_region(shop: Project, session: Any):
    api = make_rest_api(session, stack(Shop(name=shop.name)))
    told = shop.done("deployed", "--region", "eu-west-1", AWS_ENDPOINT_URL=shop.url, AWS_SECRET_ACCESS_KEY="test")
    assert f"  https://{api}.execute-api.eu-west-1.amazonaws.com/dev  (API {api})\n" in told


def test_without_an_emulator_it_is_one_line(shop: Project):
    ended = shop.cws("deployed", "--local", "http://127.0.0.1:9")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: No AWS emulator answers at http://127.0.0.1:9 (")
