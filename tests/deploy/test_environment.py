"""The environment variables of a stage."""

import json

import pytest

from coworks_async.deploy.environment import RESERVED_NAMES, built_in_variables, check_variables, encode_variables
from coworks_async.exceptions import CommandError
from tests.deploy.stacks import stack


def check_error(variables: dict[str, str]) -> str:
    with pytest.raises(CommandError) as caught:
        check_variables(variables, stack())
    message = str(caught.value)
    assert not any(value and value in message for value in variables.values()), "the message contains a value"
    return message


def test_valid_variables_pass():
    check_variables({"TOKEN": "token", "aws_region": "x", "AWS_ENDPOINT_URL": "https://x", "TZ": "UTC"}, stack())


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_reserved_variable_is_named(name: str):
    assert f"Lambda reserves {name}." in check_error({"TOKEN": "s3cr3t", name: "s3cr3t"})


@pytest.mark.parametrize("name", ["A", "1A", "_A", "A-B", "A.B", "É1", "A B", ""])
def test_an_invalid_name_is_named(name: str):
    assert repr(name) in check_error({name: "s3cr3t"})


def test_the_maximum_is_4096_bytes_of_json_with_the_built_in_variables():
    available = 4096 - len('{"CWS_STAGE":"dev","TOKEN":""}')
    check_variables({"TOKEN": "x" * available}, stack())
    message = check_error({"TOKEN": "x" * (available + 1)})
    assert "take 4097 bytes; Lambda's maximum is 4096. The largest are TOKEN." in message


def test_bytes_are_counted_not_characters():
    check_variables({"TOKEN": "é" * 2000}, stack())
    check_error({"TOKEN": "é" * 2100})


def test_the_three_largest_variables_are_named():
    variables = {"SMALL": "!", "ONE": "1" * 1000, "TWO": "2" * 2000, "THREE": "3" * 3000}
    assert "The largest are THREE, TWO, ONE." in check_error(variables)


def test_built_in_variables_are_the_stage_and_the_base_path_of_an_http_api():
    assert built_in_variables(stack(stage="v1")) == {"CWS_STAGE": "v1"}
    assert built_in_variables(stack(domain="api.example.com/v1")) == {"CWS_STAGE": "dev"}
    assert built_in_variables(stack(domain="api.example.com", gateway="http")) == {"CWS_STAGE": "dev"}
    assert built_in_variables(stack(domain="api.example.com/v1", gateway="http")) == {
        "CWS_STAGE": "dev",
        "CWS_BASE_PATH": "v1",
    }


def test_terraform_receives_one_ascii_json_string():
    variables = {"TOKEN": '${x} %{y} "\\', "NAME": "Zoë 🎉\b"}
    encoded = encode_variables(variables)
    assert list(encoded) == ["TF_VAR_environment"]
    assert encoded["TF_VAR_environment"].isascii()
    assert json.loads(encoded["TF_VAR_environment"]) == variables
