"""The page's HTML and its assets, without a browser."""

import re
from urllib.parse import urljoin

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient as StarletteTestClient

from coworks_async import TechMicroService
from coworks_async.blueprints import Admin
from coworks_async.blueprints.admin.assets import MEDIA_TYPES, STATIC, get_base_url
from coworks_async.testing import TestClient
from tests.blueprints.admin_service import Shop
from tests.clients import Connect

HOST = "https://abcdefghij.execute-api.eu-west-1.amazonaws.com"


def find_assets(html: str) -> list[str]:
    return re.findall(r'(?:href|src)="([^"#]+)"', html)


def test_assets_have_a_media_type_and_are_cached_forever(connect: Connect):
    client = connect(Shop())
    assets = find_assets(client.get("/admin").text)
    assert {asset.rpartition("/")[2] for asset in assets} == {path.name for path in STATIC.iterdir()} - {"index.html"}
    for asset in assets:
        response = client.get(urljoin("/admin", asset))
        assert response.status_code == 200
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-type"].split(";")[0] == MEDIA_TYPES[f".{asset.rpartition('.')[2]}"]
        assert response.content == (STATIC / asset.rpartition("/")[2]).read_bytes()


def test_scripts_import_only_modules_that_the_page_preloads():
    preloaded = {path.name for path in STATIC.iterdir()}
    for script in STATIC.glob("*.js"):
        assert set(re.findall(r'from "\./([^"]+)"', script.read_text())) <= preloaded


@pytest.mark.parametrize("path", ["0123456789abcdef/main.js", "{version}/index.html", "{version}/page.py"])
def test_other_versions_and_other_files_are_404(path: str):
    client = TestClient(Shop())
    version = find_assets(client.get("/admin").text)[0].split("/")[-2]
    assert client.get(f"/admin/assets/{version}/main.js").status_code == 200
    response = client.get(f"/admin/assets/{path.format(version=version)}")
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


def test_the_content_security_policy_allows_only_the_pages_own_scripts_and_requests():
    response = TestClient(Shop()).get("/admin")
    policy = dict(part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";"))
    assert policy.pop("img-src") == "'self' http: https:"
    assert policy.pop("default-src") == "'none'"
    assert {policy.pop(name) for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert {policy.pop(name) for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert policy == {}
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<script>|<style|style=| on\w+=", response.text)


def test_the_first_load_is_small():
    client = TestClient(Shop())
    html = client.get("/admin")
    size = len(html.content) + sum(
        len(client.get(urljoin("/admin", asset)).content) for asset in find_assets(html.text)
    )
    assert size < 60_000


@pytest.mark.parametrize("prefix", ["", "/admin", "/deep/inside"])
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("stage", ["", "/dev"])
def test_relative_urls_work_behind_a_stage_and_with_a_trailing_slash(prefix: str, slash: str, stage: str):
    app = TechMicroService(name="shop")
    app.register_blueprint(Admin(), url_prefix=prefix)
    client = TestClient(app, via="rest", base_url=HOST + stage) if stage else TestClient(app)
    address = f"{stage}{prefix}{slash}" or "/"
    html = client.get(f"{prefix}{slash}").text
    [base], [root] = re.findall(r'data-base="(.*?)"', html), re.findall(r'data-root="(.*?)"', html)
    assert urljoin(address, base) == f"{stage}{prefix}/"
    assert urljoin(urljoin(address, base), root) == f"{stage}/"
    for asset in find_assets(html):
        assert client.get(urljoin(address, asset).removeprefix(stage)).status_code == 200


def test_relative_urls_work_where_the_service_is_mounted():
    app = Starlette(routes=[Mount("/shops/pen shop", app=Shop())])
    client = StarletteTestClient(app)
    for address in ("/shops/pen%20shop/admin", "/shops/pen%20shop/admin/"):
        for asset in find_assets(client.get(address).text):
            assert client.get(urljoin(address, asset)).status_code == 200


def test_relative_urls_work_behind_a_proxy_that_hides_a_part_of_the_path():
    html = TestClient(Shop()).get("/admin").text
    for asset in find_assets(html):
        assert urljoin("/hidden/admin", asset).startswith("/hidden/admin/assets/")


def test_urls_are_percent_encoded():
    assert get_base_url(path="/a b", root_path="", entry_path="/a b") == "./a%20b/"
    assert get_base_url(path="/", root_path="/a b", entry_path="/") == "/a%20b/"


def test_the_page_names_the_header_of_the_token():
    class KeyShop(TechMicroService):
        token_key = "X-Shop-Key"

    app = KeyShop()
    app.register_blueprint(Admin(), url_prefix="/admin")
    assert 'data-token-key="X-Shop-Key"' in TestClient(app).get("/admin").text


@pytest.mark.parametrize(("scheme", "attribute"), [(None, ""), ("Bearer", "Bearer")])
def test_the_page_names_the_scheme_of_the_token(scheme: str | None, attribute: str):
    class SchemeShop(TechMicroService):
        auth_scheme = scheme

    app = SchemeShop()
    app.register_blueprint(Admin(), url_prefix="/admin")
    assert f'data-auth-scheme="{attribute}"' in TestClient(app).get("/admin").text
