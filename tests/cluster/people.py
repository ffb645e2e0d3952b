"""People who make keys in a provider's console and put them into a Secret."""

from datetime import timedelta
from typing import Any

from keypool.cluster import paths
from tests.cluster.team import Object, Team, pool_manifest, provider_manifest, secret_manifest
from tests.upstreams.plain import Plain

MINE = "my-keys"
FOR_POOLS = "pool/chat pool/second"
"""What the Secret says that it may be used for."""
OVERLAP = timedelta(minutes=10)


def deep_seek(url: str, preset: str = "DeepSeek") -> Object:
    manifest = provider_manifest(url, static={"preset": preset})
    del manifest["spec"]["holySheep"], manifest["spec"]["auth"]
    manifest["metadata"]["name"] = "deepseek"
    return manifest


def static_pool(size: int = 1, **spec: Any) -> Object:
    given = {"providerRef": {"name": "deepseek"}, "keysFrom": {"secretRef": {"name": MINE}}, "size": size}
    return pool_manifest(**{**given, **spec})


class KeyMaker:
    """Makes keys in the console and puts them into the Secret."""

    def __init__(self, team: Team, console: Plain) -> None:
        self._team, self._console = team, console

    async def make(self) -> str:
        """A new key's value."""
        return self._console.value_of(await self._console.make_foreign_key("mine"))

    async def put(self, **entries: str | None) -> None:
        """Writes these entries (None removes one), and has the operator look."""
        text = {entry: value for entry, value in entries.items() if value is not None}
        gone = {entry: None for entry, value in entries.items() if value is None}
        if await self._team.secret(MINE) is None:
            secret = secret_manifest(MINE, FOR_POOLS, **text)
            await self._team.client.create(paths.secrets(self._team.namespace), secret)
        else:
            change = {"stringData": text} | ({"data": gone} if gone else {})
            await self._team.client.patch(paths.secret(self._team.namespace, MINE), change)
        await self.look()

    async def look(self) -> None:
        """The operator looks at the pool, when there is one, instead of in a minute."""
        async for pool in self._team.client.list(paths.pools(self._team.namespace)):
            await self._team.poke(pool["metadata"]["name"])


async def published(team: Team, person: KeyMaker, size: int = 1, **spec: Any) -> list[str]:
    """The values of a pool that is Ready."""
    values = [await person.make() for _ in range(size)]
    await person.put(**{f"key-{index}": value for index, value in enumerate(values)})
    await team.apply(static_pool(size, **spec))
    await team.ready()
    return values
