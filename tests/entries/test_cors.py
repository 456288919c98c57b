"""`CORS` policies: their values, and which policy an entry has."""

from collections.abc import Callable
from typing import Any

import pytest

from coworks_async import CORS, Blueprint, DeclarationError, TechMicroService, entry
from coworks_async.entries.header_syntax import HEADER_NAME_RULE

SHOP = CORS(origins="https://shop.example", credentials=True)
ADMIN = CORS(origins=["https://admin.example", "http://localhost:3000"])
ANY_ORIGIN = CORS(origins="*", headers="*")


def error_of(**options: Any) -> str:
    with pytest.raises(DeclarationError) as info:
        CORS(**options)
    return str(info.value)


def test_a_policy_has_defaults_for_all_but_the_origins():
    policy = CORS(origins="https://shop.example")
    assert policy.origins == ("https://shop.example",)
    assert (policy.credentials, policy.headers, policy.expose, policy.max_age) == (False, (), (), 600)


def test_policies_with_equal_values_are_equal():
    policy = CORS(origins=["https://a.example", "https://b.example", "https://a.example"], headers=["X-A"])
    same = CORS(origins=("https://a.example", "https://b.example"), headers="X-A")
    assert policy == same
    assert len({policy, same, SHOP}) == 2
    assert policy != "https://a.example"


def test_the_repr_of_a_policy_shows_its_values():
    assert repr(CORS(origins="*", expose="X-Total")) == (
        "CORS(credentials=False, expose=('X-Total',), headers=(), max_age=600, origins=('*',))"
    )


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example",
        "http://shop.example:443",
        "http://localhost:3000",
        "http://127.0.0.1",
        "http://[::1]:8080",
        "https://xn--caf-dma.example",
        "capacitor://localhost",
        "chrome-extension://abcdef",
    ],
)
def test_an_origin_is_scheme_host_and_port(origin: str):
    assert CORS(origins=origin).origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "shop.example",
        "https://shop.example/",
        "https://shop.example'",
        "https://Shop.example",
        "HTTPS://shop.example",
        "https://shop.example:443",
        "http://shop.example:80",
        "https://user@shop.example",
        "https://café.example",
        "https://*.example",
    ],
)
def test_an_origin_that_no_browser_sends_is_a_declaration_error(origin: str):
    assert error_of(origins=["https://shop.example", origin]) == (
        f"CORS(origins=...): {origin!r} is not an origin as browsers send it. Write scheme and host in lower case, a "
        "port only if it is not the default, and no path: 'https://shop.example'."
    )


def test_a_policy_without_origins_is_a_declaration_error():
    assert error_of(origins=[]) == "CORS(origins=...) is empty. List the allowed origins, or use '*' for all."


def test_all_origins_and_some_are_a_declaration_error():
    message = "CORS(origins=...): '*' allows all origins. Remove it, or the others."
    assert error_of(origins=["https://shop.example", "*"]) == message


@pytest.mark.parametrize(("option", "what"), [("origins", "origins"), ("headers", "names"), ("expose", "names")])
def test_a_wildcard_with_credentials_is_a_declaration_error(option: str, what: str):
    options = {"origins": "https://shop.example", option: "*"}
    assert error_of(credentials=True, **options) == (
        f"CORS({option}=..., credentials=True): browsers reject '*' together with credentials. List the {what}."
    )


@pytest.mark.parametrize("option", ["headers", "expose"])
@pytest.mark.parametrize("name", ["", "a b", "é", "a,b"])
def test_an_invalid_header_name_is_a_declaration_error(option: str, name: str):
    message = f"CORS({option}=...): {name!r} is not a valid header name. {HEADER_NAME_RULE}"
    assert error_of(**{"origins": "*", option: ["X-A", name]}) == message


@pytest.mark.parametrize("option", ["origins", "headers", "expose"])
@pytest.mark.parametrize("value", [None, 5, [5], b"*"])
def test_a_list_of_a_policy_is_a_string_or_several(option: str, value: Any):
    message = f"CORS({option}=...) must be a string or several, not {value!r}."
    assert error_of(**{"origins": "*", option: value}) == message


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_credentials_must_be_true_or_false(value: Any):
    assert error_of(origins="*", credentials=value) == f"CORS(credentials=...) must be True or False, not {value!r}."


@pytest.mark.parametrize("value", [None, -1, True, "600", 1.5])
def test_max_age_must_be_a_number_of_seconds(value: Any):
    assert error_of(origins="*", max_age=value) == f"CORS(max_age=...) must be a number of seconds, not {value!r}."


# --- which policy an entry has


class Options:
    """Entries with each option."""

    @entry
    async def get_plain(self):
        """Without an option."""

    @entry(cors=ADMIN)
    async def get_own(self):
        """With a policy."""

    @entry(cors=False)
    async def get_closed(self):
        """Without a policy."""

    @entry(no_cors=True)
    async def get_no_cors(self):
        """In the seed's spelling."""

    @entry(no_cors=False)
    async def get_cors(self):
        """In the seed's spelling."""


def policies(app: TechMicroService) -> dict[str, CORS | None]:
    return {each.endpoint.rpartition(".")[2].removeprefix("get_"): each.cors for each in app.entries}


EXPLICIT = {"own": ADMIN, "closed": None, "no_cors": None}


def test_entries_of_a_class_without_a_policy_are_closed_unless_they_have_one():
    class Service(Options, TechMicroService):
        async def get(self):
            """Undecorated."""

    assert policies(Service()) == {"get": None, "plain": None, "cors": ANY_ORIGIN, **EXPLICIT}


def test_entries_have_the_policy_of_the_service_unless_they_have_another():
    class Service(Options, TechMicroService):
        cors = SHOP

        async def get(self):
            """Undecorated."""

    app = Service()
    assert policies(app) == {"get": SHOP, "plain": SHOP, "cors": SHOP, **EXPLICIT}
    assert {each.endpoint for each in app.entries if each.no_cors} == {"get_closed", "get_no_cors"}


@pytest.mark.parametrize(
    ("of_service", "of_blueprint", "expected", "no_cors_false"),
    [
        (None, None, None, ANY_ORIGIN),
        (SHOP, None, SHOP, SHOP),
        (SHOP, ADMIN, ADMIN, ADMIN),
        (None, ADMIN, ADMIN, ADMIN),
        (SHOP, False, None, ANY_ORIGIN),
        (False, None, None, ANY_ORIGIN),
    ],
)
def test_entries_of_a_blueprint_have_its_policy_or_the_services(
    of_service: Any, of_blueprint: Any, expected: CORS | None, no_cors_false: CORS
):
    class Service(TechMicroService):
        cors = of_service

    class Pages(Options, Blueprint):
        def __init__(self) -> None:
            super().__init__()
            self.cors = of_blueprint

    app = Service()
    app.register_blueprint(Pages())
    assert policies(app) == {"plain": expected, "cors": no_cors_false, **EXPLICIT}


def test_an_entry_without_a_stage_keeps_its_policy_in_an_instance():
    class Service(TechMicroService):
        def __init__(self, origin: str) -> None:
            self.cors = CORS(origins=origin)
            super().__init__()

        async def get(self):
            """Undecorated."""

    assert Service("https://a.example").entries[0].cors == CORS(origins="https://a.example")
    assert Service("https://b.example").entries[0].cors == CORS(origins="https://b.example")


def test_a_policy_that_is_set_after_the_entries_is_a_declaration_error():
    class Late(TechMicroService):
        def __init__(self) -> None:
            super().__init__()
            self.cors = SHOP

    with pytest.raises(DeclarationError) as info:
        Late().build_middleware_stack()
    assert str(info.value) == (
        "Late.cors was set after the entries were created. Set it in the class, or before super().__init__()."
    )


@pytest.mark.parametrize("value", [True, "*", CORS, {"origins": "*"}])
def test_anything_but_a_policy_is_a_declaration_error(value: Any):
    class Service(TechMicroService):
        cors = value

    class Pages(Blueprint):
        cors = value

    expected = f"must be a CORS policy such as CORS(origins=...), or False, not {value!r}."
    declarations: list[tuple[str, Callable[[], object]]] = [
        ("Service.cors", Service),
        ("Pages.cors", lambda: TechMicroService().register_blueprint(Pages())),
        ("@entry(cors=...)", lambda: entry(cors=value)),
    ]
    for where, declare in declarations:
        with pytest.raises(DeclarationError) as info:
            declare()
        assert str(info.value) == f"{where} {expected}"


@pytest.mark.parametrize("no_cors", [True, False])
@pytest.mark.parametrize("cors", [SHOP, False])
def test_cors_and_no_cors_together_are_a_declaration_error(cors: Any, no_cors: bool):
    with pytest.raises(DeclarationError) as info:
        entry(cors=cors, no_cors=no_cors)
    assert str(info.value) == ("@entry(cors=..., no_cors=...): both set the policy for other origins. Remove no_cors.")
