"""What `cws deploy --dry` lists, which is told from the description alone."""

from coworks_async import TechMicroService, entry
from coworks_async.deploy.terraform.listing import resources_of
from coworks_async.deploy.terraform.root_module import root
from tests.deploy.stacks import stack


class Open(TechMicroService):
    @entry(no_auth=True)
    async def get_news(self):
        return "none"

    @entry
    async def get_mail(self):
        return "none"


def test_every_route_is_listed_with_whether_it_asks_for_a_token():
    lines = resources_of(stack(Open(), gateway="http"))
    assert lines[0] == "HTTP API open-dev, stage dev, 3 routes:"
    assert lines[1:4] == ["  GET /mail, for which a token is asked", "  GET /news", "  $default"]


def test_every_resource_of_the_root_is_listed():
    described = stack()
    lines = resources_of(described)
    assert lines[0].startswith("REST API shop-dev, stage dev, ")
    made = [f"{kind}.{name}" for kind, named in root(described)["resource"].items() for name in named]
    assert [line for line in lines if line.startswith("aws_")] == sorted(made)


def test_a_domain_is_listed_with_the_path_where_the_stage_is():
    assert "domain api.example.com, the stage below /v1" in resources_of(stack(domain="api.example.com/v1"))
    assert not [line for line in resources_of(stack()) if line.startswith("domain")]
