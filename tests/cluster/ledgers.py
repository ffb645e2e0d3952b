"""Reads ledgers as they are stored: what the operator would know after a crash."""

import base64
import json

from keypool.cluster import paths
from keypool.cluster.errors import NotFound
from tests.cluster.team import Object, Team


def ledger_in(secret: Object) -> Object:
    """The ledger that a Secret holds."""
    return dict(json.loads(base64.b64decode(secret["data"]["ledger.json"])))


class Ledgers:
    """The Secrets in the operator's namespace."""

    def __init__(self, team: Team, system: str) -> None:
        self._team, self.namespace = team, system

    async def name(self, pool: str = "chat") -> str:
        """Name of the Secret with a pool's ledger."""
        return f"keypool-ledger-{(await self._team.pool(pool))['metadata']['uid']}"

    async def read(self, pool: str = "chat") -> Object:
        """The ledger of a pool that exists; one without keys while there is none."""
        try:
            return ledger_in(await self._team.client.get(paths.secret(self.namespace, await self.name(pool))))
        except NotFound:
            return {"keys": []}

    async def keys(self, pool: str = "chat", *states: str) -> list[Object]:
        """The keys in a ledger that are in one of these states (any when none is given)."""
        return [key for key in (await self.read(pool))["keys"] if not states or key["state"] in states]

    async def all(self) -> list[Object]:
        """Every ledger that is stored."""
        found = self._team.client.list(paths.secrets(self.namespace), "keypool.dev/ledger=true")
        return [ledger_in(secret) async for secret in found]

    async def kept_credentials(self) -> list[str]:
        """Names of the Secrets that keep an admin credential for owed keys."""
        found = self._team.client.list(paths.secrets(self.namespace), "keypool.dev/provider-record=true")
        return [secret["metadata"]["name"] async for secret in found]

    async def versions(self) -> dict[str, str]:
        """Path → resourceVersion of everything here and with the team that the operator could write, but its Lease."""
        kinds = (paths.pools, paths.providers, paths.secrets, paths.events)
        lists = (*(kind(self._team.namespace) for kind in kinds), paths.secrets(self.namespace))
        return {
            f"{path}/{obj['metadata']['name']}": obj["metadata"]["resourceVersion"]
            for path in lists
            async for obj in self._team.client.list(path)
        }
