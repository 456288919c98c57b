"""`cws deployed` lists a service's stages in an emulator, whoever deployed them."""

from pathlib import Path

import pytest

from tests.deploy.accounts import create_session, make_function, make_http_api, make_rest_api
from tests.deploy.deployed_project import Project, create_project
from tests.deploy.stacks import Shop, stack
from tests.deploy.toolchain import Toolchain


@pytest.fixture
def shop(tmp_path: Path, toolchain: Toolchain, emulator: str, account: str) -> Project:
    return create_project(tmp_path / "shop", f"shop-{account}", toolchain, emulator, account=account)


def test_each_stage_is_listed_with_its_urls_function_and_archive(
    shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    session = create_session(shop.url, shop.account, monkeypatch, tmp_path)
    dev, prod, old = (stack(Shop(name=shop.name), stage=stage) for stage in ("dev", "prod", "old"))
    make_function(session, dev)
    make_function(session, old)
    rest, http = make_rest_api(session, dev), make_http_api(session, prod)
    lines = shop.run("deployed", "--local", shop.url).splitlines()
    modified = session.client("lambda").get_function_configuration(FunctionName=f"{shop.name}-dev")["LastModified"]
    base_url = f"{shop.url}/_aws/execute-api"
    assert lines[:4] == [
        "dev",
        f"  {base_url}/{rest}/dev  (API {rest})",
        f"  {shop.name}-dev, deployed {modified}",
        "  archive 0f3a",
    ]
    assert lines[4:6] == ["old", "  no API"]
    assert lines[-3:] == ["prod", f"  {base_url}/{http}/prod  (API {http})", "  no function"]
    in_aws = shop.run("deployed", "--region", "eu-west-1", AWS_ENDPOINT_URL=shop.url, AWS_SECRET_ACCESS_KEY="test")
    assert f"  https://{rest}.execute-api.eu-west-1.amazonaws.com/dev  (API {rest})\n" in in_aws


def test_without_an_emulator_the_error_is_one_line(shop: Project):
    completed = shop.cws("deployed", "--local", "http://127.0.0.1:9")
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr.startswith("Error: No AWS emulator responds at http://127.0.0.1:9 (")
