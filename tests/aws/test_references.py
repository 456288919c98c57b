"""Environment variables whose values are in SSM Parameter Store or Secrets Manager."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from coworks_async.aws.references import find_references, read_references, resolve_environment
from coworks_async.exceptions import UnresolvedReference
from tests.aws.fake_stores import FakeStores, fake_stores, use_aws
from tests.tools import free_port


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStores]:
    with fake_stores(monkeypatch) as stores:
        yield stores


def read(**variables: str) -> dict[str, str]:
    return read_references(find_references(variables))


def get_error(**variables: str) -> str:
    with pytest.raises(UnresolvedReference) as caught:
        read(**variables)
    return str(caught.value)


def test_references_in_the_environment_are_replaced_by_their_values(
    stores: FakeStores, monkeypatch: pytest.MonkeyPatch
):
    stores.parameters["/shop/dev/token"] = "t0ken"
    stores.secrets["shop/database"] = {"SecretString": "postgresql://secret"}
    for name, value in (("TOKEN", "ssm:/shop/dev/token"), ("DB", "secret:shop/database"), ("URL", "https://a.org")):
        monkeypatch.setenv(name, value)
    resolve_environment()
    values = [os.environ[name] for name in ("TOKEN", "DB", "URL")]
    assert values == ["t0ken", "postgresql://secret", "https://a.org"]


def test_variables_may_share_a_parameter(stores: FakeStores):
    stores.parameters["/a"] = "one"
    assert read(FIRST="ssm:/a", SECOND="ssm:/a") == {"FIRST": "one", "SECOND": "one"}
    assert stores.requests == [("GetParameters", ["/a"])]


def test_one_request_reads_ten_parameters_or_twenty_secrets(stores: FakeStores):
    stores.parameters = {f"/p{number:02}": f"parameter {number}" for number in range(11)}
    stores.secrets = {f"s{number:02}": {"SecretString": f"secret {number}"} for number in range(21)}
    references = {f"P{name}": f"ssm:{name}" for name in stores.parameters}
    references |= {f"S{name}": f"secret:{name}" for name in stores.secrets}
    found = read(**references)
    assert (found["P/p10"], found["Ss20"], len(found)) == ("parameter 10", "secret 20", 32)
    assert [(action, len(names)) for action, names in stores.requests] == [
        ("GetParameters", 10),
        ("GetParameters", 1),
        ("BatchGetSecretValue", 20),
        ("BatchGetSecretValue", 1),
    ]


def test_without_references_nothing_is_requested_or_imported():
    code = (
        "import sys; from coworks_async.aws.references import resolve_environment; resolve_environment(); "
        "print({'boto3', 'botocore'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"


def test_missing_parameters_are_named_with_their_variables(stores: FakeStores):
    stores.parameters["/a"] = "s3cr3t"
    message = get_error(A="ssm:/a", B="ssm:/b", C="ssm:/b", D="ssm:/d")
    assert message == "Cannot read ssm:/b (B, C), ssm:/d (D): It does not exist, or is not text."


def test_a_missing_secret_is_named_with_the_reason(stores: FakeStores):
    stores.secrets["a"] = {"SecretString": "s3cr3t"}
    assert get_error(A="secret:a", B="secret:b") == "Cannot read secret:b (B): No such secret."


def test_a_binary_secret_is_an_error(stores: FakeStores):
    stores.secrets["a"] = {"SecretBinary": "czNjcjN0"}
    assert get_error(A="secret:a") == "Cannot read secret:a (A): It does not exist, or is not text."


@pytest.mark.parametrize("reference", ["ssm:/a", "secret:a"])
def test_an_error_of_aws_is_reported_with_the_reference(stores: FakeStores, reference: str):
    stores.error = "AccessDeniedException"
    message = get_error(A=reference)
    assert message.startswith(f"Cannot read {reference} (A): An error occurred (AccessDeniedException)")


def test_an_unreachable_aws_is_reported_with_the_reference(monkeypatch: pytest.MonkeyPatch):
    url = f"http://127.0.0.1:{free_port()}"
    use_aws(monkeypatch, url)
    assert get_error(A="ssm:/a") == f'Cannot read ssm:/a (A): Could not connect to the endpoint URL: "{url}/".'


def test_the_region_is_aws_region_or_else_the_default_one(stores: FakeStores, monkeypatch: pytest.MonkeyPatch):
    stores.parameters["/a"] = "one"
    for kept, removed in (("AWS_REGION", "AWS_DEFAULT_REGION"), ("AWS_DEFAULT_REGION", "AWS_REGION")):
        monkeypatch.setenv(kept, "eu-west-1")
        monkeypatch.delenv(removed)
        assert read(A="ssm:/a") == {"A": "one"}


def test_an_unknown_region_is_reported_with_the_reference(monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    assert get_error(A="ssm:/a") == "Cannot read ssm:/a (A): You must specify a region."


@pytest.mark.parametrize(
    "value", ["ssm:", "ssm:s3cr3t", "ssm:/", "ssm:/a//b", "ssm:/a/", "ssm:/a b", "secret:", "secret:s3cr3t s3cr3t"]
)
def test_an_invalid_reference_is_an_error_that_does_not_show_the_value(value: str):
    assert get_error(A=value) == (
        "The value of A starts with 'ssm:' or 'secret:' and is not a valid reference. Use ssm:/path or secret:NAME."
    )


@pytest.mark.parametrize("value", ["", "ssm", "secret", "SSM:/a", " ssm:/a", "https://a.org/ssm:/a"])
def test_other_values_are_not_references(value: str):
    assert find_references({"A": value}) == []
