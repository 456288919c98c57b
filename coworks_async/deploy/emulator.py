"""Deploy to an AWS emulator: an override file beside the root module, and the environment of the process.

https://developer.hashicorp.com/terraform/language/files/override
"""

import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from coworks_async.deploy.stack import Stack
from coworks_async.exceptions import DeployError

# The old provider uses `apigateway` for both kinds of API; newer ones use AWS_ENDPOINT_URL for services not listed.
_SERVICES = (
    *("acm", "apigateway", "cloudwatchlogs", "ec2", "iam", "lambda", "sts", "wafv2"),
    # For the user's own files.
    *("cloudwatchevents", "dynamodb", "s3", "secretsmanager", "sns", "sqs", "ssm"),
)


def create_override(stack: Stack, url: str) -> dict[str, Any]:
    """Return the override that makes a root module work with the emulator at `url`.

    - It accepts version 3.39 of the provider or newer, as `create_provider_override` does.
    - It sets every endpoint. Without EC2's, each start of the provider waits 20 seconds for DNS.
    - It limits retries: the provider's 25 take minutes if the emulator responds wrongly.
    - It finds layers by name: an emulator does not list versions by ARN.

    The keys are in `create_environment`.
    """
    override: dict[str, Any] = create_provider_override() | {
        "provider": {
            "aws": {
                "endpoints": dict.fromkeys(_SERVICES, url),
                "max_retries": 2,
                "skip_credentials_validation": True,
                "skip_metadata_api_check": True,
            }
        },
    }
    layers = stack.unversioned_layers
    if layers:
        data = {name: {"layer_name": arn.rpartition(":")[2]} for name, arn in layers.items()}
        override["data"] = {"aws_lambda_layer_version": data}
    return override


def create_provider_override() -> dict[str, Any]:
    """Return the override that makes a root module work with an old provider, as `make emulator` installs.

    That provider knows no newer runtime. In a block that an override touches, Terraform ignores arguments that the
    provider does not know.
    """
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 3.39"}}},
        "resource": {"aws_lambda_function": {"service": {"runtime": "python3.8"}}},
    }


def create_environment(variables: Mapping[str, str], url: str, region: str | None = None) -> dict[str, str]:
    """Return an environment in which Terraform and boto3 use the emulator at `url`.

    It contains none of the user's profiles and keys, which would be sent to the emulator. A key of twelve digits stays:
    it is not an AWS key, and emulators use it as an account number. `region` overrides that of the environment.
    """
    key = variables.get("AWS_ACCESS_KEY_ID", "")
    region = region or variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1"
    return {name: value for name, value in variables.items() if not name.startswith("AWS_")} | {
        "AWS_ACCESS_KEY_ID": key if re.fullmatch(r"\d{12}", key) else "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def check_emulator(url: str) -> None:
    """Check that an emulator responds at `url`, with any status."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - the user names the URL
            pass
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DeployError(
            f"No AWS emulator responds at {url} ({reason}). Start one: 'make emulator' in a clone of CoWorks Async, or "
            "'pip install ministack' and 'ministack'."
        ) from error
