"""What the tests of declarations share: services made of functions, and the text of a refusal."""

from collections.abc import Callable
from typing import Any

import pytest

from coworks_async import DeclarationError, TechMicroService, entry


class Open(TechMicroService):
    """A service whose undecorated entries can be asked without a fuss."""

    async def token_authorizer(self, token):
        return True


TOKEN = {"Authorization": "any"}


def service_of(**methods: Callable[..., Any]) -> TechMicroService:
    """Build a service, called `Service` in errors, of open entries with these names."""
    members = {name: entry(no_auth=True)(method) for name, method in methods.items()}
    service: type[TechMicroService] = type("Service", (TechMicroService,), members)
    return service()


def endpoint(name: str, parameters: str = "") -> Callable[..., Any]:
    """Make a method that answers its name and what it got."""
    taken = [part.strip().split("=")[0].lstrip("*") for part in parameters.split(",") if part.strip()]
    source = f"lambda self, {parameters}: {{'is': {name!r}, 'got': [{', '.join(taken)}]}}"
    method: Callable[..., Any] = eval(source)  # noqa: S307
    return method


def made_of(**signatures: str) -> TechMicroService:
    """Build a service of such methods, from their names and the parameters behind self."""
    return service_of(**{name: endpoint(name, signature) for name, signature in signatures.items()})


def refusal(build: Callable[..., object], *args: object, **kwargs: object) -> str:
    """Return the text of the `DeclarationError` that `build` raises."""
    with pytest.raises(DeclarationError) as caught:
        build(*args, **kwargs)
    return str(caught.value)


def routes(service: TechMicroService) -> set[str]:
    """Return the entries of a service as `GET /path`."""
    return {f"{entry.method} {entry.path}" for entry in service.entries}
