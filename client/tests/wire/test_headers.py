"""Which headers are sent on, with which credential, and which come back."""

import pytest

from keypool_client.model import DIALECTS, Dialect, Key
from keypool_client.wire.headers import outgoing, returned, upgrade

KEY = Key("chat-0-ab12", "sk-pool", ("eu",), "chat-0-ab12", "chat-0-ab12")
MINE = [
    ("Authorization", "Bearer sk-mine"),
    ("authorization", "Basic sk-mine"),
    ("X-Api-Key", "sk-mine"),
    ("x-goog-api-key", "sk-mine"),
    ("api-key", "sk-mine"),
    ("X-LiteLLM-API-Key", "sk-mine"),
    ("Ocp-Apim-Subscription-Key", "sk-mine"),
    ("Proxy-Authorization", "Basic sk-mine"),
    ("Cookie", "session=sk-mine"),
]


@pytest.mark.parametrize(
    ("dialect", "version", "header"),
    [
        ("openai", None, ("Authorization", "Bearer sk-pool")),
        ("openai", "2026-10-21", ("Authorization", "Bearer sk-pool")),
        ("anthropic", None, ("x-api-key", "sk-pool")),
        ("anthropic", "2023-06-01", ("x-api-key", "sk-pool")),
        ("anthropic", "2026-10-20", ("x-api-key", "sk-pool")),
        ("anthropic", "2026-10-21", ("Authorization", "Bearer sk-pool")),
        ("anthropic", "2027-01-01", ("Authorization", "Bearer sk-pool")),
        ("anthropic", "latest", ("x-api-key", "sk-pool")),
        ("gemini", None, ("x-goog-api-key", "sk-pool")),
        ("azure", None, ("api-key", "sk-pool")),
    ],
)
def test_all_credentials_are_replaced_by_the_dialects_one(
    dialect: Dialect, version: str | None, header: tuple[str, str]
) -> None:
    versions = [("anthropic-version", version)] if version else []
    sent = outgoing([*MINE, *versions], dialect, KEY)
    assert header in sent
    assert "sk-mine" not in str(sent)
    assert str(sent).count("sk-pool") == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_concerns_one_connection_stays_there(dialect: Dialect) -> None:
    hop = [
        ("Connection", "keep-alive, X-Mine"), ("connection", "x-also"), ("Keep-Alive", "5"), ("TE", "trailers"),
        ("Trailer", "X"), ("Transfer-Encoding", "chunked"), ("Upgrade", "h2c"), ("Proxy-Connection", "x"),
        ("X-Mine", "1"), ("X-Also", "2"),
    ]  # fmt: skip
    kept = [("X-Stays", "1"), ("X-Stays", "2"), ("anthropic-beta", "b")]
    own = [("Host", "127.0.0.1"), ("Content-Length", "5"), ("Expect", "100-continue"), ("x-keypool-retry", "safe")]
    sent = outgoing([*hop, *kept, *own], dialect, KEY)
    assert sent[:3] == kept
    assert len(sent) == 5, "those, the credential and Accept-Encoding"
    assert returned([*hop, *kept, ("X-Keypool-Attempts", "9")]) == kept


def test_the_organization_of_the_applications_own_key_is_removed_unless_it_is_kept() -> None:
    given = [("OpenAI-Organization", "org-1"), ("openai-project", "proj-1"), ("X-Stainless-Lang", "go")]
    assert outgoing(given, "openai", KEY)[:-2] == given[2:]
    assert outgoing(given, "openai", KEY, keep_organization=True)[:-2] == given


def test_cookies_and_ways_past_the_relay_do_not_come_back_but_a_redirect_does() -> None:
    given = [("Set-Cookie", "a=b"), ("Alt-Svc", 'h3=":443"'), ("Content-Length", "5"), ("Content-Encoding", "gzip"),
             ("Location", "https://elsewhere.example/"), ("Retry-After", "3"), ("x-should-retry", "true")]  # fmt: skip
    assert returned(given) == given[3:]


@pytest.mark.parametrize(
    ("accepted", "stream", "sent"),
    [
        ("gzip, deflate, br, zstd", False, "gzip"),
        ("br;q=1.0, *;q=0.5", False, "gzip"),
        ("gzip, deflate", True, "identity"),
        ("br, zstd", False, "identity"),
        ("gzip;q=0, br", False, "identity"),
        ("gzip ; q=0.000", False, "identity"),
        ("GZIP;q=0.1", False, "gzip"),
        (None, False, "identity"),
    ],
)
def test_nothing_is_asked_for_that_cannot_be_looked_into(accepted: str | None, stream: bool, sent: str) -> None:
    given = [] if accepted is None else [("Accept-Encoding", accepted)]
    assert dict(outgoing(given, "openai", KEY, stream=stream))["Accept-Encoding"] == sent


def test_a_tunnel_is_opened_with_the_pools_key_wherever_the_own_one_stood() -> None:
    protocols = "realtime, openai-insecure-api-key.sk-mine, openai-organization.org-1, openai-beta.realtime-v1"
    given = [*MINE, ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "k"),
             ("Sec-WebSocket-Protocol", protocols)]  # fmt: skip
    sent = dict(upgrade(given, KEY))
    assert "sk-mine" not in str(sent)
    assert "org-1" not in str(sent)
    assert sent["Sec-WebSocket-Protocol"] == "realtime, openai-beta.realtime-v1"
    assert (sent["Connection"], sent["Upgrade"]) == ("Upgrade", "websocket")
    assert (sent["Authorization"], sent["Sec-WebSocket-Key"]) == ("Bearer sk-pool", "k")
    only = dict(upgrade([("Sec-WebSocket-Protocol", "openai-insecure-api-key.sk-mine")], KEY))
    assert "Sec-WebSocket-Protocol" not in only


def test_no_credential_is_ever_shown_by_a_route_or_a_refusal() -> None:
    """They hold paths, and sentences that are written here."""
    from keypool_client.wire.urls import route

    for target in (
        "/v1beta/models?key=sk-mine",
        "/openai/x?api-key=sk-mine&access_token=sk-mine",
        "/nowhere?key=sk-mine",
    ):
        for headers in ([("Host", "localhost"), ("Authorization", "sk-mine")], [("Host", "sk-mine")], MINE):
            assert "sk-mine" not in repr(route("GET", target, DIALECTS, headers))


def test_control_characters_of_a_provider_do_not_come_back() -> None:
    """A server of HTTP may not write them, so that the whole answer would be lost."""
    odd = [("X-Odd", "a\x01b\x7f"), ("X-Tab", "a\tb"), ("X-Plain", "c")]
    assert returned(odd) == [("X-Odd", "a b "), ("X-Tab", "a\tb"), ("X-Plain", "c")]
