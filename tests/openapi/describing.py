"""Services made of one annotation, and what their documents say of it."""

from collections.abc import Callable
from typing import Any

from coworks_async import TechMicroService, entry
from tests.openapi.judging import described, only_operation

Schema = dict[str, Any]

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def one(name: str, method: Callable[..., Any], **options: Any) -> TechMicroService:
    """Return a service of one open entry."""
    service: type[TechMicroService] = type("Service", (TechMicroService,), {name: entry(**options)(method)})
    return service()


def taking(annotation: Any, *default: Any, name: str = "post") -> TechMicroService:
    """Return a service whose entry takes a `value` of this annotation, keyword-only."""

    async def method(self: TechMicroService, *, value: Any) -> None:
        return None

    method.__annotations__["value"] = annotation
    method.__kwdefaults__ = {"value": default[0]} if default else None
    return one(name, method, no_auth=True)


def returning(annotation: Any, **options: Any) -> TechMicroService:
    """Return a service whose entry says that it returns this."""

    async def method(self: TechMicroService) -> Any:
        return None

    method.__annotations__["return"] = annotation
    return one("get", method, **options)


def schema_of(annotation: Any, *default: Any) -> Schema:
    """Return the schema of a property of a JSON body."""
    body = only_operation(described(taking(annotation, *default)))["requestBody"]["content"][JSON]["schema"]
    found: Schema = body.get("oneOf", [body])[0]["properties"]["value"]
    return found


def query_of(annotation: Any, *default: Any) -> Schema | None:
    """Return the parameter of a query, None where there is none."""
    parameters = only_operation(described(taking(annotation, *default, name="get"))).get("parameters", [None])
    found: Schema | None = parameters[0]
    return found


def components_of(service: TechMicroService) -> dict[str, Schema]:
    """Return the components of a document, but that of problems."""
    schemas: dict[str, Schema] = described(service)["components"]["schemas"]
    return {name: schema for name, schema in schemas.items() if name != "Problem"}


def answers_of(annotation: Any, **options: Any) -> dict[str, Any]:
    """Return the answers that are no problems, without their descriptions."""
    responses = only_operation(described(returning(annotation, **options)))["responses"]
    return {
        status: {name: value for name, value in answer.items() if name != "description"}
        for status, answer in responses.items()
        if "$ref" not in answer
    }
