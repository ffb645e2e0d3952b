"""The audit log of a real run answers an auditor's questions, by the commands of docs/audit.md, and holds no value."""

import io
import json
import re
import shlex
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from keypool.audit_command import main
from keypool.cluster import paths
from keypool.core.audit.schema import schema
from keypool_lab.simulator import Simulator
from tests.cluster.canaries import leaks
from tests.cluster.conftest import OperatorMaker
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock, Operator
from tests.cluster.team import Team, pool_manifest
from tests.waiting import eventually

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
DAY = "2026-11-29"
"""As the page has it; the run has its own."""


class Run:
    """What people did while an operator worked, and the log that it left."""

    def __init__(self, operator: Operator, team: Team, clock: Clock, ledgers: Ledgers) -> None:
        self.operator, self.team, self.clock, self.ledgers = operator, team, clock, ledgers

    async def live(self, simulator: Simulator) -> None:
        """A day with all that an auditor may ask about."""
        await self.operator.start()
        await self.team.apply(pool_manifest(rotation={"overlap": {"min": "0s"}}, key={"scopes": ["chat:write"]}))
        await self.team.ready()
        await self._orders()
        await self._changes_limits()
        await self._meddles(simulator)
        await self.operator.restart()
        await self.team.patch("chat", suspend=True)
        await self._annotate("rotate=sunday")
        await self._told('"waits"')
        await self.operator.stop()

    async def _orders(self) -> None:
        first = await self.team.value() or ""
        await self._annotate("rotate=monday")
        second = await self.team.changes(first)
        await self._annotate(f"compromised={second}")
        await self.team.changes(second)
        await self._told("compromised", "revoked")
        await self._annotate("compromised=nobodys-key")
        await self._told('"names nothing"')
        await self._annotate("Rotate=now")
        await self._told('"unknown"')

    async def _changes_limits(self) -> None:
        before = await self.team.value()
        spec = json.dumps({"spec": {"key": {"rateLimit": {"requestsPerMinute": 60}}}})
        await self.team.kubectl("patch", "akp", "chat", "--type=merge", "-p", spec)
        await self._later()
        await self.team.changes(before)

    async def _meddles(self, simulator: Simulator) -> None:
        await self.team.until("chat", lambda pool: len(pool["status"]["keys"]) == 1, 30)
        await self.team.considered()  # else an ordinary publication overwrites it, and repairs nothing
        secret = paths.secret(self.team.namespace, "chat")
        await self.team.client.patch(secret, {"stringData": {"apiKey": "something else"}})
        await self._told('"repaired"')
        ledger = paths.secret(self.ledgers.namespace, await self.ledgers.name())
        await self.team.client.patch(ledger, {"stringData": {"ledger.json": "{}"}})
        before = await self.team.value()
        await self._annotate("rotate=tuesday")
        await self._later()
        await self.team.changes(before)
        await self._told('"tampered"')
        good = simulator.admin_key
        await simulator.set_admin_key("admin-other-0123456789")
        await self._annotate("rotate=wednesday")
        await self._later()
        await self._told('"unusable"')
        await simulator.set_admin_key(good)

    async def _annotate(self, text: str) -> None:
        await self.team.kubectl("annotate", "--overwrite", "akp", "chat", f"keypool.dev/{text}")

    async def _later(self) -> None:
        self.clock.advance(timedelta(minutes=3))
        await self.team.poke()

    async def _told(self, *texts: str) -> None:
        """Some line of the log has all of these texts."""

        async def written() -> bool:
            return any(all(text in line for text in texts) for line in self.operator.audit_text().splitlines())

        await eventually(written, 30, f"the audit log tells {texts}")


def commands() -> list[list[str]]:
    """Those of the page, in their order."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    found = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert all(words[:4] == ["python", "-m", "keypool", "audit"] for words in found)
    return [words[4:] for words in found]


Check = Callable[[str], object]
ANSWERS: dict[str, Check] = {
    "verify audit.log": lambda said: "0 lost: nothing is missing, changed or out of order" in said,
    "find audit.log audit=order annotation=keypool.dev/rotate": lambda said: re.search(
        r"value monday; decision taken; keys \S+; by \(manager kubectl-annotate, operation Update", said
    ),
    "find audit.log event=created made_for=requested": lambda said: re.search(
        r"fingerprint [0-9a-f]{12}; .*handle \S+; slot 0; may \(expires 20", said
    ),
    "find audit.log audit=order annotation=keypool.dev/compromised": lambda said: (
        re.search(r"value \d+ characters; decision taken; keys \S+; by \(manager kubectl-annotate", said)
        and re.search(r"decision names nothing; outcome it names no such key in: entry 1", said)
    ),
    "find audit.log made_for=compromised event=revoked": lambda said: "event revoked" in said,
    f"alive audit.log {DAY}": lambda said: "scopes chat:write" in said and "handle" in said,
    f"alive audit.log {DAY}T14:00:00Z": lambda _: True,
    "find audit.log event=limits changed": lambda said: said == "",
    "find audit.log event=created made_for=spec changed": lambda said: (
        "requests_per_minute 60" in said and "by (manager kubectl-patch" in said
    ),
    "find audit.log audit=order decision!=taken": lambda said: (
        "annotation keypool.dev/Rotate; decision unknown" in said
        and "value sunday; decision waits; outcome spec.suspend is true" in said
    ),
    "find audit.log audit=credential": lambda said: (
        re.search(r"event in use; .*fingerprint [0-9a-f]{12}", said) and "event unusable" in said
    ),
    "find audit.log audit=secret": lambda said: re.search(r"event repaired; .*secrets chat", said),
    "find audit.log audit=ledger": lambda said: "event tampered" in said,
}


def answer(words: list[str]) -> tuple[int, str]:
    """Exit code and output."""
    out = io.StringIO()
    return main(words, out), out.getvalue()


@pytest.mark.usefixtures("provider")
async def test_an_auditors_questions_are_answered_from_a_real_run_by_the_commands_of_the_page(
    *, make_operator: OperatorMaker, team: Team, simulator: Simulator, clock: Clock, ledgers: Ledgers, tmp_path: Path
) -> None:
    operator = make_operator("one")
    await Run(operator, team, clock, ledgers).live(simulator)
    text = operator.audit_text()
    log = tmp_path / "audit.log"
    log.write_text(f"a line of something else\n{text}")
    told: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    asked = [" ".join(words) for words in commands()]
    assert asked == list(ANSWERS)
    for words, question in zip(commands(), asked, strict=True):
        day = told[0]["time"][:10]
        code, said = answer([str(log) if word == "audit.log" else word.replace(DAY, day) for word in words])
        assert code == 0, (question, said)
        assert ANSWERS[question](said), (question, said)
    assert len({line["epoch"] for line in told}) == 2, "a leadership before the restart, and one after it"
    validator = Draft202012Validator(schema())
    assert [error.message for line in told for error in validator.iter_errors(line)] == []
    values = [simulator.admin_key, "admin-other-0123456789", *(key.value for key in simulator.record.keys())]  # noqa: SIM118 - not a dict
    assert not leaks(values, {"audit log": text.encode()})


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
