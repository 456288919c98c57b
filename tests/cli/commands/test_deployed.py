"""`cws deployed` lists a service's stages in an emulator, whoever deployed them."""

import json
from pathlib import Path
from typing import Any

import pytest

from coworks_async.deploy.aws.versions import roll_back
from tests.deploy.accounts import create_session, create_tags, make_function, make_http_api, make_rest_api
from tests.deploy.deployed_project import Project
from tests.deploy.stacks import Shop, stack


@pytest.fixture
def gateway() -> str:
    return "rest"


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


def make_versions(session: Any, function: str) -> list[str]:
    """Publish two versions, make the second one live for a quarter of the requests, and return their dates."""
    client = session.client("lambda")
    commit = "4b1c2d3e5f60718293a4b5c6d7e8f90123456789"
    first = client.publish_version(FunctionName=function)
    client.update_function_configuration(FunctionName=function, MemorySize=256)
    second = client.publish_version(FunctionName=function, Description=f"archive={'0f3a' * 16} commit={commit}-dirty")
    weights = {"AdditionalVersionWeights": {"2": 0.25}}
    client.create_alias(FunctionName=function, Name="live", FunctionVersion="1", RoutingConfig=weights)
    return [second["LastModified"], first["LastModified"]]


def test_the_versions_of_a_stage_are_listed_with_their_traffic(
    shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    session = create_session(shop.url, shop.account, monkeypatch, tmp_path)
    dev = stack(Shop(name=shop.name))
    make_function(session, dev)
    second, first = make_versions(session, dev.function_name)
    lines = shop.run("deployed", "--local", shop.url).splitlines()
    assert lines[-3:] == [
        f"  version 2       25 %  {second}  archive 0f3a0f3a0f3a  commit 4b1c2d3e5f60-dirty",
        f"  version 1       75 %  {first}",
        "  a canary of version 2 is under way, or was interrupted",
    ]


def test_a_version_that_was_taken_back_is_marked(shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    session = create_session(shop.url, shop.account, monkeypatch, tmp_path)
    dev = stack(Shop(name=shop.name))
    make_function(session, dev)
    make_versions(session, dev.function_name)
    roll_back(session, dev.function_name)
    second, first = shop.run("deployed", "--local", shop.url).splitlines()[-2:]
    assert second.startswith("  version 2        0 %")
    assert second.endswith("  commit 4b1c2d3e5f60-dirty  taken back")
    assert first.startswith("  version 1      100 %")
    assert "taken back" not in first
    [stage] = json.loads(shop.run("deployed", "--json", "--local", shop.url))
    assert [version["taken_back"] for version in stage["versions"]] == [True, False]


def test_the_url_of_a_function_is_listed(shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    session = create_session(shop.url, shop.account, monkeypatch, tmp_path)
    dev, client = stack(Shop(name=shop.name)), session.client("lambda")
    make_function(session, dev)
    client.create_alias(FunctionName=dev.function_name, Name="live", FunctionVersion="$LATEST")
    created = client.create_function_url_config(FunctionName=dev.function_name, Qualifier="live", AuthType="NONE")
    url = created["FunctionUrl"].removesuffix("/")
    assert f"  {url}  (function URL)\n  {dev.function_name}, " in shop.run("deployed", "--local", shop.url)
    [listed] = json.loads(shop.run("deployed", "--json", "--local", shop.url))
    assert listed["function_url"] == url


def test_the_time_after_which_a_stage_expires_is_beside_its_name(
    shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    session, dev = create_session(shop.url, shop.account, monkeypatch, tmp_path), stack(Shop(name=shop.name))
    make_function(session, dev, create_tags(dev) | {"coworks:expires": "2026-11-28T21:00:00Z"})
    assert shop.run("deployed", "--local", shop.url).startswith("dev, expires 2026-11-28T21:00:00Z\n")


def test_stages_are_printed_as_json(shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert json.loads(shop.run("deployed", "--json", "--local", shop.url)) == []
    session = create_session(shop.url, shop.account, monkeypatch, tmp_path)
    dev, prod = (stack(Shop(name=shop.name), stage=stage) for stage in ("dev", "prod"))
    make_function(session, dev, create_tags(dev) | {"coworks:expires": "2026-11-28T21:00:00Z"})
    second, first = make_versions(session, dev.function_name)
    api = make_http_api(session, prod)
    modified = session.client("lambda").get_function_configuration(FunctionName=dev.function_name)["LastModified"]
    commit = "4b1c2d3e5f60718293a4b5c6d7e8f90123456789-dirty"
    assert json.loads(shop.run("deployed", "--json", "--local", shop.url)) == [
        {
            "stage": "dev",
            "apis": [],
            "function": dev.function_name,
            "function_url": None,
            "deployed": modified,
            "archive": "0f3a",
            "expires": "2026-11-28T21:00:00Z",
            "canary": 2,
            "versions": [
                {
                    "version": 2,
                    "traffic": 25.0,
                    "taken_back": False,
                    "published": second,
                    "archive": "0f3a" * 16,
                    "commit": commit,
                },
                {
                    "version": 1,
                    "traffic": 75.0,
                    "taken_back": False,
                    "published": first,
                    "archive": None,
                    "commit": None,
                },
            ],
        },
        {
            "stage": "prod",
            "apis": [{"id": api, "url": f"{shop.url}/_aws/execute-api/{api}/prod"}],
            "function": None,
            "function_url": None,
            "deployed": None,
            "archive": None,
            "expires": None,
            "canary": None,
            "versions": [],
        },
    ]


def test_without_an_emulator_the_error_is_one_line(shop: Project):
    completed = shop.cws("deployed", "--local", "http://127.0.0.1:9")
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr.startswith("Error: No AWS emulator responds at http://127.0.0.1:9 (")
