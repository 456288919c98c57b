"""The Lambda context of an event under the native runtime."""

import json
import time

from coworks_async.aws.runtime.context import FunctionInfo, LambdaContext

FUNCTION = FunctionInfo.read(
    {
        "AWS_LAMBDA_FUNCTION_NAME": "shop",
        "AWS_LAMBDA_FUNCTION_VERSION": "3",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/shop",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
    }
)


def create_context(**headers: str) -> LambdaContext:
    names = {f"lambda-runtime-{name.replace('_', '-')}": value for name, value in headers.items()}
    return LambdaContext({"lambda-runtime-aws-request-id": "id", **names}, FUNCTION)


def test_it_has_the_attributes_of_the_function_and_the_event():
    context = create_context(invoked_function_arn="arn:shop", aws_tenant_id="acme")
    assert (context.function_name, context.function_version, context.memory_limit_in_mb) == ("shop", "3", "256")
    assert (context.log_group_name, context.log_stream_name) == ("/aws/lambda/shop", "stream")
    assert (context.aws_request_id, context.invoked_function_arn, context.tenant_id) == ("id", "arn:shop", "acme")


def test_the_remaining_time_ends_at_the_deadline():
    now = int(time.time() * 1000)
    assert 9_000 < create_context(deadline_ms=str(now + 10_000)).get_remaining_time_in_millis() <= 10_000
    assert create_context(deadline_ms=str(now - 10)).get_remaining_time_in_millis() == 0


def test_it_has_the_client_context_of_a_mobile_application():
    client = {"client": {"app_title": "Shop"}, "custom": {"a": 1}, "env": {"locale": "en"}}
    context = create_context(client_context=json.dumps(client)).client_context
    assert context is not None
    assert (context.custom, context.env) == ({"a": 1}, {"locale": "en"})
    assert (context.client.app_title, context.client.app_version_name) == ("Shop", None)
    without_client = create_context(client_context="{}").client_context
    assert without_client is not None
    assert without_client.client is None
    assert create_context().client_context is None


def test_it_has_the_cognito_identity():
    header = json.dumps({"cognitoIdentityId": "one", "cognitoIdentityPoolId": "pool"})
    identity = create_context(cognito_identity=header).identity
    assert (identity.cognito_identity_id, identity.cognito_identity_pool_id) == ("one", "pool")
    assert create_context().identity.cognito_identity_id is None
