"""From a service and its options to a stack."""

from typing import Any, ClassVar

import pytest

from coworks_async import TechMicroService
from coworks_async.deploy.options import DeployOptions, archive_key, function_name, stack_of
from coworks_async.deploy.stack import CloudBackend, Domain, S3Backend
from coworks_async.exceptions import CommandError
from tests.deploy.stacks import EVERYTHING, LAYER, Jobs, Shop, stack


def test_function_and_gateway_are_called_for_the_service_and_the_stage():
    assert stack(stage="v1").function.name == "shop-v1"


def test_names_that_look_alike_in_aws_are_two_services_all_the_same():
    assert len({function_name(name, "dev") for name in ("shop a", "shop.a", "shop-a", "é", "ü")}) == 5
    assert function_name("shop-a", "dev") == "shop-a-dev"


def test_what_lambda_takes_in_no_name_becomes_a_hyphen():
    assert stack(TechMicroService(name="My shop: été/2")).function.name == "My-shop---t--2-75a8e3-dev"


def test_a_name_that_is_too_long_for_lambda_is_refused_with_the_remedy():
    assert function_name("a" * 60, "dev") == f"{'a' * 60}-dev"
    with pytest.raises(CommandError, match=r"65 characters, and Lambda takes 64.*TechMicroService\(name="):
        stack(TechMicroService(name="a" * 61))


@pytest.mark.parametrize("stage", ["", "a b", "v1.0", "$default"])
def test_a_stage_that_api_gateway_does_not_take_is_refused(stage: str):
    with pytest.raises(CommandError, match="is not a name made of letters, digits, '-' and '_'"):
        stack(stage=stage)


@pytest.mark.parametrize("name", ["d'oh", "a\nb", "100%"])
def test_a_name_that_is_no_value_of_a_tag_is_refused(name: str):
    with pytest.raises(CommandError, match="is no tag of AWS's"):
        stack(TechMicroService(name=name))


def test_the_archives_key_holds_its_hash_so_that_other_code_is_another_object():
    assert archive_key("my shop", "0f3a") == "my-shop-21e023/0f3a.zip"
    assert archive_key("shop", "0f3a", "releases/shop") == "releases/shop-0f3a.zip"
    assert stack(key="shop.zip").function.key == "shop-0f3a.zip"


def test_every_option_reaches_the_stack():
    made = stack_of(Jobs(), "dev", EVERYTHING, "0f3a")
    function = made.function
    assert (function.bucket, function.archive, function.runtime, function.architecture) == (
        "archives",
        "0f3a",
        "python3.13",
        "arm64",
    )
    assert (function.memory_size, function.timeout, function.reserved_concurrency) == (512, 20, 3)
    assert function.layers == (LAYER, f"{LAYER}:3")
    assert (function.subnets, function.security_groups) == (("subnet-1",), ("sg-1",))
    assert (function.snap_start, function.tracing) == (True, True)
    assert made.gateway.authorizer_ttl == 60
    assert made.domain == Domain("api.example.com", "v1")
    assert made.tags == (("team", "shop x"),)
    assert made.region == "eu-west-1"


def test_the_gateway_is_a_rest_api_unless_told():
    assert stack().gateway.kind == "rest"
    assert stack(gateway="http").gateway.kind == "http"


def test_answers_are_stored_only_where_an_entry_takes_asynchronous_calls():
    class Idle(Shop):
        store_in: ClassVar = {"results": ["jobs/"]}

    assert (stack(Idle()).background, stack(Idle()).store_in) == (False, ())
    made = stack(Jobs())
    assert (made.background, made.store_in) == (True, (("other", ("",)), ("results", ("jobs/", "a*?$b/"))))


def test_state_is_kept_in_s3_or_in_terraform_cloud_not_in_both():
    assert stack().backend is None
    assert stack(tf_bucket="states").backend == S3Backend("states")
    assert stack(terraform_cloud="acme").backend == CloudBackend("acme", "shop-dev")
    assert stack(terraform_cloud="acme", workspace="mine").backend == CloudBackend("acme", "mine")
    with pytest.raises(CommandError, match="two places for one state"):
        stack(tf_bucket="states", terraform_cloud="acme")


def test_a_domain_may_have_a_base_path_of_one_part_and_of_more():
    arn = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
    assert stack(domain="api.example.com", certificate=arn).domain == Domain("api.example.com", "", arn)
    assert stack(domain="api.example.com/v1/").domain == Domain("api.example.com", "v1")
    assert stack(domain="api.example.com/a/b").domain == Domain("api.example.com", "a/b")
    assert stack(domain="api.example.com/a/b", gateway="http").domain == Domain("api.example.com", "a/b")
    assert stack(domain=f"api.example.com/{'a' * 300}").domain == Domain("api.example.com", "a" * 300)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("memory_size", 64, "--memory-size is 128 to 10240, not 64."),
        ("timeout", 901, "--timeout is 1 to 900, not 901."),
        ("authorizer_ttl", 3601, "--authorizer-ttl is 0 to 3600, not 3601."),
        ("layers", ("coworks",), "--layers 'coworks' is no ARN like "),
        ("layers", (LAYER,) * 6, "--layers: a function has 5 at most, not 6."),
        ("subnets", ("subnet-1",), "--subnets and --security-groups go together"),
        ("security_groups", ("sg-1",), "--subnets and --security-groups go together"),
        ("subnets", ("a",), "--subnets 'a' is none that AWS takes, like subnet-0123abcd."),
        ("bucket", "", "--bucket '' is none that AWS takes, like my-archives."),
        ("key", "", "--key '' is none that AWS takes"),
        ("region", "x y", "--region 'x y' is none that AWS takes, like eu-west-1."),
        ("certificate", "x", "--certificate 'x' is none that AWS takes"),
        ("certificate", "arn:aws:acm:eu-west-1:123456789012:certificate/1", "name it by --domain"),
        ("workspace", "mine", "name your organization by --terraform-cloud"),
        ("log_retention", 31, "--log-retention is one of 1, 3, 5"),
        ("reserved_concurrency", -1, "--reserved-concurrency is 0 to 100000, not -1."),
        ("domain", "https://api.example.com", "is no name like api.example.com"),
        ("domain", "api.example.com/a b", "is no name like api.example.com"),
        ("domain", "api.example.com/a//b", "is no name like api.example.com"),
        ("domain", f"api.example.com/{'a' * 301}", "a base path has 300 characters at most, not 301."),
        ("tags", (("a!", "b"),), "--tags a!=b: AWS takes letters"),
        ("tags", (("", "b"),), "--tags =b: AWS takes letters"),
        ("tags", (("aws:x", "b"),), "--tags aws:x: a tag of one's own begins neither"),
        ("tags", (("coworks:stage", "b"),), "--tags coworks:stage: a tag of one's own begins neither"),
    ],
)
def test_an_option_that_aws_cannot_take_is_refused_by_its_name(option: str, value: Any, message: str):
    with pytest.raises(CommandError) as raised:
        stack(**{option: value})
    assert message in str(raised.value)


def test_snap_start_needs_a_python_that_has_it():
    with pytest.raises(CommandError, match=r"--snap-start needs Python 3\.12 or later, not 3\.11"):
        stack(snap_start=True, python="3.11")
    assert stack(snap_start=True, python="3.12").function.snap_start


def test_options_have_the_defaults_of_the_documentation():
    told = DeployOptions("archives")
    assert (told.python, told.architecture, told.gateway, told.authorizer_ttl) == ("3.13", "arm64", "rest", 300)
