"""Labels of namespaces: read when first asked for, then compared with a list of metadata every half minute.

Only those that were asked for are remembered. In a cluster of ten thousand namespaces that costs some twenty short
requests a round, and nothing while no pool names a ClusterKeyProvider; a watch would cost all of them at each start.
"""

from collections.abc import Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import NotFound

Labels = Mapping[str, str]
NONE: Labels = {}


class Namespaces:
    """Nobody changes the mappings that it returns; an unchanged one stays the same object. `version` grows when labels
    that are known change."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._known: dict[str, Labels] = {}
        self.version = 0

    async def labels(self, name: str) -> Labels:
        """Of one namespace; none when it is gone. Raises KubeError."""
        if name not in self._known:
            try:
                self._known[name] = _labels(await self._client.get(paths.namespace(name)))
            except NotFound:
                return NONE
        return self._known[name]

    async def made(self, name: str) -> datetime | None:
        """When the namespace was made; None when it is gone. Read live, which is seldom needed. Raises KubeError."""
        try:
            meta = (await self._client.get(paths.namespace(name)))["metadata"]
        except NotFound:
            return None
        return datetime.fromisoformat(meta["creationTimestamp"]).astimezone(UTC)

    def known(self, name: str) -> Labels | None:
        """Those that were read already; None for not yet, or it is gone."""
        return self._known.get(name)

    async def refresh(self) -> set[str]:
        """Reads anew what is remembered; the names whose labels changed. Raises KubeError."""
        if not self._known:
            return set()
        before, now = dict(self._known), await self._listed()
        changed = {name for name, labels in before.items() if now.get(name) != labels}
        self.version += bool(changed)
        for name in changed:
            if name in now:
                self._known[name] = now[name]
            else:
                self._known.pop(name, None)
        return changed

    async def _listed(self) -> dict[str, Labels]:
        found = dict[str, Labels]()
        async with aclosing(self._client.pages(paths.namespaces(), self._remembered, metadata=True)) as pages:
            async for page in pages:
                found |= page.items
        return found

    def _remembered(self, item: Mapping[str, Any]) -> tuple[str, Labels] | None:
        name = item["metadata"]["name"]
        return (name, _labels(item)) if name in self._known else None


def _labels(obj: Mapping[str, Mapping[str, Labels]]) -> Labels:
    return obj["metadata"].get("labels") or NONE
