"""Create the schemas of pydantic models, with pydantic itself. Only imported for services that use it."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from coworks_async.entries.pydantic_models import get_config
from coworks_async.openapi.components import Mode, Schema, replace_references

_PREFIX = "#/pydantic/"


class ModelSchemas:
    """The schemas of all pydantic models of a document, created together because their names depend on each other.

    A model whose input and output differ becomes `Item-Input` and `Item-Output`.
    """

    def __init__(self, models: Sequence[tuple[Any, Mode]]) -> None:
        schemas, rest = models_json_schema(
            models, ref_template=_PREFIX + "{model}", schema_generator=_ClosedSchemaGenerator
        )
        self._schemas = schemas
        self._definitions: dict[str, Schema] = rest.get("$defs", {})

    def get_name(self, model: Any, mode: Mode) -> str:
        reference: str = self._schemas[model, mode]["$ref"]
        return reference.removeprefix(_PREFIX)

    def get_definition(self, name: str, refer: Callable[[str], Schema]) -> Schema:
        """Return a definition; `refer` creates its references to other definitions."""
        schema: Schema = replace_references(self._definitions[name], _PREFIX, lambda other: refer(other)["$ref"])
        return schema


class _ClosedSchemaGenerator(GenerateJsonSchema):
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as in pydantic

    def model_schema(self, schema: Any) -> Any:
        return _close(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: Any) -> Any:
        return _close(super().dataclass_schema(schema), schema["cls"])

    def typed_dict_schema(self, schema: Any) -> Any:
        return _close(super().typed_dict_schema(schema), schema.get("cls"))

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Any:
        return {}  # a class of another library: any value


def _close(schema: Schema, cls: Any) -> Schema:
    """Reject unknown keys as the converters do, unless a class sets `extra`."""
    if "properties" in schema and get_config(cls).get("extra") is None:
        schema.setdefault("additionalProperties", False)
    return schema
