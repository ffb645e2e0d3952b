"""What a pool's keys look like to whoever prints them."""

from keypool_client.model import Key


def test_a_key_that_is_printed_does_not_show_its_value() -> None:
    key = Key("chat-0-ab12", "sk-canary", ("eu",), "chat-0-ab12", "chat-0-ab12")
    assert "sk-canary" not in f"{key!r} {key}"
