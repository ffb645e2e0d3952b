"""A relay of one release beside an operator of another: each reads what the other writes.

What the first release reads and writes is kept here, and stays as it is: a field that goes, or that becomes
required, fails a test, and needs a new version of keys.json.
"""

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from keypool.core.projection import project
from keypool.core.told import relay_of
from keypool_client.document import parse
from keypool_client.model import Key, Pool
from keypool_client.relay.holder import Holding, key_holder
from tests.unit.core.builders import PROVIDER, a_key, a_ledger, a_spec
from tests.unit.test_docs_names import ROOT

Document = dict[str, Any]
TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "minItems": 1, "items": TEXT}


def an_object(**fields: Document) -> Document:
    """One that has these fields, and perhaps others."""
    return {"type": "object", "required": list(fields), "properties": fields}


def some(item: Document) -> Document:
    """A list of at least one."""
    return {"type": "array", "minItems": 1, "items": item}


READ_FIRST = an_object(
    version={"const": 1},
    pool=TEXT,
    provider=TEXT,
    account=TEXT,
    dialects=TEXTS,
    endpoints=some(an_object(name=TEXT, bases={"type": "object", "minProperties": 1, "additionalProperties": TEXT})),
    keys=some(an_object(id=TEXT, value=TEXT, endpoints=TEXTS, rateGroup=TEXT, creditGroup=TEXT)),
)
"""What the first relay needs of keys.json; it passes over the rest."""
WRITTEN_FIRST = {
    "version": 1,
    "pool": "team-a/chat",
    "provider": "holySheep",
    "account": "3f9c",
    "dialects": ["openai"],
    "endpoints": [{"name": "0", "bases": {"openai": "https://api.example.com/v1"}}],
    "keys": [{"id": "chat-0", "value": "sk-a", "endpoints": ["0"], "rateGroup": "chat-0", "creditGroup": "3f9c"}],
}
"""The least that the first operator wrote."""
REPORTED_FIRST = {
    "apiVersion": "keypool.dev/v1alpha1",
    "kind": "KeyHolder",
    "metadata": {"name": "web-0"},
    "spec": {
        "pools": [{"name": "chat", "keys": [{"id": "chat-0", "since": "2026-11-29T12:00:00Z"}]}, {"name": "other"}]
    },
}
"""The least that the first relay reported."""
TAKEN_FIRST = an_object(spec=an_object(pools=some(an_object(name=TEXT, keys=some(an_object(id=TEXT, since=TEXT))))))
"""What the first operator needs of a KeyHolder."""


def crd_schema() -> Document:
    """Of the KeyHolder as it is now."""
    crd = yaml.safe_load((ROOT / "crds" / "keypool.dev_keyholders.yaml").read_text())
    return dict(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


@pytest.mark.parametrize("size", [1, 2])
def test_the_first_relay_reads_what_the_operator_writes_now(size: int) -> None:
    ledger = a_ledger(a_key(0), a_key(1), relay=relay_of(PROVIDER))
    written = project(ledger, a_spec(size=size))[-1].data["keys.json"]
    Draft202012Validator(READ_FIRST).validate(json.loads(written))


def test_the_relay_reads_now_what_the_first_operator_wrote() -> None:
    pool = parse(json.dumps(WRITTEN_FIRST).encode())
    assert (pool.name, [key.id for key in pool.keys], pool.endpoints[0].ca) == ("team-a/chat", ["chat-0"], None)


def test_what_the_first_relay_reports_is_taken_now() -> None:
    Draft202012Validator(crd_schema()).validate(REPORTED_FIRST)


def test_what_the_relay_reports_now_is_what_the_first_operator_takes() -> None:
    """As the API of that release has it, which is no stricter."""
    holding = Holding()
    key = Key("chat-0", "sk-a", ("0",), "chat-0", "3f9c")
    holding.update([Pool("team-a/chat", "holySheep", "3f9c", ("openai",), (), (key,))], 1_790_000_000.0)
    Draft202012Validator(TAKEN_FIRST).validate(key_holder("web-0", "u-1", holding.told("team-a")))
