"""Whose turn it is: told from the reasons of conditions."""

import pytest

from keypool.core.reasons import Reason
from keypool.core.who import WHO, Who, who_acts

STALLED, READY, UPDATING = ("Stalled", "True"), ("Ready", "False"), ("Reconciling", "True", "Updating")


def test_every_reason_says_who_acts() -> None:
    assert WHO.keys() == set(Reason)


@pytest.mark.parametrize("reason", ["NotATenant", "Unsupported", "SpecInvalid", "ProviderNotFound", "SecretForeign"])
def test_a_mistake_of_a_pools_owner_is_the_owners(reason: str) -> None:
    assert who_acts([(*STALLED, reason), (*READY, reason)], wide=True) == "owner"


@pytest.mark.parametrize(("wide", "who"), [(True, "platform"), (False, "owner")])
def test_a_refused_credential_is_for_whoever_owns_the_provider_object(wide: bool, who: str) -> None:
    assert who_acts([(*STALLED, "CredentialRejected")], wide=wide) == who


def test_a_provider_that_is_down_is_nobodys_fault_here() -> None:
    assert who_acts([(*READY, "ProviderUnavailable"), UPDATING], wide=False) == "provider"


def test_what_needs_a_person_is_told_before_what_passes_by_itself() -> None:
    assert who_acts([UPDATING, (*STALLED, "LedgerMissing")], wide=False) == "platform"
    assert who_acts([UPDATING], wide=False) == "nobody"
    assert who_acts([], wide=True) == ""


def test_only_real_parties_are_told() -> None:
    told = {who_acts([(*STALLED, reason)], wide=wide) for reason in Reason for wide in (True, False)}
    assert told == set(Who) - {Who.ACCOUNT}
