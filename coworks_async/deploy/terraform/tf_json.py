"""Values of Terraform's JSON syntax: text, and templates that Terraform evaluates.

https://developer.hashicorp.com/terraform/language/syntax/json
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Template:
    """A value whose strings Terraform evaluates, such as `Template("${local.routes}")`."""

    value: Any


def render(value: Any) -> Any:
    """Convert a value to Terraform's JSON, in which all text outside a `Template` is escaped."""
    match value:
        case Template(content):
            return content
        case str():
            return escape_template(value)
        case Mapping():
            return {key: render(each) for key, each in value.items()}
        case list() | tuple():
            return [render(each) for each in value]
        case _:
            return value


def escape_template(text: str) -> str:
    """Escape text in a Terraform template."""
    return text.replace("${", "$${").replace("%{", "%%{")
