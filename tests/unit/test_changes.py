"""Whoever changes provider objects again and again has each one tried at a pace, and only their own."""

from typing import Any

from keypool.reconcile.changes import AT_ONCE, EVERY, OF_A_NAMESPACE, Changes


class Edits:
    """People who edit objects; `clock` in seconds."""

    def __init__(self, objects: int = 1) -> None:
        self.clock, self.objects = 0.0, objects
        self._changes = Changes(lambda: self.clock, lambda _: self.objects)

    def tried(self, uid: str, times: int, namespace: str = "crowd") -> int:
        """How many of so many edits are tried now."""
        meta: dict[str, Any] = {"uid": uid, "namespace": namespace} if namespace else {"uid": uid}
        return sum(self._changes.may_be_tried({"metadata": meta}) for _ in range(times))


def test_a_few_changes_of_an_object_are_tried_at_once_and_then_one_in_ten_seconds() -> None:
    edits = Edits()
    assert edits.tried("a", 1000) == AT_ONCE
    edits.clock += EVERY
    assert edits.tried("a", 1000) == 1
    edits.clock += 100 * EVERY
    assert edits.tried("a", 1000) == AT_ONCE


def test_objects_that_are_deleted_and_made_anew_use_up_what_their_namespace_has() -> None:
    edits = Edits()
    assert sum(edits.tried(f"new-{number}", 1) for number in range(1000)) == OF_A_NAMESPACE + 2
    assert edits.tried("theirs", 1, namespace="bystander") == 1
    assert edits.tried("of-the-cluster", 1, namespace="") == 1


def test_all_objects_of_a_namespace_are_tried_at_once_when_the_operator_begins() -> None:
    edits = Edits(objects=300)
    assert sum(edits.tried(f"known-{number}", 1) for number in range(300)) == 300


def test_what_may_not_be_tried_uses_up_nothing() -> None:
    edits = Edits()
    edits.tried("a", 10_000)
    assert edits.tried("b", 1) == 1


def test_objects_that_are_applied_one_after_another_are_all_tried_at_once() -> None:
    edits = Edits(objects=0)
    for number in range(300):
        edits.objects += 1
        assert edits.tried(f"new-{number}", 1) == 1
    edits.clock += 1000
    assert sum(edits.tried(f"new-{number}", 10) for number in range(300)) == OF_A_NAMESPACE + 2 * 300


def test_a_namespace_that_has_fewer_objects_than_before_has_less_at_once() -> None:
    edits = Edits(objects=100)
    edits.tried("a", 1)
    edits.objects = 1
    assert sum(edits.tried(f"new-{number}", 1) for number in range(1000)) == OF_A_NAMESPACE + 2 - 1
