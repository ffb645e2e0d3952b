"""Events as the API server takes them."""

from types import SimpleNamespace
from typing import Any

from keypool.cluster.announcer import Announcer, Subject
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
