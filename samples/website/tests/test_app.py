"""Tests over ASGI, and as in Lambda behind each kind of gateway; of a REST API below its stage, `/dev`."""

import re

import pytest
from coworks_async.testing import TestClient

from app import Website

PASSWORD = "password for tests"
STAGE = "https://abc.execute-api.eu-west-1.amazonaws.com/dev"

TRANSPORTS = {
    "asgi": (None, "https://testserver"),
    "rest": ("rest", STAGE),
    "http": ("http", "https://testserver"),
    "http-stage": ("http-stage", STAGE),
    "alb": ("alb", "https://testserver"),
    "url": ("url", "https://testserver"),
}


@pytest.fixture(params=TRANSPORTS.values(), ids=list(TRANSPORTS))
def client(request, monkeypatch):
    monkeypatch.setenv("PASSWORD", PASSWORD)
    via, base_url = request.param
    with TestClient(Website(), via=via, base_url=base_url) as client:
        yield client


def log_in(client, password=PASSWORD, **options):
    return client.post("/login", data={"name": "ann", "password": password}, **options)


def test_every_link_leads_to_a_page(client):
    log_in(client)
    links = re.findall('href="(.*?)"', client.get("/").text)
    assert len(links) == 3
    for link in links:
        assert client.get(link, follow_redirects=False).status_code == 200, link


def test_the_login_opens_the_account(client):
    response = log_in(client)
    assert (response.status_code, response.url.path.removeprefix("/dev")) == (200, "/account")
    assert "Account of ann" in response.text
    assert "Welcome, ann" in client.get("/").text


@pytest.mark.parametrize("data", [{"name": "ann", "password": "guess"}, {"name": "bob", "password": PASSWORD}])
def test_a_wrong_name_or_password_shows_the_form_again(client, data):
    response = client.post("/login", data=data)
    assert (response.status_code, "set-cookie" in response.headers) == (403, False)
    assert "The name or the password is wrong." in response.text
    assert f'value="{data["name"]}"' in response.text


def test_nobody_can_log_in_without_a_password_in_the_environment(client, monkeypatch):
    monkeypatch.delenv("PASSWORD")
    assert log_in(client, password="").status_code == 403


def test_an_empty_secret_is_an_error(monkeypatch):
    monkeypatch.setenv("SESSION_SECRET", "")
    with pytest.raises(ValueError, match="SESSION_SECRET is empty"):
        Website()


def test_the_account_requires_a_login(client):
    response = client.get("/account")
    assert (response.status_code, response.url.path.removeprefix("/dev")) == (200, "/login")


def test_a_logout_ends_the_session(client):
    log_in(client)
    client.post("/logout")
    assert client.get("/account").url.path.endswith("/login")


def test_the_cookie_is_for_this_site_over_https_and_not_for_scripts(client):
    cookie = log_in(client, follow_redirects=False).headers["set-cookie"]
    assert {"httponly", "samesite=lax", "secure", "Max-Age=28800"} <= set(cookie.split("; "))


def test_a_changed_cookie_is_ignored(client):
    client.cookies.set("session", "eyJ1c2VyIjogImFubiJ9.aaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert client.get("/account").url.path.endswith("/login")


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_form_of_another_site_is_rejected(client, origin):
    assert log_in(client, headers={"Origin": origin}).status_code == 403
    assert client.post("/logout", headers={"Origin": origin}).status_code == 403


def test_a_form_of_this_site_is_accepted(client):
    origin = f"https://{client.base_url.host}"
    assert log_in(client, headers={"Origin": origin}).status_code == 200


def test_input_is_escaped(client):
    response = client.post("/login", data={"name": '"><script>', "password": "guess"})
    assert "&lt;script&gt;" in response.text
    assert "<script>" not in response.text


def test_pages_are_not_cached_or_framed_and_static_files_are_served(client):
    page = client.get("/login")
    assert page.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    style = client.get("/static/style.css")
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert client.get("/static/../app.py").status_code == 404
