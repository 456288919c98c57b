"""The schemas of pydantic models, which pydantic makes; for the services that use it."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from coworks_async.openapi.components import Schema

Mode = Literal["validation", "serialization"]

_REFERENCE = "#/pydantic/"


class ModelSchemas:
    """What pydantic made of the models of a document: a reference each, and the definitions that they refer to."""

    def __init__(self, schemas: dict[tuple[Any, Mode], Schema], definitions: dict[str, Schema]) -> None:
        self._schemas = schemas
        self._definitions = definitions

    def name_of(self, model: Any, mode: Mode) -> str:
        """Return the name of a model's definition."""
        reference: str = self._schemas[model, mode]["$ref"]
        return reference.removeprefix(_REFERENCE)

    def definition(self, name: str, refer: Callable[[str], Schema]) -> Schema:
        """Return a definition, in which `refer` makes the references to others."""
        schema: Schema = _referring(self._definitions[name], refer)
        return schema


def model_schemas(models: Sequence[tuple[Any, Mode]]) -> ModelSchemas:
    """Have pydantic make the schemas of all models of a document at once, since their names depend on each other.

    Where what is sent and what is answered are not alike, pydantic calls them `Item-Input` and `Item-Output`. Unknown
    keys are refused as the converters refuse them: unless a model sets `extra` itself.
    """
    if not models:
        return ModelSchemas({}, {})
    from pydantic.json_schema import models_json_schema

    schemas, rest = models_json_schema(models, ref_template=_REFERENCE + "{model}", schema_generator=_generator())
    return ModelSchemas(dict(schemas), rest.get("$defs", {}))


def _generator() -> Any:
    from pydantic.json_schema import GenerateJsonSchema

    class Generator(GenerateJsonSchema):
        ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - pydantic's own form

        def model_schema(self, schema: Any) -> Any:
            return self._close(super().model_schema(schema), schema["cls"])

        def dataclass_schema(self, schema: Any) -> Any:
            return self._close(super().dataclass_schema(schema), schema["cls"])

        def typed_dict_schema(self, schema: Any) -> Any:
            return self._close(super().typed_dict_schema(schema), schema.get("cls"))

        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Any:
            """What has no JSON Schema, a type of somebody else's say, may be anything."""
            return {}

        def _close(self, made: Any, kind: Any) -> Any:
            config = getattr(kind, "model_config", None) or getattr(kind, "__pydantic_config__", None) or {}
            if "properties" in made and config.get("extra") is None:
                made.setdefault("additionalProperties", False)
            return made

    return Generator


def _referring(value: Any, refer: Callable[[str], Schema]) -> Any:
    if isinstance(value, list):
        return [_referring(item, refer) for item in value]
    if isinstance(value, dict):
        return {key: _referring(item, refer) for key, item in value.items()}
    if isinstance(value, str) and value.startswith(_REFERENCE):
        return refer(value.removeprefix(_REFERENCE))["$ref"]
    return value
