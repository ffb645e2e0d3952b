"""The brake: holds from the third rejection on, until a listing or a good probe tells what it means."""

from keypool.core.brake import Brake, Grip
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Checked, heard_since
from keypool.core.reasons import Reason
from keypool.core.rules import creation, health, publication
from tests.unit.core.builders import (
    NOW,
    SECOND,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    concluded,
    decide,
    planned,
    rejected,
    seen,
    states,
)

ABC = ("a", "b", "c")


def braked(*names: str) -> Brake:
    """A brake in a process that has had a good probe, and then these rejections."""
    brake = Brake()
    brake.accept("good", NOW)
    for name in names:
        brake.reject(name)
    return brake


def published(*names: str) -> dict[str, bool]:
    """Keys that are not withdrawn."""
    return dict.fromkeys(names, False)


def test_two_rejected_keys_hold_nothing() -> None:
    assert braked("a", "b").grip is Grip.FREE


def test_the_same_key_rejected_again_and_again_counts_once() -> None:
    assert braked("a", "a", "a", "b").grip is Grip.FREE


def test_the_third_rejected_key_holds_everything_until_a_listing_tells_more() -> None:
    brake = braked("a", "b")
    assert brake.reject("c"), "a listing is asked for"
    assert brake.grip is Grip.UNSURE


def test_keys_that_are_listed_as_active_and_rejected_engage_the_brake() -> None:
    brake = braked(*ABC)
    brake.listed(published(*ABC, "d"), set(ABC))
    assert brake.grip is Grip.ENGAGED


def test_half_of_an_account_is_not_most_of_it() -> None:
    brake = braked(*ABC)
    brake.listed(published(*ABC, "d", "e", "f"), set(ABC))
    assert brake.grip is Grip.UNSURE, "three in a row still hold it"


def test_keys_that_are_really_gone_do_not_engage_it_and_ask_for_no_other_listing() -> None:
    brake = braked(*ABC)
    brake.listed(published(*ABC, "d"), {"d"})
    assert brake.grip is Grip.FREE
    assert not any(brake.reject(name) for name in ABC)
    assert brake.grip is Grip.FREE


def test_the_first_good_probe_releases_it() -> None:
    brake = braked(*ABC)
    brake.listed(published(*ABC), set(ABC))
    assert brake.accept("b", NOW)
    assert brake.grip is Grip.FREE


def test_what_was_rejected_while_it_held_has_to_be_rejected_once_more_before_a_key_is_withdrawn() -> None:
    """Else the first good probe of one key would have all others replaced."""
    keys = [a_key(slot) for slot in range(3)]
    before = rejected("active-0", "active-1", "active-2", at=NOW - SECOND)
    o = seen(*keys, pool=a_pool(spec=a_spec(size=3)), checks=heard_since(before, NOW))
    assert set(states(planned(o).ledger).values()) == {"active"}
    again = {**before, "active-1": Checked(NOW + SECOND, accepted=False, rejections=4)}
    o = seen(*keys, pool=a_pool(spec=a_spec(size=3)), checks=heard_since(again, NOW))
    assert states(decide(health.failed_keys_are_withdrawn, o).ledger)["active-1"] == "withdrawn"


def test_a_new_key_that_was_rejected_while_it_held_is_not_revoked_for_that() -> None:
    o = seen(a_key(0, KeyState.CREATED), checks=heard_since(rejected("created-0", times=1, at=NOW), NOW))
    assert states(decide(publication.rejected_new_keys_are_revoked, o).ledger)["created-0"] == "created"


def test_after_a_start_withdrawn_keys_that_are_listed_as_active_hold_it_until_a_probe_tells() -> None:
    brake = Brake()
    brake.listed({"a": True, "b": True, "c": False}, {"a", "b", "c"})
    first = brake.grip
    brake.reject("c")
    brake.listed({"a": True, "b": True, "c": False}, {"a", "b", "c"})
    assert (first, brake.grip) == (Grip.UNSURE, Grip.ENGAGED)


def test_after_a_start_withdrawn_keys_that_are_gone_hold_nothing() -> None:
    brake = Brake()
    brake.listed({"a": True, "b": True, "c": False}, {"c"})
    assert brake.grip is Grip.FREE


def test_while_it_holds_no_rejected_key_is_withdrawn_and_an_expired_one_is() -> None:
    keys = (a_key(0, name="bad"), a_key(1, name="old", expires_at=NOW))
    o = seen(*keys, checks=rejected("bad"), grip=Grip.UNSURE)
    assert states(decide(health.failed_keys_are_withdrawn, o).ledger) == {"bad": "active", "old": "withdrawn"}


def test_while_it_holds_no_key_is_made() -> None:
    decision = decide(creation.slots_get_keys, seen(a_key(0), grip=Grip.UNSURE))
    assert not decision.actions


def test_while_it_holds_a_rejected_new_key_is_not_given_up() -> None:
    new = a_key(0, KeyState.CREATED)
    checks = {new.name: Checked(NOW + 10 * SECOND, accepted=False, rejections=1)}
    decision = decide(publication.rejected_new_keys_are_revoked, seen(new, checks=checks, grip=Grip.ENGAGED))
    assert decision.ledger is None


def test_people_are_told_when_it_is_engaged_and_whether_the_pool_is_ready_is_unknown() -> None:
    status = concluded(seen(a_key(0), a_key(1), grip=Grip.ENGAGED))
    found = {condition.type: (condition.status, condition.reason) for condition in status.conditions}
    assert found["Healthy"] == ("False", Reason.MOST_KEYS_REJECTED)
    assert found["Ready"] == ("Unknown", Reason.MOST_KEYS_REJECTED)


def test_a_withdrawn_key_that_still_stands_in_the_secret_may_be_live_while_the_brake_holds() -> None:
    ledger = a_ledger(a_key(0, KeyState.WITHDRAWN, name="last"), satisfied_generation=1)
    for grip, ready in ((Grip.ENGAGED, "Unknown"), (Grip.FREE, "False")):
        status = concluded(seen(ledger=ledger, pool=a_pool(spec=a_spec(size=1)), grip=grip))
        assert [condition.status for condition in status.conditions if condition.type == "Ready"] == [ready]


def test_a_key_that_a_pod_reports_has_the_list_read_at_its_first_rejection_and_holds_nothing() -> None:
    brake = braked()
    assert brake.reject("a", reported=True), "a listing is asked for"
    assert (brake.doubted, brake.grip) == (True, Grip.FREE)
    assert not brake.reject("a", reported=True), "once"
    brake.listed(published("a", "b"), active={"b"})
    assert (brake.doubted, brake.lost, brake.grip) == (False, {"a"}, Grip.FREE)
    brake.accept("a", NOW)
    assert brake.lost == set()


def test_a_key_that_is_listed_as_active_is_not_lost_by_a_report() -> None:
    brake = braked()
    brake.reject("a", reported=True)
    brake.listed(published("a", "b"), active={"a", "b"})
    assert brake.lost == set()
