"""The variables of a stage."""

import json

import pytest

from coworks_async.deploy.environment import RESERVED, check_variables, own_variables, terraform_environment
from coworks_async.exceptions import CommandError
from tests.deploy.stacks import stack


def refusal(values: dict[str, str]) -> str:
    with pytest.raises(CommandError) as raised:
        check_variables(values, stack())
    message = str(raised.value)
    assert not any(value and value in message for value in values.values()), "a value is told"
    return message


def test_what_lambda_takes_passes():
    check_variables({"TOKEN": "token", "aws_region": "x", "AWS_ENDPOINT_URL": "https://x", "TZ": "UTC"}, stack())


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_variable_is_refused_by_its_name(name: str):
    assert name in refusal({"TOKEN": "s3cr3t", name: "s3cr3t"})


@pytest.mark.parametrize("name", ["A", "1A", "_A", "A-B", "A.B", "É1", "A B", ""])
def test_a_name_that_lambda_does_not_take_is_refused(name: str):
    assert repr(name) in refusal({name: "s3cr3t"})


def test_four_kilobytes_are_counted_as_the_json_that_lambda_measures_with_the_stages_own():
    room = 4096 - len('{"CWS_STAGE":"dev","TOKEN":""}')
    check_variables({"TOKEN": "x" * room}, stack())
    assert "is 4097 bytes, of which Lambda takes 4096; the largest variables are TOKEN." in refusal(
        {"TOKEN": "x" * (room + 1)}
    )


def test_characters_count_as_their_bytes():
    check_variables({"TOKEN": "é" * 2000}, stack())
    refusal({"TOKEN": "é" * 2100})


def test_the_three_largest_variables_are_named_when_there_are_too_many_bytes():
    values = {"SMALL": "x", "ONE": "1" * 1000, "TWO": "2" * 2000, "THREE": "3" * 3000}
    assert "the largest variables are THREE, TWO, ONE." in refusal(values)


def test_a_stage_knows_its_name_and_an_http_apis_base_path():
    assert own_variables(stack(stage="v1")) == {"CWS_STAGE": "v1"}
    assert own_variables(stack(domain="api.example.com/v1")) == {"CWS_STAGE": "dev"}
    assert own_variables(stack(domain="api.example.com", gateway="http")) == {"CWS_STAGE": "dev"}
    assert own_variables(stack(domain="api.example.com/v1", gateway="http")) == {
        "CWS_STAGE": "dev",
        "CWS_BASE_PATH": "v1",
    }


def test_terraform_gets_one_json_string_of_ascii():
    values = {"TOKEN": '${x} %{y} "\\', "NAME": "Zoë 🎉\b"}
    told = terraform_environment(values)
    assert list(told) == ["TF_VAR_environment"]
    assert told["TF_VAR_environment"].isascii()
    assert json.loads(told["TF_VAR_environment"]) == values
