"""The JSON schema of the audit log's lines, made from their types. Pure."""

from typing import Any

from pydantic import TypeAdapter

from keypool.core.audit.lines import LINES, Header, Line


def schema() -> dict[str, Any]:
    """Each line of the log fits exactly one of the kinds."""
    header = schema_of(Header)
    definitions: dict[str, Any] = {}
    for line in LINES:
        own = schema_of(line)
        definitions |= own.pop("$defs", {})
        definitions[line.__name__] = _kind(line, own, header)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of keypool's audit log",
        "oneOf": [{"$ref": f"#/$defs/{line.__name__}"} for line in LINES],
        "$defs": definitions,
    }


def schema_of(kind: type) -> dict[str, Any]:
    """Of one kind's own fields."""
    return TypeAdapter(kind).json_schema(mode="serialization")


def _kind(line: type[Line], own: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    properties = {**header["properties"], **own.get("properties", {})}
    properties["audit"] = {"const": line.audit, "description": header["properties"]["audit"]["description"]}
    return {
        "type": "object",
        "description": (line.__doc__ or "").strip(),
        "properties": {name: _without_null(each) for name, each in properties.items()},
        "required": [*header["properties"], *_required(own)],
        "additionalProperties": False,
    }


def _required(own: dict[str, Any]) -> list[str]:
    """What is empty stands there all the same; what is absent, or an empty list, does not."""
    properties = own.get("properties", {})
    return [name for name, each in properties.items() if "anyOf" not in each and each.get("default", "") != []]


def _without_null(each: dict[str, Any]) -> dict[str, Any]:
    """A field that has nothing to say is left out."""
    kept = {name: value for name, value in each.items() if name not in ("default", "anyOf", "title")}
    for choice in each.get("anyOf", ()):
        if choice.get("type") != "null":
            kept |= choice
    return kept
