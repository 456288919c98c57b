"""The signing key of a stage: given, kept from the deployed function, or made."""

from typing import Any

import pytest

from coworks_async.deploy.aws.signing_key import add_signing_key, create_signing_key
from coworks_async.exceptions import DeployError
from tests.deploy.accounts import make_function, reject_operation
from tests.deploy.stacks import stack

NAME = "shop-dev"
KEY = "a key of the deployed function, long enough"


def deploy_function(session: Any, variables: dict[str, str]) -> None:
    make_function(session, stack())
    session.client("lambda").update_function_configuration(FunctionName=NAME, Environment={"Variables": variables})


def test_the_first_deploy_makes_a_key(session: Any):
    first = add_signing_key(session, NAME, {"TOKEN": "token"})
    second = add_signing_key(session, NAME, {"TOKEN": "token", "CWS_SIGNING_KEY": ""})
    assert first.keys() == second.keys() == {"TOKEN", "CWS_SIGNING_KEY"}
    assert len(first["CWS_SIGNING_KEY"]) == len(create_signing_key()) == 43
    assert first["CWS_SIGNING_KEY"] != second["CWS_SIGNING_KEY"]


def test_the_key_of_the_deployed_function_is_kept(session: Any):
    deploy_function(session, {"TOKEN": "old", "CWS_SIGNING_KEY": KEY})
    assert add_signing_key(session, NAME, {"TOKEN": "new"}) == {"TOKEN": "new", "CWS_SIGNING_KEY": KEY}


@pytest.mark.parametrize("variables", [{}, {"TOKEN": "old"}, {"CWS_SIGNING_KEY": "ssm:/shop/key"}])
def test_a_function_without_a_key_of_its_own_gets_one(session: Any, variables: dict[str, str]):
    deploy_function(session, variables)
    assert len(add_signing_key(session, NAME, {})["CWS_SIGNING_KEY"]) == 43


@pytest.mark.parametrize("key", ["ssm:/shop/key", "another key, of an environment file of the project"])
def test_the_key_of_an_environment_file_counts(session: Any, key: str):
    deploy_function(session, {"CWS_SIGNING_KEY": KEY})
    assert add_signing_key(session, NAME, {"CWS_SIGNING_KEY": key}) == {"CWS_SIGNING_KEY": key}


def test_a_key_that_cannot_be_decrypted_is_not_replaced(session: Any):
    deploy_function(session, {"CWS_SIGNING_KEY": KEY})

    def deny(parsed: dict[str, Any], **details: object) -> None:
        parsed["Environment"] = {"Error": {"ErrorCode": "AccessDeniedException", "Message": "KMS access was denied."}}

    session.events.register("after-call.lambda.GetFunctionConfiguration", deny)
    assert add_signing_key(session, NAME, {"CWS_SIGNING_KEY": KEY}) == {"CWS_SIGNING_KEY": KEY}
    with pytest.raises(DeployError) as caught:
        add_signing_key(session, NAME, {})
    assert str(caught.value) == (
        "Cannot read the signing key of shop-dev, which must be kept: AccessDeniedException. Allow kms:Decrypt for "
        "these credentials, or set CWS_SIGNING_KEY in an environment file."
    )


def test_a_configuration_that_cannot_be_read_is_an_error_in_one_line(session: Any):
    reject_operation(session, "lambda.GetFunctionConfiguration", 403, "AccessDeniedException", "You may not.")
    with pytest.raises(DeployError, match=r"^Cannot read the configuration of shop-dev: You may not\.$"):
        add_signing_key(session, NAME, {})
