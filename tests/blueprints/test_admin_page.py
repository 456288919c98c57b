"""The page's HTML and its parts, before a browser gets them."""

import re
from urllib.parse import urljoin

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient as StarletteTestClient

from coworks_async import TechMicroService
from coworks_async.blueprints import Admin
from coworks_async.blueprints.admin.assets import MEDIA_TYPES, STATIC, Place
from coworks_async.testing import TestClient
from tests.blueprints.administered import Shop
from tests.clients import Connect

HOST = "https://abcdefghij.execute-api.eu-west-1.amazonaws.com"


def parts_of(html: str) -> list[str]:
    return re.findall(r'(?:href|src)="([^"#]+)"', html)


def test_every_part_of_the_page_is_there_for_ever_and_has_its_type(connect: Connect):
    client = connect(Shop())
    parts = parts_of(client.get("/admin").text)
    assert {part.rpartition("/")[2] for part in parts} == {path.name for path in STATIC.iterdir()} - {"index.html"}
    for part in parts:
        answer = client.get(urljoin("/admin", part))
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"].split(";")[0] == MEDIA_TYPES[f".{part.rpartition('.')[2]}"]
        assert answer.content == (STATIC / part.rpartition("/")[2]).read_bytes()


def test_scripts_load_no_part_that_the_page_does_not_announce():
    announced = {path.name for path in STATIC.iterdir()}
    for script in STATIC.glob("*.js"):
        assert set(re.findall(r'from "\./([^"]+)"', script.read_text())) <= announced


@pytest.mark.parametrize("path", ["0123456789abcdef/main.js", "{version}/index.html", "{version}/page.py"])
def test_of_another_version_and_of_other_files_nothing_is_given(path: str):
    client = TestClient(Shop())
    version = parts_of(client.get("/admin").text)[0].split("/")[-2]
    assert client.get(f"/admin/assets/{version}/main.js").status_code == 200
    answer = client.get(f"/admin/assets/{path.format(version=version)}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_no_more_than_the_page_itself_may_run_or_be_asked():
    answer = TestClient(Shop()).get("/admin")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy.pop("img-src") == "'self' http: https:"
    assert policy.pop("default-src") == "'none'"
    assert {policy.pop(name) for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert {policy.pop(name) for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert policy == {}
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<script>|<style|style=| on\w+=", answer.text)


def test_the_first_load_is_small():
    client = TestClient(Shop())
    html = client.get("/admin")
    size = len(html.content) + sum(len(client.get(urljoin("/admin", part)).content) for part in parts_of(html.text))
    assert size < 60_000


@pytest.mark.parametrize("prefix", ["", "/admin", "/deep/inside"])
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("stage", ["", "/dev"])
def test_its_addresses_are_right_behind_a_stage_and_with_a_trailing_slash(prefix: str, slash: str, stage: str):
    app = TechMicroService(name="shop")
    app.register_blueprint(Admin(), url_prefix=prefix)
    client = TestClient(app, via="rest", base_url=HOST + stage) if stage else TestClient(app)
    address = f"{stage}{prefix}{slash}" or "/"
    html = client.get(f"{prefix}{slash}").text
    [base], [root] = re.findall(r'data-base="(.*?)"', html), re.findall(r'data-root="(.*?)"', html)
    assert urljoin(address, base) == f"{stage}{prefix}/"
    assert urljoin(urljoin(address, base), root) == f"{stage}/"
    for part in parts_of(html):
        assert client.get(urljoin(address, part).removeprefix(stage)).status_code == 200


def test_its_addresses_are_right_where_the_service_is_mounted():
    app = Starlette(routes=[Mount("/shops/pen shop", app=Shop())])
    client = StarletteTestClient(app)
    for address in ("/shops/pen%20shop/admin", "/shops/pen%20shop/admin/"):
        for part in parts_of(client.get(address).text):
            assert client.get(urljoin(address, part)).status_code == 200


def test_its_addresses_are_right_behind_a_proxy_that_hides_a_part_of_the_path():
    html = TestClient(Shop()).get("/admin").text
    for part in parts_of(html):
        assert urljoin("/hidden/admin", part).startswith("/hidden/admin/assets/")


def test_a_name_that_urls_do_not_hold_is_written_as_they_do():
    assert Place(path="/a b", root_path="", entry_path="/a b").base == "./a%20b/"
    assert Place(path="/", root_path="/a b", entry_path="/").base == "/a%20b/"


def test_it_names_the_header_that_holds_the_token():
    class Door(TechMicroService):
        token_key = "X-Door"

    app = Door()
    app.register_blueprint(Admin(), url_prefix="/admin")
    assert 'data-token-key="X-Door"' in TestClient(app).get("/admin").text
