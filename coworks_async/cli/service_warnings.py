"""Warnings about a service that are probably mistakes: no token to compare with, and undecorated methods."""

import inspect
from collections.abc import Mapping
from pathlib import Path

import click

from coworks_async.entries.blueprints import Blueprint
from coworks_async.entries.discovery import find_undecorated
from coworks_async.pipeline.authorizer import MISSING_ENVIRONMENT_TOKEN
from coworks_async.service import TechMicroService
from coworks_async.types import Function


def warn_missing_token(service: TechMicroService, variables: Mapping[str, str]) -> None:
    """Warn if the service compares tokens with the variable `TOKEN`, which is not set."""
    has_default_rule = getattr(service.token_authorizer, "__func__", None) is TechMicroService.token_authorizer
    if has_default_rule and not variables.get("TOKEN") and not all(entry.no_auth for entry in service.entries):
        click.echo(f"Warning: {MISSING_ENVIRONMENT_TOKEN}", err=True)


def list_undecorated(service: TechMicroService) -> list[Function]:
    """Return the methods of a service and its blueprints that are named like entries, but not decorated."""
    blueprints = dict.fromkeys(type(blueprint) for blueprint in service.blueprints.values())
    found = find_undecorated(type(service), TechMicroService)
    return [*found, *(method for cls in blueprints for method in find_undecorated(cls, Blueprint))]


def warn_undecorated(service: TechMicroService) -> None:
    names = [method.__qualname__ for method in list_undecorated(service)]
    if names:
        more = f" and {len(names) - 3} more (cws routes --undecorated)" if len(names) > 3 else ""
        click.echo(
            f"Warning: methods without @entry are not entries: {', '.join(names[:3])}{more}. "
            "Decorate them, or put '_' before their names.",
            err=True,
        )


def locate(method: Function) -> str:
    """Return the file and the line of a method, relative to the current folder if it is inside."""
    code = inspect.unwrap(method).__code__
    file = Path(code.co_filename)
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return f"{shown}:{code.co_firstlineno}"
