"""Only a Secret that was written from this pool's ledger says how new that ledger was."""

from typing import Any

import pytest

from keypool.core.ledger import Ledger
from keypool.core.projection import project
from keypool.core.seal import is_newer, proven_revision, seal_of
from keypool.core.views_secret import SecretView
from tests.unit.core.builders import a_key, a_ledger, a_spec, a_view

REVISION, MAC = "keypool.dev/ledger-revision", "keypool.dev/ledger-mac"
LEDGER = a_ledger(a_key(0), revision=7, publication=6, seals=("first", "second"))


def published(ledger: Ledger = LEDGER, **facts: Any) -> SecretView:
    """The Secret as it was written from a ledger."""
    return a_view(project(ledger, a_spec())[0], **facts)


def later(publication: int) -> Ledger:
    """The same ledger, some writes later."""
    return LEDGER.model_copy(update={"publication": publication, "revision": publication + 1})


def test_a_secret_tells_the_revision_that_it_was_written_from() -> None:
    assert proven_revision(published(), LEDGER) == 6
    assert not is_newer(published(), LEDGER)


@pytest.mark.parametrize("publication", [8, 9, 10**14])
def test_with_a_valid_mac_any_jump_is_a_restore(publication: int) -> None:
    assert proven_revision(published(later(publication)), LEDGER) == publication
    assert is_newer(published(later(publication)), LEDGER)


def annotations(**changed: str | None) -> dict[str, str]:
    """Those of a Secret from a newer ledger, with some replaced or taken off."""
    merged: dict[str, str | None] = {**published(later(9)).annotations, **changed}
    return {name: text for name, text in merged.items() if text is not None}


GENUINE = published(later(9)).annotations[MAC]
FORGED = {
    "the highest number": {REVISION: "9" * 15},
    "one more": {REVISION: "10"},
    "no MAC": {MAC: None},
    "a MAC of nothing": {MAC: "1."},
    "a MAC of another form": {MAC: "2" + GENUINE[1:]},
    "a MAC without its form": {MAC: GENUINE.partition(".")[2]},
    "a MAC of another alphabet": {MAC: "1.\u00e9" + GENUINE},
    "no revision": {REVISION: None},
    "a revision of other digits": {REVISION: "\u0669"},
    "a negative revision": {REVISION: "-9"},
    "a revision without end": {REVISION: "9" * 5000},
}


@pytest.mark.parametrize("changed", FORGED.values(), ids=FORGED.keys())
def test_a_revision_that_was_forged_counts_for_nothing(changed: dict[str, str | None]) -> None:
    view = published(later(9), annotations=annotations(**changed))
    assert proven_revision(view, LEDGER) == 0
    assert not is_newer(view, LEDGER)


OTHERS: dict[str, dict[str, Any]] = {
    "another content": {"digests": {"apiKey": "0" * 64}},
    "an entry more": {"digests": {**published(later(9)).digests, "more": "0" * 64}},
}


@pytest.mark.parametrize("facts", OTHERS.values(), ids=OTHERS.keys())
def test_a_mac_does_not_fit_another_content(facts: dict[str, Any]) -> None:
    assert proven_revision(published(later(9), **facts), LEDGER) == 0


def test_a_mac_fits_neither_another_pool_nor_another_secret() -> None:
    view, other = published(later(9)), LEDGER.model_copy(update={"pool_uid": "pool-2"})
    assert proven_revision(view, other) == 0
    _, second, _ = project(later(9), a_spec())
    assert proven_revision(a_view(second, annotations=view.annotations), LEDGER) == 0


def test_a_restored_ledger_knows_the_secrets_of_one_that_was_made_anew_under_another_seal() -> None:
    """Each signs with its own; a restored one also knows the installation's of today."""
    restored = LEDGER.model_copy(update={"seals": ("of its own", "second")})
    anew = later(9).model_copy(update={"seals": ("second",)})
    assert proven_revision(published(anew), restored) == 9
    assert proven_revision(published(restored), anew) == 0


def test_without_a_seal_nothing_is_proven_and_nothing_is_signed() -> None:
    bare = LEDGER.model_copy(update={"seals": ()})
    assert MAC not in published(bare).annotations
    assert proven_revision(published(), bare) == 0


def test_a_seal_is_of_one_pool_and_is_shown_nowhere() -> None:
    assert seal_of("secret", "pool-1") == seal_of("secret", "pool-1")
    assert len({seal_of("secret", "pool-1"), seal_of("secret", "pool-2"), seal_of("other", "pool-1")}) == 3
    assert "first" not in repr(LEDGER)
