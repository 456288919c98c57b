"""Services and stacks for deploy tests."""

from dataclasses import replace
from typing import Any, ClassVar

from coworks_async import TechMicroService, entry
from coworks_async.deploy.options import DeployOptions
from coworks_async.deploy.stack import Stack, create_stack

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


class Public(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "Welcome."


QUEUE = "arn:aws:sqs:eu-west-1:123456789012:failed"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1-2"
WEB_ACL = "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/shop/1-2"

CAPACITY_PROVIDER = "arn:aws:lambda:eu-west-1:123456789012:capacity-provider:shop"

EVERY_OPTION = DeployOptions(
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
    rate=50,
    burst=20,
    failure_destination=QUEUE,
    kms_key=KEY,
    disable_execute_api_endpoint=True,
    log_source_ip=True,
    tags=(("team", "shop x"),),
)


def stack(app: TechMicroService | None = None, stage: str = "dev", **options: Any) -> Stack:
    """Create a stack with an archive, by default of a small service without options."""
    described = create_stack(app or Shop(), stage, DeployOptions(**{"bucket": "archives"} | options))
    return replace(described, archive_hash="0f3a")


def service_with_entries(count: int) -> TechMicroService:
    def method(number: int) -> Any:
        async def endpoint(self: Any) -> int:
            return number

        return entry(endpoint)

    methods = {f"get_r{number}": method(number) for number in range(count)}
    service: TechMicroService = type("Many", (TechMicroService,), methods)()
    return service
