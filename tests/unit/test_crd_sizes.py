"""How large an object of each kind can be made, and what stands in its status: the operator keeps them in memory."""

import re
from typing import Any

import pytest

from keypool.api.pool_status import ApiKeyPoolStatus, LastRotation, SettingWarning
from keypool.api.status import Condition, KeyProviderStatus
from tests.unit.core.builders import NOW
from tests.unit.test_crds import ALL, EACH, nodes, schema

Schema = dict[str, Any]
QUOTES, A_NUMBER, AN_ENTRY, AN_ARRAY_ITEM = 2, 20, 6, 20
"""Characters around a text, of a number, and of what separates entries, and items whose texts are counted together."""


def most_together(node: Schema) -> int | None:
    """What a rule allows all keys and values, or all items, to have."""
    for rule in node.get("x-kubernetes-validations", ()):
        if found := re.search(r"\.sum\(\) <= (\d+)$", rule["rule"]):
            return int(found[1])
    return None


def largest(node: Schema, path: str) -> int:
    """Characters of the largest value that the schema takes, in JSON."""
    match node["type"]:
        case "object" if "additionalProperties" in node:
            count, each = node["maxProperties"], largest(node["additionalProperties"], path)
            together = most_together(node)
            return int(count * (253 + each + AN_ENTRY) if together is None else together + count * 2 * AN_ENTRY)
        case "object":
            fields = node.get("properties", {}).items()
            return QUOTES + sum(len(name) + AN_ENTRY + largest(child, f"{path}.{name}") for name, child in fields)
        case "array":
            count, together = node["maxItems"], most_together(node)
            each = largest(node["items"], path)
            return int(count * (each + AN_ENTRY) if together is None else together + count * AN_ARRAY_ITEM)
        case "string":
            texts = node["enum"] if "enum" in node else ["x" * node["maxLength"]]
            return QUOTES + max(map(len, texts))
        case _:
            return A_NUMBER


@pytest.mark.parametrize(("kind", "most"), [("pool", 25_000), ("provider", 64_000), ("holder", 25_000)])
def test_whoever_makes_an_object_makes_it_no_larger_than_so(kind: str, most: int) -> None:
    assert largest(schema(EACH[kind], "spec"), "spec") <= most


def test_an_administrators_provider_is_bounded_for_each_of_its_tenants() -> None:
    spec = schema(ALL["cluster provider"], "spec")
    tenants = spec["properties"]["tenants"]
    assert largest(tenants["items"], "tenants") <= 60_000
    assert largest(spec, "spec") - largest(tenants, "tenants") <= 64_000


@pytest.mark.parametrize("kind", ALL)
def test_every_text_and_list_of_a_status_has_an_end(kind: str) -> None:
    found = [
        path
        for path, node, _ in nodes(schema(ALL[kind], "status"), "status")
        if (node.get("type") == "string" and "maxLength" not in node and "enum" not in node)
        or (node.get("type") == "array" and "maxItems" not in node)
        or "additionalProperties" in node
    ]
    assert found == []


def test_what_is_too_long_for_a_status_is_cut_where_it_is_written() -> None:
    """Else the API server would refuse the whole report."""
    much = "x" * 100_000
    told = ApiKeyPoolStatus(
        conditions=(Condition(type="Ready", status="False", reason="A", message=much, last_transition_time=NOW),),
        next_action=much,
        last_rotation=LastRotation(at=NOW, slot=0, reason=much, new_fingerprint=much),
        warnings=(SettingWarning(reason="A", message=much),),
    ).dump()
    limits = schema(ALL["pool"], "status")["properties"]
    message = limits["conditions"]["items"]["properties"]["message"]["maxLength"]
    assert told["conditions"][0]["message"] == "x" * (message - 1) + "\u2026"
    assert len(told["nextAction"]) == limits["nextAction"]["maxLength"]
    assert len(told["lastRotation"]["reason"]) == limits["lastRotation"]["properties"]["reason"]["maxLength"]
    assert len(told["warnings"][0]["message"]) == limits["warnings"]["items"]["properties"]["message"]["maxLength"]


def test_what_somebody_wrote_too_long_into_a_status_can_be_read() -> None:
    """Its conditions tell since when they hold."""
    condition = {"type": "Ready", "status": "True", "reason": "A", "message": "x" * 9999}
    moment = {"lastTransitionTime": "2026-11-24T09:00:00Z"}
    read = KeyProviderStatus.model_validate({"conditions": [condition | moment]})
    assert len(read.conditions[0].message) <= 1024
