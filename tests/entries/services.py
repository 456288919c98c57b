"""Services and blueprints for the tests of declarations, and the message of a declaration error."""

from collections.abc import Callable
from typing import Any

import pytest

from coworks_async import Blueprint, DeclarationError, TechMicroService, entry


class AnyTokenService(TechMicroService):
    """A service that accepts any token."""

    async def token_authorizer(self, token):
        return True


TOKEN = {"Authorization": "any"}


class Pages(Blueprint):
    @entry(no_auth=True)
    async def get(self, number: int):
        return {"page": number}

    @entry(no_auth=True)
    async def get_new(self):
        return "new"


def create_service(**methods: Callable[..., Any]) -> TechMicroService:
    """Create a service of the class `Service` with open entries of these names."""
    members = {name: entry(no_auth=True)(method) for name, method in methods.items()}
    service: type[TechMicroService] = type("Service", (TechMicroService,), members)
    return service()


def create_method(name: str, parameters: str = "") -> Callable[..., Any]:
    """Create a method that returns its name and its arguments."""
    arguments = [part.strip().split("=")[0].lstrip("*") for part in parameters.split(",") if part.strip()]
    source = f"lambda self, {parameters}: {{'is': {name!r}, 'got': [{', '.join(arguments)}]}}"
    method: Callable[..., Any] = eval(source)  # noqa: S307
    return method


def create_echo_service(**signatures: str) -> TechMicroService:
    """Create a service of such methods from their names and the parameters after self."""
    return create_service(**{name: create_method(name, signature) for name, signature in signatures.items()})


def declaration_error(build: Callable[..., object], *args: object, **kwargs: object) -> str:
    """Return the message of the `DeclarationError` that `build` raises."""
    with pytest.raises(DeclarationError) as caught:
        build(*args, **kwargs)
    return str(caught.value)


def list_routes(service: TechMicroService) -> set[str]:
    """Return the entries of a service as `GET /path`."""
    return {f"{entry.method} {entry.path}" for entry in service.entries}
