"""What stops a whole installation: another cluster's certificates, or more lost ledgers than chance would take."""

import pytest

from keypool.cluster.installation import is_same_cluster
from keypool.core.reasons import Reason
from keypool.reconcile.census import too_many

OLD, NEW = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("pinned", "present", "confirmed"),
    [
        ({OLD}, {OLD}, ""),
        ({OLD}, {OLD, NEW}, ""),
        ({OLD, NEW}, {NEW}, ""),
        (set(), {NEW}, ""),
        ({OLD}, {NEW}, NEW[:12]),
    ],
    ids=["the same", "a CA joins the bundle", "a CA leaves the bundle", "nothing pinned yet", "confirmed"],
)
def test_it_is_the_same_cluster(pinned: set[str], present: set[str], confirmed: str) -> None:
    assert is_same_cluster(frozenset(pinned), frozenset(present), confirmed)


@pytest.mark.parametrize(
    "confirmed", ["", NEW[:11], OLD[:12], "yes"], ids=["not", "too short", "the old one", "a word"]
)
def test_it_is_another_cluster_until_its_certificate_is_confirmed(confirmed: str) -> None:
    assert not is_same_cluster(frozenset({OLD}), frozenset({NEW}), confirmed)


@pytest.mark.parametrize(("missing", "of", "confirmed"), [(3, 3, 0), (10, 100, 0), (4, 4, 4), (0, 0, 0)])
def test_few_or_confirmed_losses_ask_nobody(missing: int, of: int, confirmed: int) -> None:
    assert too_many(missing, of, confirmed, "system") is None


@pytest.mark.parametrize(("missing", "of", "confirmed"), [(4, 4, 0), (11, 100, 0), (5, 5, 4)])
def test_many_losses_ask_an_administrator_and_say_how_to_confirm(missing: int, of: int, confirmed: int) -> None:
    problem = too_many(missing, of, confirmed, "system")
    assert problem is not None
    assert problem.reason is Reason.LEDGERS_MISSING
    assert f"keypool.dev/confirm-ledgers-missing={missing}" in problem.message
