"""Whether an admission policy holds the operator's account to its own Secrets: tried out, not believed.

A Secret that is not keypool's is asked for with a dry run. Nothing is stored, whatever the answer is.
"""

import asyncio
import logging

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import Forbidden, KubeError

NAME = "keypool-tries-the-policy"
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
"""Seconds between two tries: while the answer is not the one wanted, they come sooner."""
_DENIED = "denied by ValidatingAdmissionPolicy "
_NOT_HELD = (
    "no ValidatingAdmissionPolicy of keypool's holds the operator's account: it may write any Secret that RBAC lets it "
    "write, and so become anybody; apply manifests/policy, and name this account and namespace in it"
)

_log = logging.getLogger(__name__)


class WritesHeld:
    """`held`: True while such a Secret is refused by keypool's policy, False while it is not, None while unknown."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._connection, self._namespace = client.connection, namespace
        self.held: bool | None = None

    async def run(self) -> None:
        """Tries again and again, until cancelled."""
        pause = FIRST_PAUSE
        while True:
            await self.look()
            pause = LONGEST_PAUSE if self.held else min(2 * pause, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def look(self) -> None:
        """Tries once."""
        before = self.held
        client = KubeClient(self._connection, 1)  # a leader's own may write only while it leads
        try:
            self.held = await self._is_held(client)
        except Exception as error:  # noqa: BLE001 - whatever it is, it says nothing about the policy
            why = str(error) if isinstance(error, KubeError) else type(error).__name__
            _log.info("whether a policy holds the operator's account is not known: %s", why)
            self.held = None
        finally:
            await client.close()
        if self.held is False and before is not False:
            _log.warning(_NOT_HELD)
        elif self.held and not before:
            _log.info("a ValidatingAdmissionPolicy holds the operator's account to its own Secrets")

    async def _is_held(self, client: KubeClient) -> bool:
        """Only keypool's own policy counts: another one may have refused this Secret alone."""
        body = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": NAME}}
        try:
            await client.create(paths.secrets(self._namespace), body, dry_run=True)
        except Forbidden as error:
            policy = error.details.partition(_DENIED)[2].partition(",")[0]
            if "keypool" in policy:
                return True
            raise
        return False
