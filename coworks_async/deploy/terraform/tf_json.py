"""Terraform's expressions in JSON, told apart from text that only looks like one.

https://developer.hashicorp.com/terraform/language/syntax/json#expression-mapping
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Expression:
    """What Terraform works out, as in `Expression("aws_iam_role.service.arn")`."""

    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """Text with expressions in it, as in `Template(("arn:", Expression("local.partition"), ":s3:::bucket"))`."""

    parts: tuple[str | Expression, ...]


def rendered(value: Any) -> Any:
    """Return a value as Terraform's JSON has it: expressions in `${}`, and no text that means anything.

    Example:
        >>> rendered({"name": "a ${b}", "role": Expression("aws_iam_role.service.arn")})
        {'name': 'a $${b}', 'role': '${aws_iam_role.service.arn}'}
    """
    match value:
        case Expression(text):
            return f"${{{text}}}"
        case Template(parts):
            return "".join(rendered(part) for part in parts)
        case str():
            return value.replace("${", "$${").replace("%{", "%%{")
        case Mapping():
            return {key: rendered(each) for key, each in value.items()}
        case list() | tuple():
            return [rendered(each) for each in value]
        case _:
            return value
