"""The variables of a stage: what Lambda refuses of them, and how they reach Terraform without touching a file."""

import json
import re
from collections.abc import Mapping

from coworks_async.deploy.stack import Stack
from coworks_async.exceptions import CommandError

VARIABLE = "environment"
"""The name of the root's variable."""

LIMIT = 4096

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
# AWS lists others that a function may set: `PATH`, `TZ`, `AWS_XRAY_CONTEXT_MISSING`…
RESERVED = frozenset(
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


def own_variables(stack: Stack) -> dict[str, str]:
    """Return the variables that a stage has by itself: its name, and its base path where no event tells of it.

    They go before those of the environment files. A REST API's events hold the base path of a domain's mapping; an HTTP
    API's have the stage in its place.
    """
    own = {"CWS_STAGE": stack.stage}
    if stack.gateway.kind == "http" and stack.domain is not None and stack.domain.base_path:
        own["CWS_BASE_PATH"] = stack.domain.base_path
    return own


def check_variables(values: Mapping[str, str], stack: Stack) -> None:
    """Check what the environment files give to a stage; values are never told.

    Raises:
        CommandError: a name is reserved or none that Lambda takes, or all is over 4 KB; it names the variables.

    Example:
        >>> check_variables({"TOKEN": "token"}, stack)
    """
    reserved = sorted(RESERVED & values.keys())
    if reserved:
        raise CommandError(
            f"Lambda sets {', '.join(reserved)} by itself and takes no other value: leave it out of the environment "
            "files, or set it in the shell alone."
        )
    wrong = sorted(name for name in values if not _NAME.fullmatch(name))
    if wrong:
        raise CommandError(
            f"Lambda takes no variable called {', '.join(map(repr, wrong))}: a name is a letter, and letters, digits "
            "and '_' after it, two characters at least."
        )
    size = _size({**values, **own_variables(stack)})
    if size > LIMIT:
        largest = sorted(values, key=lambda name: _size({name: values[name]}), reverse=True)[:3]
        raise CommandError(
            f"The environment of stage {stack.stage!r} is {size} bytes, of which Lambda takes {LIMIT}; the largest "
            f"variables are {', '.join(largest)}. Keep long values in the archive, SSM or Secrets Manager."
        )


def terraform_environment(values: Mapping[str, str]) -> dict[str, str]:
    """Return what Terraform finds the variables by: one JSON string.

    (Of a variable that is a map Terraform would read the text as HCL, where `${` and `%{` mean something.)

    Example:
        >>> terraform_environment({"TOKEN": "token"})
        {'TF_VAR_environment': '{"TOKEN": "token"}'}
    """
    return {f"TF_VAR_{VARIABLE}": json.dumps(dict(values), sort_keys=True)}


def _size(values: Mapping[str, str]) -> int:
    """Return the size as Lambda counts it: that of the JSON, which its refusal repeats as the "string measured"."""
    return len(json.dumps(dict(values), ensure_ascii=False, separators=(",", ":")).encode())
