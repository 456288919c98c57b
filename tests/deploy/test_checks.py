"""A stack that exceeds API Gateway's quotas, or variables that Lambda rejects, are errors before a build."""

import re
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

from coworks_async import Blueprint, TechMicroService, entry
from coworks_async.deploy import checks
from coworks_async.deploy.aws.signing_key import create_signing_key
from coworks_async.deploy.checks import RESERVED_NAMES, check_quotas, check_timeout_margin, check_variables
from coworks_async.exceptions import CommandError
from coworks_async.gateway.routes import GatewayKind
from tests.deploy.stacks import Shop, service_with_entries, stack

KINDS: tuple[GatewayKind, ...] = ("rest", "http")


def check(app: TechMicroService, **options: Any) -> None:
    check_quotas(stack(app, **options), app.entries)


def check_error(app: TechMicroService, **options: Any) -> str:
    with pytest.raises(CommandError) as caught:
        check(app, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


class Deep(TechMicroService):
    @entry
    async def get_a_b_c_d_e_f_g_h(self):
        return "eight"


class TooDeep(Deep):
    @entry
    async def get_a_b_c_d_e_f_g(self, h, i):
        return "nine"

    @entry
    async def put_a_b_c_d_e_f_g_h(self, *rest):
        return "eight and the rest"


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_that_fits_passes(kind: GatewayKind):
    check(Shop(), gateway=kind)


def test_a_rest_api_path_of_nine_segments_is_rejected_with_its_entries():
    check(Deep())
    message = check_error(TooDeep())
    assert "get_a_b_c_d_e_f_g (/a/b/c/d/e/f/g/{h}/{i})" in message
    assert "put_a_b_c_d_e_f_g_h (/a/b/c/d/e/f/g/h/{rest:path})" in message
    assert "get_a_b_c_d_e_f_g_h" not in message
    assert "--gateway http" in message


def test_an_http_api_accepts_paths_of_any_depth():
    check(TooDeep(), gateway="http")


def test_a_mount_that_is_too_deep_is_named_by_its_path():
    app = Shop()
    app.mount("/1/2/3/4/5/6/7/8", Starlette())
    assert "/1/2/3/4/5/6/7/8/{proxy+}" in check_error(app)


def test_a_blueprints_entry_is_named_with_its_blueprint():
    class Nested(Blueprint):
        @entry
        async def get_e_f_g_h_i(self):
            return "nine"

    app = Shop()
    app.register_blueprint(Nested(), "/a/b/c/d")
    assert "nested.get_e_f_g_h_i (/a/b/c/d/e/f/g/h/i)" in check_error(app)


def test_too_many_resources_of_a_rest_api_are_rejected_with_their_main_prefixes(monkeypatch: pytest.MonkeyPatch):
    class Crowd(Blueprint):
        @entry
        async def get_one(self, a):
            return a

        @entry
        async def get_two(self, b):
            return b

    app = Shop()
    app.register_blueprint(Crowd(), "/crowd")
    # The root, /items, its parameter, /crowd, and four below it.
    monkeypatch.setattr(checks, "DEFAULT_QUOTA", 8)
    check(app)
    monkeypatch.setattr(checks, "DEFAULT_QUOTA", 7)
    message = check_error(app)
    assert "8 resources" in message
    assert "/crowd (2), /items (1)" in message


def test_the_default_quota_is_300(monkeypatch: pytest.MonkeyPatch):
    check(service_with_entries(299))
    assert "301 resources" in check_error(service_with_entries(300))
    monkeypatch.setattr(checks, "DEFAULT_QUOTA", 301)
    check(service_with_entries(300))


def test_too_many_routes_of_an_http_api_are_rejected():
    check(service_with_entries(299), gateway="http")
    assert "301 routes" in check_error(service_with_entries(300), gateway="http")


def test_a_rest_api_without_an_entry_is_rejected():
    class Empty(TechMicroService):
        pass

    assert "'empty' has no entry" in check_error(Empty())
    check(Empty(), gateway="http")


def test_a_path_too_long_for_the_authorizer_is_rejected():
    names = {f"get_{'a' * length}": entry(_endpoint()) for length in (1400, 1600)}
    app: TechMicroService = type("Long", (TechMicroService,), names)()
    message = check_error(app)
    assert "a" * 1600 in message
    assert f"get_{'a' * 1400} " not in message


def _endpoint():
    async def endpoint(self: object):
        return "long"

    return endpoint


class Awkward(TechMicroService):
    """Paths that API Gateway would reject as they are."""

    @entry
    async def get_items(self, id):
        return id

    @entry
    async def get_items_parts(self, name, part):
        return name

    @entry
    async def put_items(self, key, *path):
        return key

    @entry
    async def delete_items(self, *path):
        return "gone"

    @entry
    async def get_été(self, proxy, a, b):
        return "summer"


@pytest.mark.parametrize("kind", KINDS)
def test_routes_follow_the_rules_of_api_gateway(kind: GatewayKind):
    app = Awkward()
    app.mount("/items/{other}/static", Starlette())
    app.add_route("/a b/{x}-{y}/{z:path}/end", lambda request: PlainTextResponse("x"))
    paths = {route.path for route in stack(app, gateway=kind).gateway.routes if route.path != "$default"}
    shapes: dict[str, set[str]] = {}
    for parts in (path.strip("/").split("/") for path in paths if path != "/"):
        assert not any(part.endswith("+}") for part in parts[:-1]), parts
        assert all(re.fullmatch(r"[A-Za-z0-9._:-]+|\{[A-Za-z0-9_]+\+?\}", part) for part in parts), parts
        for number, part in enumerate(parts):
            if part.startswith("{"):
                shapes.setdefault("/".join(parts[:number]), set()).add(part)
    assert len(paths) > 10
    assert [names for names in shapes.values() if len(names) > 1] == []
    check(app, gateway=kind)


# Environment variables.


@pytest.mark.parametrize(("margin", "timeout"), [(None, None), (0.5, None), (0.5, 1), (10, 20)])
def test_a_timeout_over_the_margin_passes(margin: float | None, timeout: int | None):
    check_timeout_margin(margin, stack(timeout=timeout))


@pytest.mark.parametrize(("margin", "timeout", "length"), [(3, None, 3), (4.5, None, 3), (20, 20, 20)])
def test_a_timeout_that_leaves_no_time_before_the_margin_is_rejected(margin: float, timeout: int | None, length: int):
    with pytest.raises(CommandError) as caught:
        check_timeout_margin(margin, stack(timeout=timeout))
    assert str(caught.value) == (
        f"lambda_timeout_margin is {margin:g} seconds, but the function's timeout is {length}, so every event would be "
        "cancelled at once. Use a longer --timeout or a shorter margin."
    )


def check_variables_error(variables: dict[str, str]) -> str:
    with pytest.raises(CommandError) as caught:
        check_variables(variables, stack())
    message = str(caught.value)
    assert not any(value and value in message for value in variables.values()), "the message contains a value"
    return message


def test_valid_variables_pass():
    check_variables({"TOKEN": "token", "aws_region": "x", "AWS_ENDPOINT_URL": "https://x", "TZ": "UTC"}, stack())


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_reserved_variable_is_named(name: str):
    assert f"Lambda reserves {name}." in check_variables_error({"TOKEN": "s3cr3t", name: "s3cr3t"})


def test_the_list_of_callers_that_receive_streams_is_not_a_variable_of_the_user():
    assert check_variables_error({"CWS_STREAM": "url rest"}).startswith("CWS_STREAM is in the environment files, but")


def test_the_wrapper_of_the_native_runtime_is_not_a_variable_of_the_user():
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/monitor"}
    check_variables(variables, stack())
    with pytest.raises(CommandError, match=r"^AWS_LAMBDA_EXEC_WRAPPER is in the environment files, but"):
        check_variables(variables, stack(runtime="native"))


@pytest.mark.parametrize("name", ["A", "1A", "_A", "A-B", "A.B", "É1", "A B", ""])
def test_an_invalid_name_is_named(name: str):
    assert repr(name) in check_variables_error({name: "s3cr3t"})


def test_the_maximum_is_4096_bytes_of_json_with_the_variables_of_the_deploy():
    key = f'"CWS_SIGNING_KEY":"{create_signing_key()}"'
    available = 4096 - len(f'{{"CWS_STAGE":"dev",{key},"TOKEN":""}}')
    check_variables({"TOKEN": "x" * available}, stack())
    message = check_variables_error({"TOKEN": "x" * (available + 1)})
    assert "take 4097 bytes; Lambda's maximum is 4096. The largest are TOKEN." in message


@pytest.mark.parametrize("key", ["", "ssm:/shop/key", "secret:key", "k" * 32])
def test_a_signing_key_may_be_a_reference_or_long(key: str):
    check_variables({"CWS_SIGNING_KEY": key}, stack())


def test_a_short_signing_key_is_rejected():
    message = check_variables_error({"CWS_SIGNING_KEY": "s3cr3t" * 5})
    assert message.startswith("CWS_SIGNING_KEY has 30 characters, and needs at least 32.")


def test_bytes_are_counted_not_characters():
    check_variables({"TOKEN": "é" * 2000}, stack())
    check_variables_error({"TOKEN": "é" * 2100})


def test_the_three_largest_variables_are_named():
    variables = {"SMALL": "!", "ONE": "1" * 1000, "TWO": "2" * 2000, "THREE": "3" * 3000}
    assert "The largest are THREE, TWO, ONE." in check_variables_error(variables)
