"""A stack describes a service's stage in AWS: names, domain, state."""

from typing import ClassVar

import pytest

from coworks_async import TechMicroService
from coworks_async.deploy.options import DeployOptions
from coworks_async.deploy.stack import CloudBackend, Domain, S3Backend, create_stack
from coworks_async.exceptions import CommandError
from tests.deploy.stacks import Jobs, Public, Shop, stack


def function_name(service: str, stage: str = "dev") -> str:
    return stack(TechMicroService(name=service), stage).function_name


def test_the_function_is_named_after_service_and_stage():
    assert function_name("shop-a", "v1") == "shop-a-v1"


def test_similar_service_names_give_different_function_names():
    assert len({function_name(name) for name in ("shop a", "shop.a", "shop-a", "é", "ü")}) == 5


def test_characters_that_lambda_does_not_accept_become_hyphens():
    assert function_name("My shop: été/2") == "My-shop---t--2-75a8e3-dev"


def test_a_function_name_over_64_characters_is_rejected():
    assert function_name("a" * 60) == f"{'a' * 60}-dev"
    with pytest.raises(CommandError, match=r"65 characters long; Lambda's maximum is 64.*TechMicroService\(name="):
        function_name("a" * 61)


@pytest.mark.parametrize("name", ["d'oh", "a\nb", "100%"])
def test_a_service_name_that_cannot_be_a_tag_is_rejected(name: str):
    with pytest.raises(CommandError, match=r"is not a valid AWS tag\. Use letters, digits"):
        stack(TechMicroService(name=name))


def test_the_archive_key_contains_the_content_hash():
    assert stack().archive_key == "shop/0f3a.zip"
    assert stack(TechMicroService(name="my shop")).archive_key == "my-shop-21e023/0f3a.zip"
    assert stack(key="releases/shop").archive_key == "releases/shop-0f3a.zip"
    assert stack(key="shop.zip").archive_key == "shop-0f3a.zip"


def test_built_in_variables_are_the_stage_and_the_base_path_of_an_http_api():
    assert stack(stage="v1").built_in_variables == {"CWS_STAGE": "v1"}
    assert stack(domain="api.example.com/v1").built_in_variables == {"CWS_STAGE": "dev"}
    assert stack(domain="api.example.com", gateway="http").built_in_variables == {"CWS_STAGE": "dev"}
    assert stack(domain="api.example.com/v1", gateway="http").built_in_variables == {
        "CWS_STAGE": "dev",
        "CWS_BASE_PATH": "v1",
    }


def test_the_native_runtime_is_started_by_a_program_of_the_archive():
    variables = stack(runtime="native").built_in_variables
    assert variables == {"CWS_STAGE": "dev", "AWS_LAMBDA_EXEC_WRAPPER": "/var/task/cws_native"}


def test_the_signature_of_a_url_and_the_token_need_two_headers():
    class Other(Shop):
        token_key = "X-Token"

    with pytest.raises(
        CommandError, match=r'^--function-url iam: the header Authorization .* token_key = "X-Token", or'
    ):
        stack(function_url="iam")
    assert stack(Other(), function_url="iam").options.function_url == "iam"
    assert stack(Public(), function_url="iam").options.function_url == "iam"
    assert stack(function_url="none").options.function_url == "none"


def test_a_variable_with_an_invalid_reference_is_rejected_without_its_value():
    with pytest.raises(CommandError, match=r"^The value of TOKEN starts with 'ssm:' or 'secret:'") as caught:
        create_stack(Shop(), "dev", DeployOptions("archives"), {"TOKEN": "ssm:s3cr3t"})
    assert "s3cr3t" not in str(caught.value)


def test_options_determine_the_gateway():
    assert stack().gateway.kind == "rest"
    assert stack(gateway="http").gateway.kind == "http"
    assert stack(authorizer_ttl=60).gateway.authorizer_ttl == 60


def test_responses_are_stored_only_for_entries_with_asynchronous_calls():
    class Idle(Shop):
        store_in: ClassVar = {"results": ["jobs/"]}

    idle, jobs = stack(Idle()), stack(Jobs())
    assert (idle.background, idle.store_in) == (False, ())
    assert (jobs.background, jobs.store_in) == (True, (("other", ("",)), ("results", ("jobs/", "a*?$b/"))))


def test_the_backend_is_local_or_s3_or_terraform_cloud():
    assert stack().backend is None
    assert stack(tf_bucket="states").backend == S3Backend("states")
    assert stack(terraform_cloud="acme").backend == CloudBackend("acme", "shop-dev")
    assert stack(terraform_cloud="acme", workspace="mine").backend == CloudBackend("acme", "mine")


def test_a_domain_may_have_a_base_path():
    arn = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
    assert stack(domain="api.example.com", certificate=arn).domain == Domain("api.example.com", "", arn)
    assert stack(domain="api.example.com/v1/").domain == Domain("api.example.com", "v1")
    assert stack(domain="api.example.com/a/b").domain == Domain("api.example.com", "a/b")
    assert stack(domain="api.example.com/a/b", gateway="http").domain == Domain("api.example.com", "a/b")
    assert stack(domain=f"api.example.com/{'a' * 300}").domain == Domain("api.example.com", "a" * 300)


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ("https://api.example.com", "is not a domain name. Examples: api.example.com, api.example.com/v1."),
        ("api.example.com/a b", "is not a domain name"),
        ("api.example.com/a//b", "is not a domain name"),
        (f"api.example.com/{'a' * 301}", "the base path has 301 characters; the maximum is 300."),
    ],
)
def test_an_invalid_domain_is_rejected(domain: str, message: str):
    with pytest.raises(CommandError) as caught:
        stack(domain=domain)
    assert message in str(caught.value)
