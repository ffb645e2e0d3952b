"""The audit log of the running operator."""

import pytest

from tests.cluster.running import Operator
from tests.cluster.team import Team, pool_manifest
from tests.waiting import eventually


@pytest.mark.usefixtures("provider")
async def test_where_nothing_happens_there_are_no_lines(operator: Operator, team: Team) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    await team.annotate("chat", Rotate="now", compromised="nobodys-key")
    await team.considered()

    async def settled() -> bool:
        before = operator.audit_text()
        await team.considered()
        return operator.audit_text() == before and '"unknown"' in before and '"names nothing"' in before

    await eventually(settled, 30, "the audit log is at rest, however often the pool is looked at")
