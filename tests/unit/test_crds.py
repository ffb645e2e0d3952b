"""The CRDs in crds/ are what the models say, and the models say enough."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from keypool.api.crd import cluster_provider_crd, files, holder_crd, main, pool_crd, provider_crd
from keypool.api.crd_rules import POOL_RULES
from keypool.api.pool import ApiKeyPoolSpec, ProviderRef
from keypool.api.pool_status import ApiKeyPoolStatus, NextRotation

CRDS = Path(__file__).parents[2] / "crds"
Schema = dict[str, Any]


def schema(crd: Schema, part: str) -> Schema:
    """The schema of spec or status."""
    properties: Schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    found: Schema = properties[part]
    return found


def fields(node: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Every field below a schema, with its path."""
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from fields(child.get("items", child), f"{path}.{name}")


ALL = {"pool": pool_crd(), "provider": provider_crd(), "cluster provider": cluster_provider_crd()}
EACH = {**ALL, "holder": holder_crd()}
"""Also the kind without a status."""
SPEC = {f"{kind} {path}": field for kind, crd in EACH.items() for path, field in fields(schema(crd, "spec"), "spec")}
STATUS = {path: field for crd in ALL.values() for path, field in fields(schema(crd, "status"), "status")}


def test_the_files_are_what_the_models_generate() -> None:
    """`make crds` was run after the last change, and nobody edited its output."""
    assert {path.name: path.read_text() for path in CRDS.glob("*.yaml")} == files()


def test_generating_writes_every_file(tmp_path: Path) -> None:
    """Also into a folder that is not there yet."""
    main(tmp_path / "new")
    assert {path.name: path.read_text() for path in (tmp_path / "new").iterdir()} == files()


@pytest.mark.parametrize("path", SPEC)
def test_a_field_says_what_a_change_does_to_the_keys(path: str) -> None:
    """Rotates them, is made in place, or is not possible."""
    assert re.search(r"rotat|in place|Immutable", SPEC[path]["description"])


@pytest.mark.parametrize("path", [path for path, field in SPEC.items() if isinstance(field.get("default"), str | int)])
def test_a_default_is_told(path: str) -> None:
    """`kubectl explain` shows nothing of a default but what the description says."""
    value = str(SPEC[path]["default"])
    shown = value.lower() if SPEC[path]["type"] == "boolean" else value
    assert re.search(rf"default {shown}\b|\b{shown} \(default\)", SPEC[path]["description"])


@pytest.mark.parametrize("path", [path for path, field in SPEC.items() if field["type"] == "array"])
def test_every_list_has_a_maximum_and_a_type(path: str) -> None:
    """Without a maximum a manifest could be made large; without a type server-side apply cannot merge it."""
    assert SPEC[path].keys() >= {"maxItems", "x-kubernetes-list-type"}


def nodes(node: Any, path: str, *, listed: bool = False) -> Iterator[tuple[str, Schema, bool]]:
    """Every schema below one, with its path, and whether it stands inside a list's items."""
    yield path, node, listed
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}", listed=listed)
    for form in ("items", "additionalProperties"):
        if form in node:
            yield from nodes(node[form], f"{path}[]", listed=listed or form == "items")


@pytest.mark.parametrize("kind", EACH)
def test_the_api_server_keeps_a_crd_as_it_is_written(kind: str) -> None:
    """It drops empty maps of fields: Argo CD would call the CRD out of sync for ever."""
    root = EACH[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert [path for path, node, _ in nodes(root, kind) if node.get("properties", True) == {}] == []


@pytest.mark.parametrize("kind", EACH)
def test_nothing_is_filled_in_inside_a_list(kind: str) -> None:
    """A list is compared whole: Argo CD would call an object that has one out of sync for ever."""
    found = nodes(EACH[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"], kind)
    assert [path for path, node, listed in found if listed and "default" in node] == []


@pytest.mark.parametrize("place", [place for place, rules in POOL_RULES.items() if "duration(self)" in rules[0].rule])
def test_a_duration_is_described_with_the_bounds_that_are_enforced(place: str) -> None:
    """`kubectl explain` and the refusal name the same figures."""
    for bound in re.findall(r"duration\('(\w+)'\)", POOL_RULES[place][0].rule):
        if place != "spec.rotation.renewBefore" or bound == "0s":
            assert bound in SPEC[f"pool {place}"]["description"]


def test_every_duration_is_bounded_by_a_rule() -> None:
    """A duration is a string, so only a rule knows what it may be."""
    durations = [path for path, field in SPEC.items() if field.get("maxLength") == 32 and "pattern" not in field]
    assert len(durations) == 7
    assert all("x-kubernetes-validations" in SPEC[path] for path in durations)


@pytest.mark.parametrize("path", STATUS)
def test_a_status_field_is_described_and_has_no_default(path: str) -> None:
    """The operator writes what it means; the API server must not add to it."""
    assert "default" not in STATUS[path]
    assert STATUS[path]["description"]


def test_a_moment_is_written_in_utc_to_the_second() -> None:
    """As Kubernetes writes times, whatever the zone it came in."""
    local = datetime(2026, 11, 24, 12, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))
    assert NextRotation(at=local, slot=0, why="").dump()["at"] == "2026-11-24T10:00:00Z"


def test_a_status_leaves_out_what_is_not_known() -> None:
    """Absent, not null."""
    assert ApiKeyPoolStatus().dump() == {"conditions": [], "replicas": 0, "keys": []}


def test_a_refused_manifest_is_not_quoted() -> None:
    """A value pasted into the wrong field does not reach logs through an exception."""
    with pytest.raises(ValidationError) as refusal:
        ApiKeyPoolSpec(provider_ref=ProviderRef(name="sk-CANARY value"))
    assert "CANARY" not in str(refusal.value)
