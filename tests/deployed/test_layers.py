"""The sample `layers`, deployed to an emulator that checks the rights of its function."""

import io
import zipfile
from collections.abc import Iterator

import httpx2
import pytest

from tests.deploy.deployed_project import Deployment, deploy
from tests.deployed.conftest import CopyProject
from tests.samples.projects import LAYERS

# Exhaustive: the rights of `async_job` are checked as these are.
pytestmark = [pytest.mark.end_to_end, pytest.mark.exhaustive]

# More than a page of the emulator.
COUNT = 51


@pytest.fixture(scope="module")
def layers(copy_project: CopyProject) -> Iterator[Deployment]:
    with copy_project(LAYERS, "layers", app="app", gateway="rest", checks_rights=True) as project:
        client = project.client("lambda")
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("python/layer.txt", "")
        for name in ("other", *(f"coworks-{number}" for number in range(COUNT))):
            client.publish_layer_version(LayerName=name, Content={"ZipFile": content.getvalue()})
        yield deploy(project)


def test_all_layers_of_the_account_are_listed_with_the_rights_of_the_role(layers: Deployment):
    response = httpx2.get(layers.url, timeout=60)
    assert response.status_code == 200, response.text
    arns = {f"arn:aws:lambda:eu-west-1:000000000000:layer:coworks-{number}:1" for number in range(COUNT)}
    assert {version["arn"] for version in response.json()} == arns


def test_a_browser_gets_a_page(layers: Deployment):
    response = httpx2.get(layers.url, headers={"Accept": "text/html,*/*;q=0.8"}, timeout=60)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text.count("<code>arn:") == COUNT


def test_a_deploy_takes_the_listed_layer(layers: Deployment):
    arn = httpx2.get(layers.url, timeout=60).json()[0]["arn"]
    layers.project.deploy("--layers", arn)
    configuration = layers.project.client("lambda").get_function_configuration(FunctionName="layers-dev")
    assert [layer["Arn"] for layer in configuration["Layers"]] == [arn]
