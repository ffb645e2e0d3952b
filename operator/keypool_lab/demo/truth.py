"""What the demo asks: the simulator's record, what the operator wrote to its audit log, and objects of the cluster."""

import base64
import json
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import NotFound
from keypool.core.fingerprint import fingerprint

Object = dict[str, Any]
ANSWER_SECONDS = 10.0


class Simulator:
    """The simulator's control, as another process reaches it."""

    def __init__(self, control_url: str, admin_key: str) -> None:
        headers = {"Authorization": f"Bearer {admin_key}"}
        timeout = aiohttp.ClientTimeout(ANSWER_SECONDS)
        self._url = control_url
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout, raise_for_status=True)

    async def record(self, since: float = 0.0) -> Object:
        """All keys, and all calls of workloads since then."""
        async with self._session.get(f"{self._url}/record", params={"calls": "use", "since": since}) as answer:
            return dict(await answer.json())

    async def live(self) -> set[str]:
        """Fingerprints of the keys that are there now."""
        return {key["fingerprint"] for key in (await self.record())["keys"] if key["deleted"] is None}

    async def delete_key(self, print_: str) -> None:
        """Do what somebody at the provider's console does: delete a key behind keypool's back."""
        async with self._session.post(f"{self._url}/keys/{await self._id(print_)}/delete"):
            pass

    async def served_since(self, time: float) -> list[tuple[str, str]]:
        """Fingerprint and endpoint of each request that was served since then (seconds since the epoch)."""
        record = await self.record(time)
        prints = {key["id"]: str(key["fingerprint"]) for key in record["keys"]}
        return [(prints[call["key_id"]], str(call["endpoint"])) for call in record["calls"] if call["served"]]

    async def refused_since(self, time: float) -> int:
        """How many requests were refused since then."""
        return sum(call["status"] != 200 for call in (await self.record(time))["calls"])

    async def limit_key(self, print_: str) -> None:
        """Answer 429 to every request with this key."""
        fault = {"kind": "throttle", "match": "use", "key": await self._id(print_), "retry_after": "1"}
        async with self._session.post(f"{self._url}/faults", json=fault):
            pass

    async def end_limits(self) -> None:
        """No such answers any more."""
        async with self._session.delete(f"{self._url}/faults"):
            pass

    async def kill_endpoint(self, name: str) -> None:
        """Cut all connections of one endpoint, and take no more there."""
        async with self._session.post(f"{self._url}/endpoints/{name}/kill"):
            pass

    async def _id(self, print_: str) -> str:
        (key_id,) = (key["id"] for key in (await self.record())["keys"] if key["fingerprint"] == print_)
        return str(key_id)

    async def close(self) -> None:
        """Close the connection."""
        await self._session.close()


class View:
    """Objects of one namespace, as an administrator sees them."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client, self._namespace = client, namespace

    async def pool(self, name: str) -> Object:
        """A pool. Raises NotFound."""
        return await self._client.get(paths.pool(self._namespace, name))

    async def secret(self, name: str) -> Object | None:
        """A Secret, None when there is none."""
        try:
            return await self._client.get(paths.secret(self._namespace, name))
        except NotFound:
            return None


def audit_lines(log: Path) -> list[Object]:
    """The audit lines among what the operator wrote."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("audit") == "key"]


def active(pool: Object) -> set[str]:
    """Fingerprints of a pool's keys that are published and in their prime."""
    return {key["fingerprint"] for key in _keys(pool) if key["state"] == "active"}


def spare(pool: Object) -> str:
    """Fingerprint of a published key that is not the primary one."""
    return str(next(key["fingerprint"] for key in _keys(pool) if key["state"] == "active" and not key["primary"]))


def condition(pool: Object, kind: str) -> Object:
    """A condition of an object, {} when it is absent."""
    found = (pool.get("status") or {}).get("conditions") or ()
    return next((dict(each) for each in found if each["type"] == kind), {})


def published(secret: Object | None) -> set[str]:
    """Fingerprints of the keys in a pool's Secret for relays, `keys.json`."""
    text = ((secret or {}).get("data") or {}).get("keys.json", "e30=")
    try:
        keys = json.loads(base64.b64decode(text)).get("keys", ())
    except ValueError:
        return set()
    return {fingerprint(SecretStr(key["value"])) for key in keys}


def _keys(pool: Object) -> list[Object]:
    return (pool.get("status") or {}).get("keys") or []
