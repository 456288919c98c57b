"""Add the responses of `@entry(responses=...)` and of `openapi_responses` to those of an operation."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from coworks_async.entries.decorators import list_problems
from coworks_async.exceptions import Problem
from coworks_async.openapi.responses import (
    DeclaredResponse,
    ResponseObject,
    add_content,
    create_problem_response,
    iter_type_responses,
)
from coworks_async.openapi.schemas import Schemas
from coworks_async.pipeline.errors import exception_members, status_title
from coworks_async.pipeline.responses import encode_json

Documented = Mapping[int, Any]
"""Documented responses by status: a description, the type of the body, a `Problem` or several."""


def iter_documented_types(documented: Documented) -> Iterator[DeclaredResponse]:
    """Yield the responses that are documented by the type of their body."""
    for status, response in documented.items():
        if not isinstance(response, str) and not list_problems(response):
            for declared in iter_type_responses(response):
                yield replace(declared, status=str(status))


def document_responses(
    responses: Mapping[str, ResponseObject], documented: Documented, schemas: Schemas
) -> dict[str, ResponseObject]:
    """Return the responses of an operation with the documented ones, which replace those of their status."""
    result = dict(responses)
    for status, response in documented.items():
        key = str(status)
        if problems := list_problems(response):
            result[key] = _create_problems(key, problems, schemas)
        elif isinstance(response, str):
            result[key] = _describe(status, response, responses.get(key), schemas)
        else:
            result[key] = {"description": status_title(status)}
    for declared in iter_documented_types(documented):
        add_content(result[declared.status], declared, schemas)
    return dict(sorted(result.items()))


def _describe(status: int, description: str, existing: ResponseObject | None, schemas: Schemas) -> ResponseObject:
    if existing is not None and "$ref" not in existing:
        return {**existing, "description": description}
    return create_problem_response(str(status), description, schemas) if status >= 400 else {"description": description}


def _create_problems(status: str, problems: list[Problem], schemas: Schemas) -> ResponseObject:
    titles = [problem.title or problem.detail for problem in problems]
    values = [msgspec.json.decode(encode_json(exception_members(problem))) for problem in problems]
    if len(values) == 1:
        return create_problem_response(status, titles[0], schemas, example=values[0])
    examples = {
        f"problem{number}": {"summary": title, "value": value}
        for number, (title, value) in enumerate(zip(titles, values, strict=True), start=1)
    }
    return create_problem_response(status, "; ".join(dict.fromkeys(titles)), schemas, examples=examples)
