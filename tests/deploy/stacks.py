"""Services and stacks for the tests of what is deployed."""

from typing import Any, ClassVar

from coworks_async import TechMicroService, entry
from coworks_async.deploy.options import DeployOptions, stack_of
from coworks_async.deploy.stack import Stack

LAYER = "arn:aws:lambda:eu-west-1:935392763270:layer:coworks-ZZZ"


class Shop(TechMicroService):
    @entry
    async def get_items(self, id):
        return id


class Jobs(TechMicroService):
    store_in: ClassVar = {"results": ["jobs/", "a*?$b/"], "other": [""]}

    @entry(background=True)
    async def post_jobs(self):
        return "done"


EVERYTHING = DeployOptions(
    bucket="archives",
    region="eu-west-1",
    memory_size=512,
    timeout=20,
    layers=(LAYER, f"{LAYER}:3"),
    reserved_concurrency=3,
    subnets=("subnet-1",),
    security_groups=("sg-1",),
    snap_start=True,
    tracing=True,
    authorizer_ttl=60,
    domain="api.example.com/v1",
    tags=(("team", "shop x"),),
)


def stack(app: TechMicroService | None = None, stage: str = "dev", **options: Any) -> Stack:
    """A stage of a service, by default of a small one with no option."""
    return stack_of(app or Shop(), stage, DeployOptions(**{"bucket": "archives"} | options), "0f3a")


def service(count: int) -> TechMicroService:
    """A service with so many entries."""

    def method(number: int) -> Any:
        async def answer(self: Any) -> int:
            return number

        return entry(answer)

    methods = {f"get_r{number}": method(number) for number in range(count)}
    made: TechMicroService = type("Many", (TechMicroService,), methods)()
    return made
