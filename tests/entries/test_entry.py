"""`app.entries`."""

import pytest

from coworks_async import Blueprint, Entry, TechMicroService, entry
from tests.entries.services import list_routes


class Pages(Blueprint):
    @entry(no_auth=True, background=True)
    async def get(self, number: int):
        """A page."""

    @entry(stage="v1")
    async def post(self):
        """Exists only on v1."""


class Service(TechMicroService):
    @entry(no_cors=False)
    async def get_content(self, bucket, *path):
        """Some content."""

    @entry(no_auth=True)
    async def get(self):
        """The root."""


def test_entries_are_listed_in_order_with_blueprints_last():
    app = Service()
    app.register_blueprint(Pages(), url_prefix="/pages")
    listed = [(one.method, one.path, one.endpoint, one.blueprint, one.no_auth) for one in app.entries]
    assert listed == [
        ("GET", "/content/{bucket}/{path:path}", "get_content", None, False),
        ("GET", "/", "get", None, True),
        ("GET", "/pages/{number}", "pages.get", "pages", True),
    ]
    assert [one.no_cors for one in app.entries] == [False, True, True]
    assert [one.background for one in app.entries] == [False, False, True]


def test_the_function_of_an_entry_is_the_bound_method():
    app, pages = Service(), Pages()
    app.register_blueprint(pages)
    assert [one.function for one in app.entries] == [app.get_content, app.get, pages.get]


def test_an_entry_has_the_parts_of_its_path():
    app = Service()
    app.register_blueprint(Pages(), url_prefix="/pages")
    parts = [(one.template.static_length, one.template.names, one.template.rest_name) for one in app.entries]
    assert parts == [(1, ("bucket", "path"), "path"), (0, (), None), (1, ("number",), None)]


def test_str_of_an_entry_is_its_route_and_method():
    app = Service()
    app.register_blueprint(Pages(), url_prefix="/pages")
    assert [str(one) for one in app.entries] == [
        "GET /content/{bucket}/{path:path} (Service.get_content)",
        "GET / (Service.get)",
        "GET /pages/{number} (Pages.get in blueprint 'pages')",
    ]


@pytest.mark.parametrize(("stage", "expected"), [("dev", {"GET /{number}"}), ("v1", {"GET /{number}", "POST /"})])
def test_entries_of_other_stages_are_not_listed(monkeypatch: pytest.MonkeyPatch, stage: str, expected: set[str]):
    monkeypatch.setenv("CWS_STAGE", stage)
    app = TechMicroService()
    app.register_blueprint(Pages())
    assert list_routes(app) == expected


def test_an_entry_is_immutable():
    first = Service().entries[0]
    assert type(first) is Entry
    with pytest.raises(AttributeError, match="immutable"):
        first.method = "POST"  # type: ignore[misc]


def test_two_instances_of_a_service_do_not_share_state():
    class Counter(TechMicroService):
        def __init__(self, start: int):
            super().__init__()
            self.start = start

        async def get(self):
            return self.start

    first, second = Counter(1), Counter(2)
    assert first.entries[0].function.__self__ is first  # type: ignore[attr-defined]
    assert second.entries[0].function.__self__ is second  # type: ignore[attr-defined]
