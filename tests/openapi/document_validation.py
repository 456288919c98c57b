"""Validate documents, and requests by a document: independent of the code that creates the documents."""

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

MAX_VARIANTS = 500

Verdict = tuple[bool, bool]
"""Whether the document allows a request, and, if not, whether the service must reject it.

The document forbids strings that convert to the expected type, which the service accepts.
"""


def create_document(service: TechMicroService) -> dict[str, Any]:
    """Return the document of a service. Assert that it is valid, and unchanged by a JSON round trip."""
    document = openapi(service)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    OpenAPIV31SpecValidator(document).validate()
    return document


def get_operation(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the only operation of a document."""
    [methods] = document["paths"].values()
    [operation] = methods.values()
    found: dict[str, Any] = operation
    return found


def create_validator(document: Mapping[str, Any], schema: Mapping[str, Any]) -> OAS31Validator:
    """Return a validator of a schema that may refer to the components of a document."""
    return OAS31Validator({"components": document["components"], **schema}, format_checker=oas31_format_checker)


def is_valid(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> bool:
    return bool(create_validator(document, schema).is_valid(value))


def is_valid_text(
    document: Mapping[str, Any],
    schema: Mapping[str, Any],
    texts: Sequence[str],
    read: Callable[[str], list[Any]] | None = None,
) -> bool:
    """Return whether the strings of one name in a path, a query or a form can be read as a valid value.

    Args:
        read: returns what a string can represent; by default itself and a JSON number or boolean.
    """
    for values in product(*map(read or read_json_scalars, texts)):
        if is_valid(document, schema, list(values)) or (len(values) == 1 and is_valid(document, schema, values[0])):
            return True
    return False


def read_json_scalars(text: str) -> list[Any]:
    """Return a string, and the number or boolean whose JSON is the same text.

    `7.0` is excluded: to JSON Schema it is an integer, to the service it is not.
    """
    try:
        value = json.loads(text)
        is_canonical = json.dumps(value, allow_nan=False) == text
    except ValueError:
        return [text]
    if isinstance(value, float) and value.is_integer():
        return [text]
    return [text, value] if is_canonical and isinstance(value, bool | int | float) else [text]


def read_conversions(text: str) -> list[Any]:
    """Return a string and everything it converts to, as the description of each document states.

    This repeats the rules on purpose, as far as the tests need them.
    """
    found: list[Any] = read_json_scalars(text)
    if re.fullmatch(r"-?[0-9]+", text):
        found.append(int(text))
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        found.append(float(text))
    if text.lower() in ("true", "1", "yes", "on", "false", "0", "no", "off"):
        found.append(text.lower() in ("true", "1", "yes", "on"))
    if re.fullmatch(r"([0-9-]{10}T)?[0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        found.append(f"{text}Z")
    return found


def may_be_valid(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> bool:
    """Return whether a value may be valid once its strings are converted. True if there are too many variants."""
    strings = [part for part in iter_values(value) if isinstance(part, str)]
    if prod(len(read_conversions(text)) for text in strings) > MAX_VARIANTS:
        return True
    return any(is_valid(document, schema, variant) for variant in iter_variants(value))


def iter_variants(value: Any) -> Iterator[Any]:
    """Yield a JSON value with each combination of its converted strings. Keys of objects are unchanged."""
    if isinstance(value, str):
        yield from read_conversions(value)
    elif isinstance(value, list):
        yield from map(list, product(*map(iter_variants, value)))
    elif isinstance(value, dict):
        yield from (dict(zip(value, items, strict=True)) for items in product(*map(iter_variants, value.values())))
    else:
        yield value


def check_object(
    document: Mapping[str, Any], schema: Mapping[str, Any], values: Mapping[str, Any], *, text: bool
) -> Verdict:
    """Check the values of a JSON object (or of a query or form, `text`) by name."""
    properties, allowed = schema.get("properties", {}), True
    reserved = schema.get("propertyNames", {}).get("not", {}).get("enum", [])
    if not set(schema.get("required", [])) <= set(values):
        return False, True
    for name, value in values.items():
        expected = properties.get(name, schema.get("additionalProperties", {}))
        if expected is False or (name not in properties and name in reserved):
            return False, True
        if (is_valid_text if text else is_valid)(document, expected, value):
            continue
        allowed = False
        if text:
            may_convert = is_valid_text(document, expected, value, read_conversions)
        else:
            may_convert = may_be_valid(document, expected, value)
        if not may_convert:
            return False, True
    return allowed, False


def create_query_schema(parameters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the schema of the query as one object. A parameter of style `form` takes all other names."""
    query = [parameter for parameter in parameters if parameter["in"] == "query"]
    [free] = [parameter["schema"] for parameter in query if parameter.get("style") == "form"] or [{}]
    named = [parameter for parameter in query if parameter.get("style") is None]
    return {
        "properties": {parameter["name"]: parameter["schema"] for parameter in named},
        "required": [parameter["name"] for parameter in named if parameter.get("required")],
        "additionalProperties": free.get("additionalProperties", False),
        "propertyNames": free.get("propertyNames", {}),
    }


def group_by_name(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the values of a query or a form by name."""
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def iter_values(value: Any) -> Iterator[Any]:
    """Yield a JSON value and all values inside it."""
    yield value
    if isinstance(value, list):
        for item in value:
            yield from iter_values(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from iter_values(item)


def assert_status(status: int, verdict: Verdict, document: Mapping[str, Any]) -> None:
    """Assert that a response has the status that a verdict requires."""
    allowed, must_reject = verdict
    if allowed:
        assert status == 200, document
    elif must_reject:
        assert status == 422, document
    else:
        assert status in (200, 422), document
