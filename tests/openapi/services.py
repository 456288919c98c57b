"""Create services with a few entries, and read single parts of their documents."""

from collections.abc import Callable, Mapping
from typing import Any

from coworks_async import TechMicroService, entry
from tests.openapi.document_validation import create_document, get_operation

Schema = dict[str, Any]

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


def create_service(methods: Mapping[str, Callable[..., Any]], **options: Any) -> TechMicroService:
    """Return a service with an entry for each method.

    Args:
        options: those of `@entry`; `no_auth` by default.
    """
    options = {"no_auth": True, **options}
    members = {name: entry(**options)(method) for name, method in methods.items()}
    service: type[TechMicroService] = type("Service", (TechMicroService,), members)
    return service()


def describe_entry(name: str, method: Callable[..., Any], **options: Any) -> dict[str, Any]:
    """Return the operation of a method as an entry."""
    return get_operation(create_document(create_service({name: method}, **options)))


def create_input_service(annotation: Any, *default: Any, name: str = "post") -> TechMicroService:
    """Return a service whose entry has a keyword-only parameter `value` of a type."""

    async def method(self: TechMicroService, *, value: Any) -> None:
        return None

    method.__annotations__["value"] = annotation
    method.__kwdefaults__ = {"value": default[0]} if default else None
    return create_service({name: method})


def describe_input(annotation: Any, *default: Any, name: str = "post") -> dict[str, Any]:
    """Return the operation of an entry with a keyword-only parameter `value` of a type."""
    return get_operation(create_document(create_input_service(annotation, *default, name=name)))


def create_structured_service(annotation: Any, *default: Any) -> TechMicroService:
    """Return a service whose POST and GET take one positional parameter of a structured type."""

    async def method(self: TechMicroService, item: Any) -> str:
        return "bound"

    method.__annotations__["item"] = annotation
    method.__defaults__ = default
    return create_service({"post": method, "get": method})


def create_output_service(annotation: Any, **options: Any) -> TechMicroService:
    """Return a service whose entry has a return annotation."""

    async def method(self: TechMicroService) -> Any:
        return None

    method.__annotations__["return"] = annotation
    return create_service({"get": method}, **options)


def get_input_schema(annotation: Any, *default: Any) -> Schema:
    """Return the schema of a type as a property of a JSON body."""
    body = describe_input(annotation, *default)["requestBody"]["content"][JSON]["schema"]
    schema: Schema = body.get("oneOf", [body])[0]["properties"]["value"]
    return schema


def get_query_parameter(annotation: Any, *default: Any) -> Schema | None:
    """Return the query parameter of a type, if there is one."""
    parameter: Schema | None = describe_input(annotation, *default, name="get").get("parameters", [None])[0]
    return parameter


def get_structured_operation(method: str, annotation: Any, *default: Any) -> dict[str, Any]:
    """Return the operation of GET or POST for a structured type."""
    operation: dict[str, Any]
    operation = create_document(create_structured_service(annotation, *default))["paths"]["/"][method]
    return operation


def get_components(service: TechMicroService) -> dict[str, Schema]:
    """Return the component schemas of a service except that of errors."""
    schemas: dict[str, Schema] = create_document(service)["components"]["schemas"]
    return {name: schema for name, schema in schemas.items() if name != "Problem"}


def get_responses(annotation: Any, **options: Any) -> dict[str, Any]:
    """Return the responses of a return annotation, without errors and descriptions."""
    responses = get_operation(create_document(create_output_service(annotation, **options)))["responses"]
    return {
        status: {name: value for name, value in response.items() if name != "description"}
        for status, response in responses.items()
        if "$ref" not in response
    }
