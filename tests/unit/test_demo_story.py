"""A demo's story is put together from the simulator's record and the operator's audit log."""

from typing import Any

from keypool_lab.demo.story import Mark, Request, Story, tell_story

START = 1_800_000_000.0


def key(number: int, deleted: float | None = None, by: str | None = None) -> dict[str, Any]:
    """A key of the record, created as many seconds after the start as its number says."""
    created = START + number
    return {"id": f"k{number}", "fingerprint": f"f{number}", "created": created, "deleted": deleted, "deleted_by": by}


def call(key_id: str | None, status: int | None = 200, client: str = "me") -> dict[str, Any]:
    """A workload's call as the record has it."""
    return {"time": START + 5, "key_id": key_id, "status": status, "client": client}


def told(keys: list[dict[str, Any]], calls: list[dict[str, Any]], audit: list[dict[str, Any]]) -> Story:
    """The story of a workload that calls itself `me`."""
    return tell_story({"keys": keys, "calls": calls}, audit, [Mark(START, 1, "first")], "me", START + 10)


def test_keys_are_lettered_in_the_order_of_their_creation() -> None:
    """Whatever the order in which the record lists them."""
    lives = told([key(2), key(1)], [], []).lives
    assert [(life.letter, life.fingerprint) for life in lives] == [("A", "f1"), ("B", "f2")]


def test_the_audit_log_tells_when_a_key_was_published_and_replaced() -> None:
    """The first time counts: a key that recovers is published once more."""
    audit = [
        {"fingerprint": "f1", "event": event, "time": f"2027-01-15T08:00:0{second}.000Z"}
        for second, event in enumerate(["created", "active", "withdrawn", "active", "draining"])
    ]
    (life,) = told([key(0) | {"fingerprint": "f1"}], [], audit).lives
    assert (life.published, life.withdrawn, life.replaced) == (START + 1, START + 2, START + 4)


def test_a_key_that_keypool_replaced_and_revoked_was_rotated() -> None:
    """One that somebody else deleted was not, though it was replaced too."""
    audit = [{"fingerprint": name, "event": "draining", "time": "2027-01-15T08:00:03Z"} for name in ("f0", "f1", "f2")]
    lives = told([key(0, START + 9, "api"), key(1, START + 9, "outside"), key(2)], [], audit).lives
    assert [life.rotated for life in lives] == [True, False, False]


def test_only_the_workloads_requests_count() -> None:
    """Others use keys, too. What met a fault or a key that never was is a failure."""
    calls = [call("k1"), call("k1", client="somebody"), call(None, 401), call("k1", None)]
    expected = [Request(START + 5, "A", ok=True), Request(START + 5, "", ok=False), Request(START + 5, "A", ok=False)]
    assert told([key(1)], calls, []).requests == expected
