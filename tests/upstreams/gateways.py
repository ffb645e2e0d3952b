"""The real gateways, as the contract suite drives them: each test finds its gateway without keys.

What other tests of the same worker made is deleted first; tests in one worker run one after the other.
"""

from typing import Any, ClassVar, Self

import aiohttp

from keypool_lab.gateways import AnyLLM, Gateway, LiteLLM, PostgreSQL
from tests.upstreams.proxy import FaultProxy

SECONDS = aiohttp.ClientTimeout(total=30)


class _GatewayUpstream:
    """`proxy` stands in front of the gateway: it alone can make a master key that is set in a file expire."""

    select_hashes: ClassVar[str]
    select_hash: ClassVar[str]

    def __init__(self, gateway: Gateway, postgresql: PostgreSQL) -> None:
        self._gateway, self._postgresql = gateway, postgresql
        self.proxy: FaultProxy | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=SECONDS, base_url=self._gateway.url)
        for handle in await self.handles():
            await self.end_key_outside(handle)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    @property
    def url(self) -> str:
        """The gateway's root."""
        return self._gateway.url

    @property
    def admin_credential(self) -> str:
        """The master key."""
        return self._gateway.master_key

    async def handles(self) -> list[str]:
        """Of all keys."""
        raise NotImplementedError

    async def end_key_outside(self, handle: str) -> None:
        """Deleted in the console. Raises KeyError where there is none."""
        raise NotImplementedError

    async def live_fingerprints(self) -> frozenset[str]:
        """Both gateways store a value's SHA-256, which the fingerprint begins."""
        rows = self._postgresql.run(self.select_hashes, self._gateway.database_name)
        return frozenset(row[:12] for row in rows.split())

    async def fingerprint_of(self, handle: str) -> str:
        """Of one key's value."""
        rows = self._postgresql.run(self.select_hash.format(handle), self._gateway.database_name)
        return rows[:12]

    async def expire_admin(self) -> None:
        """The master key does not reach the gateway any more; another does, which it refuses."""
        assert self.proxy is not None
        self.proxy.spoil_credential(self.admin_credential)

    async def restore_admin(self) -> None:
        """The master key reaches the gateway again."""
        assert self.proxy is not None
        self.proxy.spoil_credential(None)

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.admin_credential}"}
        async with self._session.request(method, path, json=body, headers=headers) as response:
            return response.status, await response.json() if response.status != 204 else None


class AnyLLMUpstream(_GatewayUpstream):
    """any-llm-gateway on PostgreSQL."""

    select_hashes = "SELECT key_hash FROM api_keys WHERE is_active AND (expires_at IS NULL OR expires_at > now())"

    select_hash = "SELECT key_hash FROM api_keys WHERE id = '{}'"

    def __init__(self, gateway: AnyLLM, postgresql: PostgreSQL) -> None:
        super().__init__(gateway, postgresql)

    async def handles(self) -> list[str]:
        """Of all keys."""
        _, keys = await self._call("GET", "/v1/keys?limit=1000")
        return [key["id"] for key in keys]

    async def make_foreign_key(self, name: str) -> str:
        """A key that somebody makes."""
        _, key = await self._call("POST", "/v1/keys", {"key_name": name})
        return str(key["id"])

    async def end_key_outside(self, handle: str) -> None:
        """Deleted by somebody. Raises KeyError where there is none."""
        status, _ = await self._call("DELETE", f"/v1/keys/{handle}")
        if status != 204:
            raise KeyError(handle)

    async def metadata_of(self, handle: str) -> dict[str, Any]:
        """What a key says of itself."""
        _, key = await self._call("GET", f"/v1/keys/{handle}")
        return dict(key["metadata"])

    async def users(self) -> set[str]:
        """Ids of the gateway's users."""
        rows = self._postgresql.run("SELECT user_id FROM users WHERE deleted_at IS NULL", self._gateway.database_name)
        return set(rows.split())


class LiteLLMUpstream(_GatewayUpstream):
    """LiteLLM on PostgreSQL."""

    select_hashes = (
        'SELECT token FROM "LiteLLM_VerificationToken" '
        "WHERE blocked IS NOT TRUE AND (expires IS NULL OR expires > now() AT TIME ZONE 'UTC')"
    )

    select_hash = "SELECT '{}'"

    def __init__(self, gateway: LiteLLM, postgresql: PostgreSQL) -> None:
        super().__init__(gateway, postgresql)

    async def handles(self) -> list[str]:
        """Of all keys."""
        found: list[str] = []
        while True:
            _, page = await self._call("GET", f"/key/list?size=100&page={len(found) // 100 + 1}")
            found += page["keys"]
            if len(page["keys"]) < 100:
                return found

    async def make_foreign_key(self, name: str) -> str:
        """A key that somebody makes."""
        _, key = await self._call("POST", "/key/generate", {"key_alias": name})
        return str(key["token"])

    async def end_key_outside(self, handle: str) -> None:
        """Deleted by somebody. Raises KeyError where there is none."""
        status, _ = await self._call("POST", "/key/delete", {"keys": [handle]})
        if status != 200:
            raise KeyError(handle)

    async def metadata_of(self, token: str) -> dict[str, Any]:
        """What a key says of itself."""
        _, key = await self._call("GET", f"/key/info?key={token}")
        return dict(key["info"]["metadata"])

    async def make_team(self, **fields: Any) -> str:
        """A team that an administrator makes; its id."""
        _, team = await self._call("POST", "/team/new", fields)
        return str(team["team_id"])

    async def teams(self) -> set[str]:
        """Ids of all teams."""
        rows = self._postgresql.run('SELECT team_id FROM "LiteLLM_TeamTable"', self._gateway.database_name)
        return set(rows.split())
