"""The webhook protocol: the example server answers as docs/providers/webhook.openapi.yaml says, in at most 60 lines."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.contract.upstream_client import Caller, Got, caller
from tests.upstreams import webhook
from tests.upstreams.server import fingerprint
from tests.upstreams.webhook_upstream import Webhook

ROOT = Path(__file__).parents[2]
PROTOCOL = yaml.safe_load((ROOT / "docs" / "providers" / "webhook.openapi.yaml").read_text())
BASE = "/keypool/v1"
FULL = {
    "name": "pool-a-1",
    "owner": "kp.team.pool-a.i.0",
    "lifetimeSeconds": 3600,
    "scopes": ["chat:write"],
    "models": ["deepseek-chat"],
    "requestsPerMinute": 60,
    "spendLimit": {"amount": 5.5, "period": "daily"},
    "identity": "team-7",
}


FORMATS = FormatChecker(())


@FORMATS.checks("date-time", raises=ValueError)
def is_moment(text: object) -> bool:
    """With an offset, else nobody knows when it is."""
    return not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is not None


def checker(pointer: str) -> Validator:
    """Of what stands at this JSON pointer in the protocol."""
    registry = Registry().with_resource("urn:protocol", DRAFT202012.create_resource(PROTOCOL))
    return Draft202012Validator({"$ref": f"urn:protocol#{pointer}"}, registry=registry, format_checker=FORMATS)


def conforms(operation: str, got: Got) -> Got:
    """The answer, if the protocol knows its status and its body; else the test fails."""
    path, method = next(
        (path, method)
        for path, calls in PROTOCOL["paths"].items()
        for method, call in calls.items()
        if method != "parameters" and call["operationId"] == operation
    )
    answers = PROTOCOL["paths"][path][method]["responses"]
    assert str(got.status) in answers or got.status >= 400, got
    answer = answers.get(str(got.status), PROTOCOL["components"]["responses"]["Refused"])
    if schema := answer.get("content", {}).get("application/json", {}).get("schema"):
        checker(schema["$ref"].removeprefix("#")).validate(got.body)
    else:
        assert got.body is None
    return got


class Keys:
    """Calls to the webhook whose answers are checked against the protocol."""

    def __init__(self, call: Caller) -> None:
        self._call = call

    async def create(self, **terms: Any) -> Got:
        asked = {"name": "pool-a-1", **terms}
        checker("/components/schemas/NewKey").validate(asked)
        headers = {"Idempotency-Key": asked["name"]}
        return conforms("createKey", await self._call("POST", f"{BASE}/keys", asked, **headers))

    async def update(self, key_id: str, **changes: Any) -> Got:
        checker("/components/schemas/KeyChange").validate(changes)
        return conforms("updateKey", await self._call("PATCH", f"{BASE}/keys/{key_id}", changes))

    async def delete(self, key_id: str) -> Got:
        return conforms("deleteKey", await self._call("DELETE", f"{BASE}/keys/{key_id}"))

    async def page(self, cursor: str | None = None) -> Got:
        query = f"?cursor={cursor}" if cursor else ""
        return conforms("listKeys", await self._call("GET", f"{BASE}/keys{query}"))

    async def accepted(self, value: str) -> bool:
        headers = {"Keypool-Key": value}
        return bool(conforms("probeKey", await self._call("POST", f"{BASE}/keys/probe", **headers)).body["accepted"])

    async def usage(self, key_id: str) -> Got:
        return conforms("getUsage", await self._call("GET", f"{BASE}/keys/{key_id}/usage"))


@pytest.fixture
async def upstream() -> AsyncIterator[Webhook]:
    async with Webhook() as running:
        yield running


@pytest.fixture
async def call(upstream: Webhook) -> AsyncIterator[Caller]:
    async with caller(upstream.url, upstream.admin_credential) as connected:
        yield connected


@pytest.fixture
def keys(call: Caller) -> Keys:
    return Keys(call)


def test_the_example_has_sixty_lines_at_most() -> None:
    assert len(Path(webhook.__file__).read_text().splitlines()) <= 60


@pytest.mark.parametrize("name", PROTOCOL["components"]["schemas"])
def test_a_schema_of_the_protocol_is_sound(name: str) -> None:
    Draft202012Validator.check_schema(PROTOCOL["components"]["schemas"][name])


@pytest.mark.parametrize("key_id", ["../k1", "..", "a/b", "a%2Fb", "", "ä"])
def test_an_id_that_is_unsafe_in_a_path_is_none(key_id: str) -> None:
    assert not checker("/components/schemas/Id").is_valid(key_id)


async def test_the_abilities_are_told(call: Caller) -> None:
    told = conforms("getCapabilities", await call("GET", f"{BASE}/capabilities")).body
    assert (told["protocol"], told["account"]) == (1, "example")


async def test_a_created_key_is_accepted_and_listed_without_its_value(keys: Keys, upstream: Webhook) -> None:
    made = await keys.create(**FULL)
    assert made.status == 201
    assert await keys.accepted(made.body["value"])
    (listed,) = (await keys.page()).body["keys"]
    assert (listed["id"], listed["name"]) == (made.body["id"], FULL["name"])
    assert made.body["value"] not in str(listed)
    assert await upstream.live_fingerprints() == {fingerprint(made.body["value"])}


async def test_a_repeated_create_answers_with_the_same_key(keys: Keys) -> None:
    first, second = await keys.create(), await keys.create()
    assert (second.status, second.body) == (200, first.body)


async def test_a_repeated_create_brings_no_deleted_key_back(keys: Keys, upstream: Webhook) -> None:
    await keys.delete((await keys.create()).body["id"])
    assert (await keys.create()).status == 409
    assert await upstream.live_fingerprints() == frozenset()


async def test_the_list_is_complete_although_keys_are_deleted_meanwhile(keys: Keys) -> None:
    made = [(await keys.create(name=f"n{number}")).body["id"] for number in range(101)]
    first = (await keys.page()).body
    await keys.delete(made[0])
    second = (await keys.page(first["next"])).body
    assert [key["id"] for key in first["keys"] + second["keys"]] == made
    assert "next" not in second


async def test_a_disabled_key_is_rejected_until_it_is_enabled(keys: Keys) -> None:
    made = (await keys.create()).body
    accepted = []
    for active in (False, True):
        assert (await keys.update(made["id"], active=active)).body["active"] is active
        accepted.append(await keys.accepted(made["value"]))
    assert accepted == [False, True]


async def test_a_key_ends_with_its_lifetime(keys: Keys, upstream: Webhook) -> None:
    made = (await keys.create(lifetimeSeconds=3600)).body
    upstream.expire(made["id"])
    assert not await keys.accepted(made["value"])
    assert await upstream.live_fingerprints() == frozenset()


async def test_a_key_is_deleted_once(keys: Keys) -> None:
    made = (await keys.create()).body
    assert [(await keys.delete(made["id"])).status for _ in range(2)] == [204, 404]
    assert not await keys.accepted(made["value"])


async def test_usage_is_told(keys: Keys, upstream: Webhook) -> None:
    made = (await keys.create()).body
    upstream.spend(made["id"], 2.5)
    assert (await keys.usage(made["id"])).body["spend"] == 2.5


async def test_an_unknown_key_is_not_found(keys: Keys) -> None:
    assert [(await keys.update("k9", active=True)).status, (await keys.usage("k9")).status] == [404, 404]


async def test_an_expired_credential_is_refused_until_it_is_restored(keys: Keys, upstream: Webhook) -> None:
    await upstream.expire_admin()
    assert (await keys.page()).status == 401
    await upstream.restore_admin()
    assert (await keys.page()).status == 200


async def test_a_malformed_create_is_refused(call: Caller) -> None:
    assert conforms("createKey", await call("POST", f"{BASE}/keys", ["no", "object"])).status == 400
    assert conforms("listKeys", await call("GET", f"{BASE}/keys?cursor=x")).status == 400


async def test_a_token_of_an_oauth_server_is_accepted_too(call: Caller, upstream: Webhook) -> None:
    upstream.tokens.add("issued")
    assert (await call("GET", f"{BASE}/keys", bearer="issued")).status == 200
