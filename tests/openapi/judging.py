"""A reader of OpenAPI documents that knows nothing of how they are made: is a request allowed by one?"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import OpenAPIV31SpecValidator

from coworks_async import TechMicroService
from coworks_async.openapi import openapi


def described(service: TechMicroService) -> dict[str, Any]:
    """Return the document of a service, which is valid, and the same when it is read from JSON."""
    document = openapi(service)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    OpenAPIV31SpecValidator(document).validate()
    return document


def operation_of(service: TechMicroService) -> dict[str, Any]:
    """Return the operation of a service that has but one entry."""
    return only_operation(described(service))


def only_operation(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the operation of a document that has but one."""
    [methods] = document["paths"].values()
    [operation] = methods.values()
    found: dict[str, Any] = operation
    return found


def validator(document: Mapping[str, Any], schema: Mapping[str, Any]) -> OAS31Validator:
    """Return what validates against a schema of a document."""
    return OAS31Validator({"components": document["components"], **schema}, format_checker=oas31_format_checker)


def allows(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> bool:
    """Tell whether a value is valid by a schema of a document."""
    return bool(validator(document, schema).is_valid(value))


Read = Callable[[str], list[Any]]
"""What a string may stand for, itself among it."""


def allows_text(
    document: Mapping[str, Any], schema: Mapping[str, Any], texts: Sequence[str], read: Read | None = None
) -> bool:
    """Tell whether what one name has in a path, a query or a form can be read as a value that is valid."""
    for reading in product(*map(read or readings, texts)):
        if allows(document, schema, list(reading)) or (len(reading) == 1 and allows(document, schema, reading[0])):
            return True
    return False


def readings(text: str) -> list[Any]:
    """Return a string, and the number or the boolean that JSON would write like it.

    `7.0` is left out: it is an integer to JSON Schema and none to us.
    """
    try:
        value = json.loads(text)
        same = json.dumps(value, allow_nan=False) == text
    except ValueError:
        return [text]
    if isinstance(value, float) and value.is_integer():
        return [text]
    return [text, value] if same and isinstance(value, bool | int | float) else [text]


def conversions(text: str) -> list[Any]:
    """Return a string, and all that it is taken for where something else is asked for.

    So the document says in its description. It is written here once more, and only as far as the tests go.
    """
    found: list[Any] = readings(text)
    if re.fullmatch(r"-?[0-9]+", text):
        found.append(int(text))
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        found.append(float(text))
    if text.lower() in ("true", "1", "yes", "on", "false", "0", "no", "off"):
        found.append(text.lower() in ("true", "1", "yes", "on"))
    if re.fullmatch(r"([0-9-]{10}T)?[0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        found.append(f"{text}Z")
    return found


def may_allow(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> bool:
    """Tell whether a value is valid by a schema, the strings in it taken for what they convert to.

    Where they have too many readings to try, it may be.
    """
    strings = [part for part in parts(value) if isinstance(part, str)]
    if prod(len(conversions(text)) for text in strings) > MAX_READINGS:
        return True
    return any(allows(document, schema, variant) for variant in variants(value))


MAX_READINGS = 500


def variants(value: Any) -> Iterator[Any]:
    """Yield a JSON value with each reading of the strings in it; the names of objects stay as they are."""
    if isinstance(value, str):
        yield from conversions(value)
    elif isinstance(value, list):
        yield from map(list, product(*map(variants, value)))
    elif isinstance(value, dict):
        yield from (dict(zip(value, items, strict=True)) for items in product(*map(variants, value.values())))
    else:
        yield value


def judged_names(
    document: Mapping[str, Any], schema: Mapping[str, Any], given: Mapping[str, Any], *, text: bool
) -> tuple[bool, bool]:
    """Judge an object by its schema: is it allowed, and, if it is not, must it be refused?

    A string that converts may be taken for a number; what else is not allowed must be refused, and so must a name that
    is not known or that is missing.
    """
    properties, allowed = schema.get("properties", {}), True
    reserved = schema.get("propertyNames", {}).get("not", {}).get("enum", [])
    if not set(schema.get("required", [])) <= set(given):
        return False, True
    for name, value in given.items():
        own = properties.get(name, schema.get("additionalProperties", {}))
        if own is False or (name not in properties and name in reserved):
            return False, True
        if (allows_text if text else allows)(document, own, value):
            continue
        allowed = False
        may = allows_text(document, own, value, conversions) if text else may_allow(document, own, value)
        if not may:
            return False, True
    return allowed, False


def query_schema(parameters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the query as one object: a free-form parameter has the names that no other has."""
    query = [parameter for parameter in parameters if parameter["in"] == "query"]
    [rest] = [parameter["schema"] for parameter in query if parameter.get("style") == "form"] or [{}]
    named = [parameter for parameter in query if parameter.get("style") is None]
    return {
        "properties": {parameter["name"]: parameter["schema"] for parameter in named},
        "required": [parameter["name"] for parameter in named if parameter.get("required")],
        "additionalProperties": rest.get("additionalProperties", False),
        "propertyNames": rest.get("propertyNames", {}),
    }


def parts(value: Any) -> Iterator[Any]:
    """Yield a JSON value and all that is in it."""
    yield value
    if isinstance(value, list):
        for item in value:
            yield from parts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from parts(item)
