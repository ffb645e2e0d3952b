"""From a pydantic model to the structural OpenAPI v3 schema that a CustomResourceDefinition takes.

Pydantic writes `$ref`, `anyOf` with null, titles and `additionalProperties: false`; a structural schema has none of
them. Optional means absent here: null is not a value.
"""

from copy import deepcopy
from typing import Any

from pydantic import BaseModel

from keypool.api import duration
from keypool.api.forms import FORM

Schema = dict[str, Any]

_KEPT = (
    "description", "type", "format", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
    "maxProperties", "required", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
)  # fmt: skip


def structural(model: type[BaseModel], *, defaults: bool) -> Schema:
    """The schema of `model`; with `defaults`, those of the fields stand in it, except None ("decided in code"), and
    none inside list items. A list is compared whole: tools that hold a manifest against what is live (Argo CD) would
    take an item that was filled in for a difference, for ever."""
    source = model.model_json_schema(by_alias=True)
    return _Writer(source.get("$defs", {}), defaults=defaults).write(source)


class _Writer:
    def __init__(self, definitions: dict[str, Schema], *, defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults

    def write(self, source: Schema) -> Schema:
        source = self._resolve(source)
        schema = {name: source[name] for name in _KEPT if name in source}
        if "x-keypool-duration" in source:
            schema = {name: schema[name] for name in ("description", "type") if name in schema}
            schema["maxLength"] = duration.MAX_LENGTH
        if "pattern" in source:
            schema |= _pattern(source)
        if schema.get("type") == "integer":
            schema["format"] = "int64" if source.get("maximum", 2**31) >= 2**31 else "int32"
        schema |= self._children(source)
        if self._defaults and source.get("default") is not None:
            schema["default"] = source["default"] if "properties" not in schema else _spelt_out(schema)
        return schema

    def _children(self, source: Schema) -> Schema:
        if source.get("properties"):  # none at all: the API server would drop the empty map, and differ from the file
            return {"properties": {name: self.write(field) for name, field in source["properties"].items()}}
        if "items" in source:
            return {"items": _Writer(self._definitions, defaults=False).write(source["items"])}
        if isinstance(source.get("additionalProperties"), dict):
            return {"additionalProperties": self.write(source["additionalProperties"])}
        return {}

    def _resolve(self, source: Schema) -> Schema:
        """Follows `$ref` and "this or null"; what stands beside them, such as the description, wins."""
        if "anyOf" in source:
            (only,) = (option for option in source["anyOf"] if option != {"type": "null"})
            return {**self._resolve(only), **{key: value for key, value in source.items() if key != "anyOf"}}
        if "$ref" in source:
            target = self._definitions[source["$ref"].removeprefix("#/$defs/")]
            return {**target, **{key: value for key, value in source.items() if key != "$ref"}}
        return source


def _spelt_out(schema: Schema) -> Schema:
    """An object's default names its fields', because the API server checks rules before it fills in nested ones."""
    defaults = {name: field["default"] for name, field in schema["properties"].items() if "default" in field}
    return deepcopy(defaults)  # else YAML would write what stands twice as an alias


def _pattern(source: Schema) -> Schema:
    if FORM not in source:
        return {"pattern": source["pattern"]}
    return {"x-kubernetes-validations": [{"rule": f"self.matches({source['pattern']!r})", "message": source[FORM]}]}
