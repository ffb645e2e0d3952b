"""The text of docs/tests.md."""

from collections.abc import Iterable

from keypool.core.lifecycle import TABLE, Transition
from keypool_lab.testdocs.cases import CASES
from keypool_lab.testdocs.collect import ROWS, TESTS, Found, Row, every_test, proven
from keypool_lab.testdocs.invariants import INVARIANTS
from keypool_lab.testdocs.kinds import KINDS

INTRODUCTION = """\
What can be run is not mocked: the API server, etcd and the controller manager are real ones, built once for the tests,
and providers are simulated over HTTP. Only the core, which decides without I/O, is tested by itself.

| folder | its tests need |
| --- | --- |
| `tests/unit` | nothing; `core` holds the rules of the planner and a model of the whole that meets random faults |
| `tests/contract` | the provider simulator: adapters and transport |
| `tests/alerts` | Prometheus' rule tester: the alert rules, on generated series |
| `tests/cluster` | a control plane and the simulator; the operator has the rights of `manifests/base` |
| `tests/faults` | the same, and operators in processes of their own that are killed, stopped and cut off |
| `tests/abuse` | the same, under the memory limit of `manifests/base`: one tenant attacks, another one measures |
| `tests/kubelet` | root on Debian, and packages that a skip names: what is shipped, on a real kubelet |
| `tests/e2e` | the lab's commands, as a user runs them |

```
make test                                                    # all but most of tests/abuse
make test-abuse                                              # every attack, with figures
.venv/bin/pytest tests/unit                                  # one folder
.venv/bin/pytest tests/unit/core/test_rules_intents.py -k held
.venv/bin/pytest tests/faults/test_crash_points.py -rA       # prints the crash points
make mutants                                                 # would the tests notice if the code were wrong?
```"""

ROW_TEXT = """\
Each row of the table in [lifecycle.md](lifecycle.md), with the tests that name it by
`@pytest.mark.row("HELD", "CLEARED")`: state before, `NONE` for none, and evidence. A row without a test, or a marker
without a row, fails `tests/unit/test_docs_of_tests.py`."""

INVARIANT_TEXT = "What holds at every moment, and where it is tried. The model checks most of it after every step."

ABUSE_TEXT = """\
What somebody may try who has the rights of an ordinary editor of a namespace, or owns an endpoint that providers name.
`make test-abuse` plays the attacks that use something up: two replicas run under the Deployment's own memory limit with
the rights of `manifests/base`, one tenant attacks, and another one measures how soon a new pool is Ready, a rotation
published and a reported leak answered, while the attack goes on, through SIGTERM and through SIGKILL. Beside these
figures stand those with as many objects that keypool ignores."""

KINDS_TEXT = (
    "Kinds of harm to others. What is shared is bounded, and what is over a bound is slowed for its owner alone."
)

CRASH_TEXT = """\
`tests/faults/test_crash_points.py` runs each scenario once and numbers the operator's effects: what it writes into the
cluster and every call to the provider. Then it runs the scenario again for each point, before and after each effect:
the process kills itself there with SIGKILL, another one is started, waits for the Lease and goes on. At the moment of
the crash, and at the end, the provider's record is compared with the ledger and with what is published; the end must be
that of the reference run but for ids. Not numbered are the Lease, which goes on by itself, and Events, for which
nothing waits: a crash at one of them is a crash between two others.

| scenario | effects | crash points |
| --- | --- | --- |
| create, of provider and pool | 16 | 32 |
| create, where the provider lists no names | 16 | 32 |
| rotate by annotation | 24 | 48 |
| heal: a published key was deleted upstream | 16 | 32 |
| delete with the policy Revoke | 12 | 24 |
| together | 84 | 168 |

The test prints the list; probes that fall due meanwhile may add some points to heal."""


def page() -> tuple[str, ...]:
    """The parts of the document."""
    found = every_test(TESTS)
    return (
        INTRODUCTION,
        "## Rows of the lifecycle table",
        ROW_TEXT,
        _rows(found),
        "## Invariants",
        INVARIANT_TEXT,
        _invariants(),
        "## Abuse",
        ABUSE_TEXT,
        _cases(),
        KINDS_TEXT,
        _kinds(),
        "## Crash points",
        CRASH_TEXT,
    )


def _rows(found: tuple[Found, ...]) -> str:
    by_row = proven(found)
    cells = ((*name, row.after.name if row.after else "-", _links(by_row[name])) for name, row in _table())
    return "\n".join(("| from | evidence | to | tests |", "| --- | --- | --- | --- |", *map(_line, cells)))


def _table() -> Iterable[tuple[Row, Transition]]:
    return zip(ROWS, TABLE, strict=True)


def _invariants() -> str:
    cells = ((text, _links(ids)) for text, ids in INVARIANTS)
    return "\n".join(("| what holds | tests |", "| --- | --- |", *map(_line, cells)))


def _cases() -> str:
    cells = ((str(number), *case[:2], _links(case[2])) for number, case in enumerate(CASES, 1))
    return "\n".join(("| | attack | becomes | tests |", "| --- | --- | --- | --- |", *map(_line, cells)))


def _kinds() -> str:
    cells = ((text, _links(ids)) for text, ids in KINDS)
    return "\n".join(("| kind | tests |", "| --- | --- |", *map(_line, cells)))


def _links(ids: Iterable[str]) -> str:
    return "<br>".join(f"[{name}](../{file})" for file, _, name in (test.partition("::") for test in ids))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
