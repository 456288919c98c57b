"""Render Terraform's JSON syntax: expressions are marked, and other text is escaped.

https://developer.hashicorp.com/terraform/language/syntax/json#expression-mapping
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that Terraform evaluates, such as `Expression("aws_iam_role.service.arn")`."""

    text: str


@dataclass(frozen=True, slots=True)
class TemplateString:
    """Text and expressions, such as `TemplateString(("arn:", Expression("local.partition"), ":s3:::bucket"))`."""

    parts: tuple[str | Expression, ...]


def render(value: Any) -> Any:
    """Convert a value to Terraform's JSON, in which only `Expression`s are evaluated.

    Example:
        >>> render({"name": "a ${b}", "role": Expression("aws_iam_role.service.arn")})
        {'name': 'a $${b}', 'role': '${aws_iam_role.service.arn}'}
    """
    match value:
        case Expression(text):
            return f"${{{text}}}"
        case TemplateString(parts):
            return "".join(render(part) for part in parts)
        case str():
            return value.replace("${", "$${").replace("%{", "%%{")
        case Mapping():
            return {key: render(each) for key, each in value.items()}
        case list() | tuple():
            return [render(each) for each in value]
        case _:
            return value
