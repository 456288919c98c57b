"""Resolve environment variables that name a parameter of SSM or a secret of Secrets Manager.

A value `ssm:/path` or `secret:NAME` is replaced before the service is imported, so that the service reads the variable
like any other.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Literal

from msgspec import Struct

from coworks_async.exceptions import UnresolvedReference

ReferenceKind = Literal["ssm", "secret"]

# https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html (AWS's own secrets contain '!')
# Lambda cold start: compiled only for services with references.
_REFERENCE = r"(?P<kind>ssm):(?P<path>(/[A-Za-z0-9_.-]+)+)|secret:(?P<name>[A-Za-z0-9/_+=.@!-]+)"
_PREFIXES = ("ssm:", "secret:")

# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
_MAX_PARAMETERS = 10

# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
_MAX_SECRETS = 20

# Lambda ends an initialization after ten seconds. An unreachable endpoint must be reported before that.
_TIMEOUTS = {"connect_timeout": 2, "read_timeout": 3, "retries": {"total_max_attempts": 2}}


# Adds the values of names to a dict, and returns the reasons for those that are missing.
Read = Callable[[list[str], dict[str, str]], list[str]]


class Reference(Struct, frozen=True):
    """A variable, and the parameter or secret that contains its value."""

    variable: str
    kind: ReferenceKind
    name: str


def resolve_environment() -> None:
    """Replace the references in the environment variables of this process by their values."""
    os.environ.update(read_references(find_references(os.environ)))


def list_reference_variables(variables: Mapping[str, str]) -> list[str]:
    """Return the names of the variables whose values are references, valid or not."""
    return [variable for variable, value in variables.items() if value.startswith(_PREFIXES)]


def find_references(variables: Mapping[str, str]) -> list[Reference]:
    """Return the references among the values of variables. An invalid one is an `UnresolvedReference`."""
    references = []
    for variable, value in variables.items():
        if value.startswith(_PREFIXES):
            match = re.fullmatch(_REFERENCE, value)
            if match is None:
                # The value is not shown: it may be a secret.
                raise UnresolvedReference(
                    f"The value of {variable} starts with 'ssm:' or 'secret:' and is not a valid reference. "
                    "Use ssm:/path or secret:NAME."
                )
            kind: ReferenceKind = "ssm" if match["kind"] else "secret"
            references.append(Reference(variable, kind, match["path"] or match["name"]))
    return references


def read_references(references: Iterable[Reference]) -> dict[str, str]:
    """Return the values by variable. A parameter or secret that cannot be read is an `UnresolvedReference`."""
    values: dict[str, str] = {}
    for kind, read in (("ssm", _read_parameters), ("secret", _read_secrets)):
        variables: dict[str, list[str]] = {}
        for reference in references:
            if reference.kind == kind:
                variables.setdefault(reference.name, []).append(reference.variable)
        if variables:
            values |= _read_values(kind, variables, read)
    return values


def _read_values(kind: str, variables: Mapping[str, Sequence[str]], read: Read) -> dict[str, str]:
    """Read parameters or secrets by name; return their values by variable."""
    # Lambda cold start: only services with references need it.
    errors: Any = import_module("botocore.exceptions")
    values: dict[str, str] = {}
    try:
        reasons = read(sorted(variables), values)
    except (errors.BotoCoreError, errors.ClientError) as error:
        raise UnresolvedReference(
            f"Cannot read {_describe(kind, variables)}: {str(error).removesuffix('.')}."
        ) from error
    missing = {name: variables[name] for name in variables if name not in values}
    if missing:
        reason = " ".join(reasons) or "It does not exist, or is not text."
        raise UnresolvedReference(f"Cannot read {_describe(kind, missing)}: {reason}")
    return {variable: values[name] for name in variables for variable in variables[name]}


def _read_parameters(names: list[str], values: dict[str, str]) -> list[str]:
    client = _create_client("ssm")
    for start in range(0, len(names), _MAX_PARAMETERS):
        response = client.get_parameters(Names=names[start : start + _MAX_PARAMETERS], WithDecryption=True)
        values.update({each["Name"]: each["Value"] for each in response["Parameters"]})
    return []


def _read_secrets(names: list[str], values: dict[str, str]) -> list[str]:
    client, reasons = _create_client("secretsmanager"), []
    for start in range(0, len(names), _MAX_SECRETS):
        response = client.batch_get_secret_value(SecretIdList=names[start : start + _MAX_SECRETS])
        reasons += [error["Message"] for error in response.get("Errors", ())]
        # A binary secret has no string.
        texts = [each for each in response["SecretValues"] if "SecretString" in each]
        values.update({each["Name"]: each["SecretString"] for each in texts})
    return reasons


def _create_client(service: str) -> Any:
    # Lambda cold start: only services with references need it.
    session, config = import_module("boto3.session"), import_module("botocore.config")
    # boto3 itself reads only AWS_DEFAULT_REGION and the profile.
    region = os.environ.get("AWS_REGION") or None
    return session.Session(region_name=region).client(service, config=config.Config(**_TIMEOUTS))


def _describe(kind: str, variables: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{kind}:{name} ({', '.join(users)})" for name, users in variables.items())
