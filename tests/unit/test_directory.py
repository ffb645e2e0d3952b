"""The way to a provider whose object is gone: from what was kept, unless it was entered meanwhile."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.cluster.client import KubeClient
from keypool.core.observation import Problem
from keypool.core.reasons import Reason
from keypool.providers.answers import Share
from keypool.providers.errors import Rejected
from keypool.providers.fake import FakeProvider
from keypool.providers.meter import Meter
from keypool.providers.protocol import Provider
from keypool.reconcile.budgets import Budgets
from keypool.reconcile.directory import UNCHECKED, Build, Directory, _used_at

SPEC = KeyProviderSpec.model_validate(
    {
        "holySheep": {},
        "endpoints": [{"url": "http://127.0.0.1:1/v1"}],
        "auth": {"secretRef": {"name": "admin"}},
    }
)


class Kept(KubeClient):
    """A cluster in which one provider's record is kept; `meanwhile` is called before it is handed out."""

    def __init__(self) -> None:
        self.meanwhile: Any = None

    async def get(self, path: str) -> dict[str, Any]:
        """The record."""
        if self.meanwhile is not None:
            self.meanwhile()
        spec = json.dumps(SPEC.model_dump(mode="json", by_alias=True, exclude_none=True))
        data = {"spec": spec, "credential": "kept"}
        return {"data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}}


def named(_: KeyProviderSpec, credential: SecretStr, meter: Meter, share: Share) -> Provider:
    """A client that tells which credential it has, by its URL."""
    return cast("Provider", FakeProvider(base_url=credential.get_secret_value()))


def refused(_: KeyProviderSpec, __: SecretStr, meter: Meter, share: Share) -> Provider:
    """No client: plain http is not allowed any more."""
    raise Rejected("plain http")


def a_directory(client: KubeClient, build: Build) -> Directory:
    """A directory of an operator in the namespace "system"."""
    budgets = Budgets(client, "system", lambda: datetime.now(UTC), lambda _: None)
    return Directory(client, "system", build, budgets)


async def test_a_provider_that_is_entered_while_its_record_is_read_keeps_its_new_credential() -> None:
    client = Kept()
    directory = a_directory(client, named)
    client.meanwhile = lambda: directory.enter("uid", "vendor", SPEC, SecretStr("new"))
    found = await directory.recall("uid")
    assert found is not None
    assert found.provider.base_url == "new"


async def test_without_its_object_a_provider_is_reached_by_its_record() -> None:
    found = await a_directory(Kept(), named).recall("uid")
    assert found is not None
    assert found.provider.base_url == "kept"
    assert not found.trusted, "nothing was proven yet"


async def test_a_record_that_is_refused_stops_nothing_but_its_own_keys() -> None:
    assert await a_directory(Kept(), refused).recall("uid") is None


async def test_a_provider_is_doubtful_after_three_calls_without_an_answer_and_said_so_once() -> None:
    directory = a_directory(Kept(), named)
    assert [directory.unanswered("uid") for _ in range(5)] == [False, False, True, False, False]
    assert directory.doubtful("uid")
    directory.looked_at("uid")
    assert not directory.doubtful("uid")
    assert not directory.unanswered("uid")


async def test_of_a_provider_that_is_gone_nothing_is_left_and_its_calls_come_to_their_end() -> None:
    directory, closing = a_directory(Kept(), named), asyncio.Event()
    entry = directory.enter("uid", "vendor", SPEC, SecretStr("admin"))

    async def close() -> None:
        await closing.wait()

    entry.provider.close = close  # type: ignore[method-assign]
    directory.set_problem("uid", None)
    directory.unanswered("uid")
    directory.forget("uid")
    assert directory.get("uid") is None
    assert directory.problem("uid") is UNCHECKED
    closing.set()
    await directory.close()
    directory.forget("uid")


class Slow(KubeClient):
    """A cluster that stores one provider's record, and is slow to store it again, or to drop it, until `slow` is."""

    def __init__(self) -> None:
        self.stored, self.slow = True, asyncio.Event()
        self.storing = asyncio.Event()

    async def list(self, *_: Any, **__: Any) -> AsyncIterator[dict[str, Any]]:
        """The records."""
        yield {"metadata": {"name": "keypool-provider-uid"}}

    async def create(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Stores the record."""
        self.storing.set()
        await self.slow.wait()
        self.stored = True
        return {}

    async def delete(self, *_: Any, **__: Any) -> Any:
        """Drops the record."""
        self.storing.set()
        await self.slow.wait()
        self.stored = False


async def test_a_record_that_is_needed_again_while_it_is_dropped_is_stored_anew() -> None:
    client = Slow()
    directory = a_directory(client, named)
    await directory.load_kept()
    directory.trust(directory.enter("uid", "vendor", SPEC, SecretStr("new")))
    dropping = asyncio.create_task(directory.drop_kept(directory.kept(), lambda _: False))
    await client.storing.wait()
    keeping = asyncio.create_task(directory.keep("uid"))
    await asyncio.sleep(0)
    client.slow.set()
    await asyncio.gather(dropping, keeping)
    assert client.stored
    assert directory.kept() == {"uid"}


async def test_a_record_is_not_dropped_where_something_came_to_need_it() -> None:
    client = Slow()
    client.slow.set()
    directory = a_directory(client, named)
    await directory.load_kept()
    await directory.drop_kept(directory.kept(), lambda _: True)
    assert client.stored


async def test_a_record_that_is_dropped_while_it_is_renewed_stays_dropped() -> None:
    client = Slow()
    directory = a_directory(client, named)
    await directory.load_kept()
    directory.trust(directory.enter("uid", "vendor", SPEC, SecretStr("new")))
    renewing = asyncio.create_task(directory.renew("uid"))
    await client.storing.wait()
    dropping = asyncio.create_task(directory.drop_kept(directory.kept(), lambda _: False))
    await asyncio.sleep(0)
    client.slow.set()
    await asyncio.gather(renewing, dropping)
    assert not client.stored


@pytest.mark.parametrize(
    ("base_url", "url", "published"),
    [
        ("https://a.example", "https://b.example", "https://b.example"),
        ("https://a.example/v1", "https://b.example", "https://b.example/v1"),
        ("https://api.example/v1", "https://b.example", "https://api.example/v1"),
        ("https://a.example.org/v1", "https://b.example", "https://a.example.org/v1"),
        ("https://a.example:8443/v1", "https://b.example", "https://a.example:8443/v1"),
    ],
    ids=["the endpoint", "below the endpoint", "elsewhere", "a host that begins alike", "another port"],
)
def test_workloads_that_follow_get_the_url_at_which_keys_are_used(base_url: str, url: str, published: str) -> None:
    assert _used_at(base_url, "https://a.example", url) == published


async def test_a_credential_can_be_read_again_once_it_was_looked_at_unless_its_secret_took_its_consent_back() -> None:
    directory = a_directory(Kept(), named)
    assert not directory.readable("uid")
    directory.set_problem("uid", None)
    assert directory.readable("uid")
    directory.withhold("uid", Problem(Reason.CONSENT_MISSING, "taken back"))
    assert not directory.readable("uid")
