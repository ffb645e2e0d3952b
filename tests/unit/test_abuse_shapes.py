"""Some attacks are impossible by how keypool is made: what has no place to be written down cannot be abused."""

import ast
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from keypool.api import duration
from keypool.core import asked
from keypool.core.limits import Identity
from keypool.core.observation import PoolFacts
from keypool.providers.text import excerpt

ROOT = Path(__file__).parents[2]
OPERATOR = ROOT / "operator" / "keypool"
NAMESPACED = ("apikeypools", "keyproviders")
REACHES = {"url", "endpoint", "endpoints", "caBundle", "caSecretRef", "proxy", "host", "tokenURL"}
SWITCHES = ("insecure", "skip", "verify", "tls")
ENGINES = {"jinja2", "mako", "string", "chevron", "genshi"}
LONG = 100_000


def fields(plural: str) -> Iterator[str]:
    """Every field of a kind's spec, by its path."""
    crd = yaml.safe_load((ROOT / "crds" / f"keypool.dev_{plural}.yaml").read_text())
    for version in crd["spec"]["versions"]:
        yield from _below(version["schema"]["openAPIV3Schema"]["properties"]["spec"], "spec")


def _below(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, inner in (schema.get("properties") or {}).items():
        yield f"{path}.{name}"
        yield from _below(inner, f"{path}.{name}")
    if isinstance(items := schema.get("items"), dict):
        yield from _below(items, path)


def sources() -> Iterator[tuple[str, ast.AST]]:
    """Every node of the operator's own code, and in which file it is."""
    for file in sorted(OPERATOR.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            yield file.relative_to(ROOT).as_posix(), node


@pytest.mark.parametrize("plural", NAMESPACED)
def test_no_field_of_a_namespaced_kind_names_a_namespace(plural: str) -> None:
    """What a reference names is in the object's own namespace, or a ClusterKeyProvider that decides for itself."""
    assert [path for path in fields(plural) if "namespace" in path.lower()] == []


def test_only_provider_objects_say_where_and_how_a_provider_is_reached() -> None:
    assert [path for path in fields("apikeypools") if path.rpartition(".")[2] in REACHES] == []
    everything = {path.rpartition(".")[2] for plural in NAMESPACED for path in fields(plural)}
    assert [name for name in everything if name.lower().startswith(SWITCHES)] == []


def test_no_annotation_of_a_pool_says_who_it_is() -> None:
    """Of a pool's annotations nothing is read but requests about its keys."""
    requests = {"rotate", "compromised", "cleared", "abandon", "undo", "revoked"}
    facts = set(PoolFacts.__dataclass_fields__)
    assert requests < facts
    assert facts & set(Identity.__dataclass_fields__) == set()


def test_nothing_interprets_a_text_of_others() -> None:
    """No template engine is imported, and nothing is evaluated."""
    imported = {
        (file, name.split(".")[0])
        for file, node in sources()
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert {(file, name) for file, name in imported if name in ENGINES} == set()
    called = {node.func.id for _, node in sources() if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called & {"eval", "exec", "compile"} == set()


def test_no_text_of_others_is_a_format_string() -> None:
    """`format` is called on texts that stand in the code: written out, or under a name of a constant."""
    formatted = [
        (file, ast.unparse(node.func.value))
        for file, node in sources()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.startswith("format")
        if not (isinstance(node.func.value, ast.Constant) or ast.unparse(node.func.value).isupper())
    ]
    assert [(file, what) for file, what in formatted if "log" not in file and what not in CONSTANT_TEXTS] == []


CONSTANT_TEXTS = {"text"}
"""In cluster/denials.py: a text of the table beside it."""


def test_a_published_secret_is_opaque_whatever_a_pool_says() -> None:
    """There is one place where a published Secret is put together, and no field for its type."""
    types = [
        (file, ast.unparse(value))
        for file, node in sources()
        if isinstance(node, ast.Dict) and file.endswith("cluster/publisher.py")
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "type"
    ]
    assert {value for _, value in types} == {"'Opaque'"}
    assert [path for path in fields("apikeypools") if path == "spec.secret.type"] == []


@pytest.mark.parametrize("text", ["a," * LONG, "all@" * LONG, "Bearer " * LONG, '"' * LONG, "!now@" * LONG, "." * LONG])
def test_what_people_write_is_read_in_time_that_grows_with_its_length(text: str) -> None:
    """Requests, durations and what a provider says: a hundred thousand characters cost a part of a second."""
    began = time.process_time()
    asked.read(text)
    excerpt(text, ())
    with pytest.raises(ValueError):
        duration.parse(text)
    assert time.process_time() - began < 1.0
