"""What differs where AWS is an emulator: a file beside the root that overrides parts of it, and the environment.

https://developer.hashicorp.com/terraform/language/files/override
"""

import re
from collections.abc import Mapping
from typing import Any

from coworks_async.deploy.stack import Stack

# An old provider goes to both kinds of gateways by `apigateway`; a new one heeds AWS_ENDPOINT_URL for what is not here.
_SERVICES = ("acm", "apigateway", "cloudwatchlogs", "ec2", "iam", "lambda", "s3", "sts")

_ACCOUNT = re.compile(r"\d{12}")


def override(stack: Stack, url: str) -> dict[str, Any]:
    """Return what an emulator at a URL needs besides the root.

    - Any version of the provider, as `older_provider` has it.
    - All endpoints, EC2's too, which each start of the provider would else look up for 20 seconds.
    - Few retries: the provider's 25 would last for minutes where the emulator answers wrongly.
    - Layers by name: an emulator lists no versions by ARN.

    No keys: `environment` has them.
    """
    content: dict[str, Any] = older_provider() | {
        "provider": {
            "aws": {
                "endpoints": dict.fromkeys(_SERVICES, url),
                "max_retries": 2,
                "skip_credentials_validation": True,
                "skip_metadata_api_check": True,
            }
        },
    }
    layers = stack.function.unversioned_layers
    if layers:
        named = {name: {"layer_name": arn.rpartition(":")[2]} for name, arn in layers.items()}
        content["data"] = {"aws_lambda_layer_version": named}
    return content


def older_provider() -> dict[str, Any]:
    """Return what has any version of the provider take a root, the one that `make emulator` installs say.

    It knows no newer runtime; an override of a block makes Terraform leave out the arguments that a provider lacks.
    """
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 3.39"}}},
        "resource": {"aws_lambda_function": {"service": {"runtime": "python3.8"}}},
    }


def environment(variables: Mapping[str, str], url: str, region: str | None = None) -> dict[str, str]:
    """Return an environment in which AWS is the emulator at a URL, for Terraform and boto3 alike.

    No profile and no key of the user's is in it: they would be sent to the emulator. A key of twelve digits is none of
    AWS's; emulators take it as the number of an account.

    Parameters:
        variables: those of the process.
        region: the one that is named, if any.
    """
    key = variables.get("AWS_ACCESS_KEY_ID", "")
    found = region or variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1"
    return {name: value for name, value in variables.items() if not name.startswith("AWS_")} | {
        "AWS_ACCESS_KEY_ID": key if _ACCOUNT.fullmatch(key) else "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": found,
        "AWS_DEFAULT_REGION": found,
        "AWS_ENDPOINT_URL": url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
