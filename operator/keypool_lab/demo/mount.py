"""A Secret in a folder, the way a kubelet mounts it: a pod sees all of a change at once, and never half of it."""

import asyncio
import base64
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import NotFound

SYNC_SECONDS = 2.0
"""A real kubelet takes up to 90 s, which is why keypool's default overlap is ten minutes and not five seconds."""


class Mount:
    """Entries are links to `..data/ENTRY`; `..data` is a link to a folder with one version, and is swapped by rename.

    A pod starts once its volume is `filled`.
    That is the layout of kubelet's AtomicWriter (k8s.io/kubernetes/pkg/volume/util/atomic_writer.go).
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.filled = asyncio.Event()
        self._entries: dict[str, bytes] = {}

    def write(self, entries: Mapping[str, bytes]) -> None:
        """Make these the folder's entries, unless they are already. Entries that are gone upstream go here, too."""
        if entries == self._entries:
            return
        data, before = self.folder / "..data", self._version()
        version = self.folder / f"..{datetime.now(UTC):%Y_%m_%d_%H_%M_%S.%f}"
        version.mkdir()
        for name, content in entries.items():
            (version / name).write_bytes(content)
        swap = self.folder / "..data_tmp"
        swap.symlink_to(version.name)
        swap.replace(data)
        for name in entries.keys() - self._entries.keys():
            (self.folder / name).symlink_to(f"..data/{name}")
        for name in self._entries.keys() - entries.keys():
            (self.folder / name).unlink()
        if before is not None:
            shutil.rmtree(before)
        self._entries = dict(entries)
        self.filled.set()

    def _version(self) -> Path | None:
        try:
            return self.folder / os.readlink(self.folder / "..data")
        except FileNotFoundError:
            return None


async def keep_in_sync(client: KubeClient, namespace: str, name: str, mount: Mount) -> None:
    """Bring a Secret into the folder every other second, until cancelled. One that is missing changes nothing there."""
    while True:
        try:
            secret = await client.get(paths.secret(namespace, name))
        except NotFound:
            pass
        else:
            data: Mapping[str, str] = secret.get("data") or {}
            mount.write({key: base64.b64decode(text) for key, text in data.items()})
        await asyncio.sleep(SYNC_SECONDS)
