"""What API Gateway cannot hold is refused by the names of the entries."""

import itertools
import re
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

from coworks_async import Blueprint, TechMicroService, entry
from coworks_async.deploy.quotas import QUOTA, check
from coworks_async.exceptions import CommandError
from coworks_async.gateway.routes import GatewayKind
from tests.deploy.stacks import Shop, service, stack

KINDS: tuple[GatewayKind, ...] = ("rest", "http")


def checked(app: TechMicroService, quota: int = QUOTA, **options: Any) -> None:
    check(stack(app, **options), app.entries, quota)


def refusal(app: TechMicroService, quota: int = QUOTA, **options: Any) -> str:
    with pytest.raises(CommandError) as raised:
        checked(app, quota, **options)
    return str(raised.value)


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
    checked(Shop(), gateway=kind)


def test_a_rest_apis_path_of_nine_parts_is_refused_and_names_the_entries():
    checked(Deep())
    told = refusal(TooDeep())
    assert "get_a_b_c_d_e_f_g (/a/b/c/d/e/f/g/{h}/{i})" in told
    assert "put_a_b_c_d_e_f_g_h (/a/b/c/d/e/f/g/h/{rest:path})" in told
    assert "get_a_b_c_d_e_f_g_h" not in told
    assert "--gateway http" in told


def test_an_http_api_takes_paths_of_any_depth():
    checked(TooDeep(), gateway="http")


def test_an_authors_own_route_that_is_too_deep_is_named_by_its_path():
    app = Shop()
    app.mount("/1/2/3/4/5/6/7/8", Starlette())
    assert "/1/2/3/4/5/6/7/8/{proxy+}" in refusal(app)


def test_a_blueprints_entry_is_named_with_its_blueprint():
    class Nested(Blueprint):
        @entry
        async def get_e_f_g_h_i(self):
            return "nine"

    app = Shop()
    app.register_blueprint(Nested(), "/a/b/c/d")
    assert "nested.get_e_f_g_h_i (/a/b/c/d/e/f/g/h/i)" in refusal(app)


def test_more_resources_than_the_quota_of_a_rest_api_are_refused_and_the_crowds_named():
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
    checked(app, quota=8)
    told = refusal(app, quota=7)
    assert "8 resources" in told
    assert "/crowd (2), /items (1)" in told


def test_the_quota_is_three_hundred_unless_aws_gave_more():
    checked(service(299))
    assert "301 resources" in refusal(service(300))
    checked(service(300), quota=301)


def test_more_routes_than_the_quota_of_an_http_api_are_refused():
    checked(service(299), gateway="http")
    assert "301 routes" in refusal(service(300), gateway="http")


def test_a_rest_api_without_any_entry_is_refused():
    class Empty(TechMicroService):
        pass

    assert "'empty' has no entry" in refusal(Empty())
    checked(Empty(), gateway="http")


def test_a_path_that_makes_a_methods_arn_too_long_for_the_authorizer_is_refused():
    names = {f"get_{'a' * length}": entry(_answer()) for length in (1400, 1600)}
    app: TechMicroService = type("Long", (TechMicroService,), names)()
    told = refusal(app)
    assert "a" * 1600 in told
    assert f"get_{'a' * 1400} " not in told


def _answer():
    async def answer(self: object):
        return "long"

    return answer


class Awkward(TechMicroService):
    """Paths that API Gateway would refuse if they were deployed as they are written."""

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
def test_a_plan_has_one_name_at_a_place_nothing_below_a_greedy_part_and_no_part_that_aws_refuses(kind: GatewayKind):
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
    checked(app, gateway=kind)


def test_all_refusals_are_one_line():
    told = [refusal(TooDeep()), refusal(service(300)), refusal(service(300), gateway="http")]
    assert list(itertools.chain.from_iterable(line.splitlines() for line in told)) == told
