"""The URL of a function: an address without an API, in Terraform's JSON.

https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
"""

from coworks_async.deploy.options import UrlAuthorization
from coworks_async.deploy.stack import ALIAS
from coworks_async.deploy.terraform.tf_json import Block, Template

FUNCTION_URL = '${trimsuffix(aws_lambda_function_url.service.function_url, "/")}'
"""Expression for the URL without a slash at its end."""

_TARGET: Block = {
    "function_name": Template("${aws_lambda_function.service.function_name}"),
    "qualifier": Template(f"${{aws_lambda_alias.{ALIAS}.name}}"),
}


def create_function_url(authorization: UrlAuthorization, *, stream: bool) -> Block:
    """Return the resources of a URL, by their type and name."""
    url = {
        "authorization_type": "NONE" if authorization == "none" else "AWS_IAM",
        "invoke_mode": "RESPONSE_STREAM" if stream else "BUFFERED",
    }
    blocks: Block = {"aws_lambda_function_url": {"service": _TARGET | url}}
    if authorization == "none":
        blocks["aws_lambda_permission"] = create_public_permissions()
    return blocks


# https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
def create_public_permissions() -> Block:
    """Return the two permissions that let everyone invoke the function, through its URL only."""
    public = _TARGET | {"principal": "*"}
    return {
        "url": public | {"statement_id": "url", "action": "lambda:InvokeFunctionUrl", "function_url_auth_type": "NONE"},
        "url_invoke": public
        | {"statement_id": "url-invoke", "action": "lambda:InvokeFunction", "invoked_via_function_url": True},
    }
