"""Only what a ledger of the pool's own wrote says how new that ledger was: forged revisions are tampering."""

import base64
import io
import json

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Operator
from tests.cluster.team import Object, Team, pool_manifest
from tests.cluster.test_lost_ledger import as_new, lose_ledger
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")


async def test_a_forged_revision_neither_pushes_the_ledger_nor_keeps_the_secret_from_being_written_back(
    operator: Operator, team: Team, ledgers: Ledgers, simulator: Simulator
) -> None:
    """As any other annotation of ours. Also one that is forged while no operator runs."""
    await team.apply(pool_manifest())
    await team.ready()
    path, revision = paths.secret(team.namespace, "chat"), "keypool.dev/ledger-revision"
    genuine = (await team.client.get(path))["metadata"]["annotations"]
    forged = {"metadata": {"annotations": {revision: "9" * 15}}}

    async def is_back() -> bool:
        return bool((await team.client.get(path))["metadata"]["annotations"] == genuine)

    await team.client.patch(path, forged)
    await eventually(is_back, 20, "the Secret is written back")
    await operator.stop()
    await team.client.patch(path, forged)
    await operator.start()
    await eventually(is_back, 20, "the Secret is written back after a start")
    assert (await ledgers.read())["revision"] < 100
    assert "LedgerRestored" not in {event["reason"] for event in await team.events()}
    before = await team.value()
    await team.annotate("chat", rotate="now")
    await team.changes(before)
    assert len(simulator.record.calls("create")) == 2


async def test_a_ledger_made_anew_counts_on_from_the_secret_so_that_the_lost_one_is_known_for_older(
    operator: Operator, team: Team, ledgers: Ledgers, logs: io.StringIO
) -> None:
    """Somebody finds it, and puts it back. The installation's own Secret was lost between."""
    await team.apply(pool_manifest())
    await team.ready()
    path = paths.secret(ledgers.namespace, await ledgers.name())
    backup = await team.client.get(path)
    await lose_ledger(operator, team, ledgers)
    await team.told("LedgerRebuilt")
    await team.ready()
    assert (await ledgers.read())["revision"] > json.loads(decoded(backup))["revision"]
    await operator.stop()
    await team.client.delete(paths.secret(ledgers.namespace, "keypool-installation"))
    await team.client.delete(path)
    await team.client.create(paths.secrets(ledgers.namespace), as_new(backup))
    await operator.start()
    await team.told("LedgerRestored")
    await team.ready()
    assert "the Secret keypool-installation was gone and was made anew" in logs.getvalue()


def decoded(secret: Object) -> bytes:
    """The ledger's text."""
    return base64.b64decode(secret["data"]["ledger.json"])
