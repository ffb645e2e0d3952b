"""What the Secret for relays says: the keys, where they may be used, and which limits they share."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from keypool.core.actions import PublishSecrets
from keypool.core.capabilities import Capabilities
from keypool.core.decision import Plan
from keypool.core.ledger import dump, load
from keypool.core.lifecycle import KeyState
from keypool.core.limits import SpendLimit
from keypool.core.observation import Observation
from keypool.core.projection import project
from keypool.core.recovery import published_in
from keypool.core.rules.publication import secrets_follow_the_ledger, the_primary_is_chosen
from keypool.core.standing import standing
from keypool.core.told import relay_of
from keypool_client.document import parse
from keypool_client.model import Pool
from tests.unit.core.builders import (
    NOW,
    PROVIDER,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    a_view,
    only,
    planned,
    seen,
    written,
)
from tests.unit.test_docs_names import ROOT

SCHEMA = Draft202012Validator(json.loads((ROOT / "client/keypool_client/keys.schema.json").read_text()))
TWO = replace(PROVIDER, base_urls=("https://eu.example/v1", "https://us.example/v1/"))


def told(ledger: Any, size: int = 2) -> Pool:
    """As the workload's side reads what the operator writes."""
    text = project(ledger, a_spec(size=size))[-1].data["keys.json"]
    SCHEMA.validate(json.loads(text))
    return parse(text.encode())


@pytest.mark.parametrize("size", [1, 2])
def test_it_is_there_at_every_size_and_says_all_usable_keys(size: int) -> None:
    ledger = a_ledger(a_key(0), a_key(1), relay=relay_of(TWO))
    *_, secret = project(ledger, a_spec(size=size, secret={"name": "named", "poolName": "otherwise"}))
    assert secret.name == "web-relay"
    pool = told(ledger, size)
    assert (pool.name, pool.provider, pool.dialects) == ("shop/web", "holySheep", ("openai",))
    assert [(key.id, key.value, key.endpoints) for key in pool.keys] == [
        ("active-0", "sk-active-0", ("0", "1")),
        ("active-1", "sk-active-1", ("0", "1")),
    ]


def test_endpoints_stay_in_the_order_of_the_spec_whichever_is_in_use() -> None:
    in_use = replace(TWO, url_in_use="https://us.example/v1/")
    ledger = a_ledger(a_key(0), base_url="https://us.example/v1/", relay=relay_of(in_use))
    assert [dict(endpoint.bases) for endpoint in told(ledger).endpoints] == [
        {"openai": "https://eu.example/v1"},
        {"openai": "https://us.example/v1"},
    ]


OPENAI, ANTHROPIC, GEMINI, AZURE = "openai", "anthropic", "gemini", "azure"
BASES: list[tuple[str, Any, str]] = [
    ("https://api.holysheep.ai/v1", OPENAI, "https://api.holysheep.ai/v1"),
    ("https://api.holysheep.ai/v1/", OPENAI, "https://api.holysheep.ai/v1"),
    ("https://api.deepseek.com", OPENAI, "https://api.deepseek.com"),
    ("https://openrouter.ai/api/v1", ANTHROPIC, "https://openrouter.ai/api"),
    ("https://api.anthropic.com", ANTHROPIC, "https://api.anthropic.com"),
    ("http://litellm.llm:4000/v1", ANTHROPIC, "http://litellm.llm:4000"),
    ("http://litellm.llm:4000/v1", GEMINI, "http://litellm.llm:4000"),
    (
        "https://generativelanguage.googleapis.com/v1beta/openai/",
        GEMINI,
        "https://generativelanguage.googleapis.com",
    ),
    ("https://generativelanguage.googleapis.com/v1beta", GEMINI, "https://generativelanguage.googleapis.com"),
    ("https://it.openai.azure.com/openai/v1", AZURE, "https://it.openai.azure.com"),
    ("https://it.openai.azure.com/openai", AZURE, "https://it.openai.azure.com"),
    ("https://gateway.example/team/v10", ANTHROPIC, "https://gateway.example/team/v10"),
]


@pytest.mark.parametrize(("url", "dialect", "base"), BASES)
def test_each_dialect_has_its_base_url(url: str, dialect: Any, base: str) -> None:
    provider = replace(PROVIDER, base_urls=(url,), dialects=(dialect,))
    (endpoint,) = told(a_ledger(a_key(0), relay=relay_of(provider))).endpoints
    assert dict(endpoint.bases) == {dialect: base}


def test_a_kind_has_dialects_of_its_own_unless_the_spec_says_others() -> None:
    deep_seek = replace(PROVIDER, kind="static", preset="DeepSeek", base_urls=("https://api.deepseek.com",))
    (endpoint,) = told(a_ledger(a_key(0), relay=relay_of(deep_seek))).endpoints
    assert dict(endpoint.bases) == {
        "openai": "https://api.deepseek.com",
        "anthropic": "https://api.deepseek.com/anthropic",
    }
    assert relay_of(replace(PROVIDER, kind="liteLLM")).dialects == ("openai", "anthropic")
    assert relay_of(replace(deep_seek, dialects=("openai",))).dialects == ("openai",)


def test_a_private_authority_is_told_for_each_endpoint_and_shown_in_no_repr() -> None:
    provider = replace(TWO, ca="PEM-of-ours")
    *_, secret = project(a_ledger(a_key(0), relay=relay_of(provider)), a_spec())
    assert [each["ca"] for each in json.loads(secret.data["keys.json"])["endpoints"]] == ["PEM-of-ours"] * 2
    assert "PEM-of-ours" not in repr(provider)


def groups(*keys: Any, **provider: Any) -> list[tuple[bool, bool]]:
    """Of each key: whether rate limits, and credit, are its own."""
    pool = told(a_ledger(*keys, relay=relay_of(replace(PROVIDER, **provider))))
    return [(key.rate_group == key.id, key.credit_group == key.id) for key in pool.keys]


def spending(*, shared: bool) -> dict[str, Any]:
    return {"spend_limit": SpendLimit(Decimal(5), None, shared)}


def test_limits_are_the_keys_own_unless_the_provider_is_known_to_share_them() -> None:
    assert groups(a_key(0), a_key(1)) == [(True, True), (True, True)]
    assert groups(a_key(0), kind="static", preset="OpenAICompatible") == [(True, True)]
    assert groups(a_key(0), capabilities=Capabilities(limits_account=True)) == [(False, True)]
    assert groups(a_key(0), kind="static", preset="DeepSeek") == [(True, False)]
    assert groups(a_key(0), kind="openAI") == [(False, False)]
    assert groups(a_key(0, **spending(shared=False)), a_key(1), kind="openRouter") == [(False, True), (False, False)]


def test_a_limit_that_a_pool_shares_is_no_other_pools() -> None:
    keys = (a_key(0, **spending(shared=True)), a_key(1, **spending(shared=True)))
    mine = told(a_ledger(*keys, relay=relay_of(PROVIDER)))
    others = told(a_ledger(*keys, relay=relay_of(PROVIDER)).model_copy(update={"pool_uid": "pool-2"}))
    assert len({key.credit_group for key in mine.keys}) == 1
    assert mine.keys[0].credit_group not in {others.keys[0].credit_group, mine.account}


def test_two_pools_of_one_account_say_so_and_a_tenant_has_an_account_of_its_own() -> None:
    mine, tenants = a_ledger(a_key(0)), a_ledger(a_key(0, identity="team-7"))
    other = mine.model_copy(update={"pool": "other", "pool_uid": "pool-2"})
    assert told(mine).account == told(other).account
    assert told(mine).account != told(tenants).account
    assert PROVIDER.uid not in told(mine).account


def follow(o: Observation) -> Any:
    """What is published after the primary was chosen."""
    plan = Plan(the_primary_is_chosen(o, Plan(o.ledger), NOW).ledger or o.ledger)
    return secrets_follow_the_ledger(o, plan, NOW), plan.ledger


def test_a_pool_of_an_older_version_gets_it_without_a_new_key_and_as_no_repair() -> None:
    older = load(dump(a_ledger(a_key(0), a_key(1), relay=None)).replace('"schema_version":3', '"schema_version":2'))
    decision, ledger = follow(seen(ledger=older))
    (publish,) = decision.actions
    assert [secret.name for secret in publish.write] == ["web", "web-pool", "web-relay"]
    assert (publish.repair, publish.remove) == (False, ())
    assert [key.name for key in ledger.keys] == ["active-0", "active-1"]


def test_nothing_is_written_and_nothing_removed_while_the_provider_is_not_known() -> None:
    ledger = a_ledger(a_key(0), a_key(1), relay=None)
    secrets = written(a_ledger(a_key(0), a_key(1)), a_spec())
    decision, after = follow(seen(ledger=ledger, provider=None, secrets=secrets))
    assert (after.relay, decision.actions) == (None, ())


def test_what_is_known_stays_while_the_provider_is_gone_or_another() -> None:
    ledger = a_ledger(a_key(0), a_key(1), relay=relay_of(TWO))
    for provider in (None, replace(PROVIDER, uid="provider-2")):
        o = seen(ledger=ledger, provider=provider)
        assert follow(o) == (secrets_follow_the_ledger(o, Plan(ledger), NOW), ledger)


def test_a_change_of_the_provider_is_published_once_and_drains_nothing_anew() -> None:
    o = seen(
        a_key(0), a_key(1), a_key(0, KeyState.DRAINING), provider=replace(PROVIDER, dialects=("openai", "anthropic"))
    )
    decision, ledger = follow(o)
    (publish,) = decision.actions
    assert publish.repair is False
    assert (ledger.limits_changed, ledger.publication) == (True, o.ledger.revision + 1)
    crashed = secrets_follow_the_ledger(replace(o, ledger=ledger), Plan(ledger), NOW)
    assert crashed.ledger is None or crashed.ledger.keys == ledger.keys, "the overlap begins anew"
    again = replace(o, ledger=ledger, secrets={secret.name: a_view(secret) for secret in publish.write})
    settled = planned(again).ledger
    assert settled.limits_changed is False
    assert only(PublishSecrets, planned(replace(again, ledger=settled)).actions) == []


def test_keys_that_stand_in_it_alone_are_known_to_stand_somewhere() -> None:
    """After a pool shrank to one key, the other one leaves this Secret, too."""
    o = seen(a_key(0), a_key(1), pool=a_pool(spec=a_spec(size=1)))
    assert [key.name for key in standing(o)] == ["active-0", "active-1"]
    assert [key.name for key in standing(replace(o, secrets={"web": o.secrets["web"]}))] == ["active-0"]


def test_a_lost_ledger_is_rebuilt_from_it_too() -> None:
    value = "sk-of-a-plausible-length"
    ledger = a_ledger(a_key(0, value=value), primary="active-0")
    *_, secret = project(ledger, a_spec())
    (found,) = published_in([dict(secret.data)], "apiKey")
    assert (found.value.get_secret_value(), found.name) == (value, "active-0")


def test_a_pool_whose_main_secret_had_that_name_before_keeps_it() -> None:
    names = [secret.name for secret in project(a_ledger(a_key(0)), a_spec(size=1, secret={"name": "web-relay"}))]
    assert names == ["web-relay"]


def test_ledgers_of_one_provider_share_what_they_know_of_it() -> None:
    first, second = (load(dump(a_ledger(a_key(0), relay=relay_of(TWO)))) for _ in range(2))
    assert first.relay is second.relay
