"""Events as the API server takes them."""

from types import SimpleNamespace
from typing import Any

from keypool.cluster.announcer import OF_A_NAMESPACE, REFILL_OF_A_NAMESPACE, Announcer, Subject
from keypool.core.reasons import Reason
from tests.unit.core.builders import NOW


async def test_a_note_of_other_letters_is_cut_to_what_the_api_server_takes() -> None:
    """It counts bytes."""
    posted: list[dict[str, Any]] = []

    async def create(_: str, body: dict[str, Any]) -> None:
        posted.append(body)

    client: Any = SimpleNamespace(create=create)
    announcer = Announcer(client, "\u00e9" * 200, lambda: 0.0, lambda: NOW, lambda: "0")
    await announcer.announce(
        Subject("ApiKeyPool", "team", "pool", "uid"), "Normal", Reason.KEY_CREATED, "\u20ac" * 1024
    )
    (event,) = posted
    assert event["note"] == "\u20ac" * 341
    assert len(event["reportingInstance"].encode()) == 128


async def test_a_namespace_that_makes_events_without_end_is_cut_off_and_no_other_is() -> None:
    posted: list[str] = []
    clock = [0.0]

    async def create(_: str, body: dict[str, Any]) -> None:
        posted.append(body["regarding"]["namespace"])

    client: Any = SimpleNamespace(create=create)
    dropped: list[str] = []
    announcer = Announcer(client, "me", lambda: clock[0], lambda: NOW, lambda: "0", on_dropped=dropped.append)

    async def tell(namespace: str, pools: int, kind: str = "Normal") -> int:
        before = len(posted)
        for number in range(pools):
            pool = Subject("ApiKeyPool", namespace, "pool", f"{namespace} {kind} {clock[0]} {number}")
            await announcer.announce(pool, kind, Reason.KEY_CREATED, "made")
        return len(posted) - before

    assert await tell("crowd", OF_A_NAMESPACE + 500) == OF_A_NAMESPACE
    assert dropped == ["Normal"] * 500
    assert await tell("bystander", 10) == 10
    assert await tell("crowd", 10, "Warning") == 10
    clock[0] += 10 * REFILL_OF_A_NAMESPACE
    assert await tell("crowd", 50) == 10
