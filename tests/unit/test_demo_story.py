"""A demo's story is put together from the simulator's record and the operator's audit log."""

from typing import Any

from keypool_lab.demo.story import Call, Mark, Program, Story, tell_story

START = 1_800_000_000.0


def key(number: int, deleted: float | None = None, by: str | None = None) -> dict[str, Any]:
    """A key of the record, created as many seconds after the start as its number says."""
    created = START + number
    return {"id": f"k{number}", "fingerprint": f"f{number}", "created": created, "deleted": deleted, "deleted_by": by}


def call(key_id: str | None, status: int | None = 200, **more: Any) -> dict[str, Any]:
    """A program's call as the record has it."""
    facts = {"endpoint": "1", "identity": "r", "fault": None, "served": status == 200, "client": "me"}
    return {"time": START + 5, "key_id": key_id, "status": status, **facts, **more}


def told(keys: list[dict[str, Any]], calls: list[dict[str, Any]], audit: list[dict[str, Any]]) -> Story:
    """The story of a program that calls itself `me`."""
    record, marks, program = {"keys": keys, "calls": calls}, [Mark(START, 1, "first")], Program("me", 3, [START + 6])
    return tell_story(record, audit, marks, program, START + 10)


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


def test_only_the_programs_requests_count() -> None:
    """Others use keys, too; endpoints are counted in the provider object's order."""
    calls = [call("k1"), call("k1", client="somebody"), call("k1", endpoint="0")]
    expected = [Call(START + 5, "A", 1, "r", 200), Call(START + 5, "A", 2, "r", 200)]
    assert told([key(1)], calls, []).calls == expected


def test_a_value_that_the_provider_does_not_know_was_the_lost_key() -> None:
    """There the relay still had it."""
    story = told([key(1), key(2, START + 4, "outside")], [call(None, 401)], [])
    assert [(each.letter, each.status) for each in story.calls] == [("B", 401)]


def test_a_limit_and_an_answer_that_nobody_took_are_told_apart_from_what_was_served() -> None:
    """A fault answered before the provider decided; an endpoint died under the other."""
    calls = [call("k1"), call("k1", None, fault="throttle"), call("k1", served=False)]
    story = told([key(1)], calls, [])
    assert [(each.status, each.lost, each.served) for each in story.calls] == [
        (200, False, True),
        (429, False, False),
        (200, True, False),
    ]


def test_what_failed_is_what_the_program_says() -> None:
    """It sent the requests."""
    story = told([key(1)], [], [])
    assert (story.sent, story.failures) == (3, [START + 6])
