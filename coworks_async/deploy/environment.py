"""The environment variables of a stage: checked, and passed to Terraform without writing them to a file."""

import json
import re
from collections.abc import Mapping

from coworks_async.deploy.stack import Stack
from coworks_async.exceptions import CommandError

VARIABLE_NAME = "environment"
"""Name of the root module's input variable."""

MAX_SIZE = 4096

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
# Other variables listed there may be set: `PATH`, `TZ`, `AWS_XRAY_CONTEXT_MISSING`…
RESERVED_NAMES = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
)

# https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]+")


def built_in_variables(stack: Stack) -> dict[str, str]:
    """Return the variables set for every stage, which override those of the environment files.

    `CWS_BASE_PATH` is set only for an HTTP API: its events do not contain the base path of a domain mapping.
    """
    variables = {"CWS_STAGE": stack.stage}
    if stack.gateway.kind == "http" and stack.domain is not None and stack.domain.base_path:
        variables["CWS_BASE_PATH"] = stack.domain.base_path
    return variables


def check_variables(variables: Mapping[str, str], stack: Stack) -> None:
    """Check the variables of the environment files. Messages contain names, never values.

    Raises:
        CommandError: Lambda does not accept a name, or all variables together are too large.
    """
    reserved = sorted(RESERVED_NAMES & variables.keys())
    if reserved:
        raise CommandError(f"Lambda reserves {', '.join(reserved)}. Remove it from the environment files.")
    invalid = sorted(name for name in variables if not _NAME.fullmatch(name))
    if invalid:
        raise CommandError(
            f"Lambda does not accept the variable name {', '.join(map(repr, invalid))}. Use a letter followed by "
            "letters, digits and '_', at least two characters."
        )
    size = _json_size({**variables, **built_in_variables(stack)})
    if size > MAX_SIZE:
        largest = sorted(variables, key=lambda name: _json_size({name: variables[name]}), reverse=True)[:3]
        raise CommandError(
            f"The environment variables of stage {stack.stage!r} take {size} bytes; Lambda's maximum is {MAX_SIZE}. "
            f"The largest are {', '.join(largest)}. Store long values in the archive, SSM or Secrets Manager."
        )


def encode_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that passes the variables to Terraform, as one JSON string.

    A Terraform variable of type map would be parsed as HCL, in which `${` and `%{` have a meaning.

    Example:
        >>> encode_variables({"TOKEN": "token"})
        {'TF_VAR_environment': '{"TOKEN": "token"}'}
    """
    return {f"TF_VAR_{VARIABLE_NAME}": json.dumps(dict(variables), sort_keys=True)}


def _json_size(variables: Mapping[str, str]) -> int:
    # Lambda measures this JSON; its error message quotes it.
    return len(json.dumps(dict(variables), ensure_ascii=False, separators=(",", ":")).encode())
