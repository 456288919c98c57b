"""The signing key of a stage: made by the first deploy, and kept by the following ones.

A new key at each deploy would let the service check every token again until the gateway has new results.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from coworks_async.aws.references import list_reference_variables
from coworks_async.aws.signing import KEY_VARIABLE
from coworks_async.deploy.aws.account import aws_errors
from coworks_async.exceptions import DeployError


def add_signing_key(session: Any, function: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables with a key: their own, else the one of the deployed function, else a new one."""
    key = variables.get(KEY_VARIABLE) or _read_signing_key(session, function) or create_signing_key()
    return {**variables, KEY_VARIABLE: key}


def create_signing_key() -> str:
    return secrets.token_urlsafe(32)


def _read_signing_key(session: Any, function: str) -> str | None:
    """Return the key of a function, or None without one.

    A reference is not kept, because the function may not read it.
    """
    client = session.client("lambda")
    with aws_errors(f"Cannot read the configuration of {function}"):
        try:
            configuration = client.get_function_configuration(FunctionName=function)
        except client.exceptions.ResourceNotFoundException:
            return None
    environment = configuration.get("Environment", {})
    if "Error" in environment:
        # A new key would let asynchronous calls fail that the deployed version has signed.
        raise DeployError(
            f"Cannot read the signing key of {function}, which must be kept: {environment['Error']['ErrorCode']}. "
            f"Allow kms:Decrypt for these credentials, or set {KEY_VARIABLE} in an environment file."
        )
    key: str | None = environment.get("Variables", {}).get(KEY_VARIABLE)
    return None if key is None or list_reference_variables({KEY_VARIABLE: key}) else key
