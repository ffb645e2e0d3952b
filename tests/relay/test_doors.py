"""Who may ask, what goes on to the provider, and what the two ports say."""

import asyncio
import json
import logging
import re

import pytest

from keypool_client.relay.peers import is_local
from tests.relay.mounted import Mounted, document
from tests.relay.served import Told, relay, told
from tests.relay.stages import saying
from tests.relay.upstream import CHAT, Heard, full, upstream

VALUE = "sk-canary-of-the-doors"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Host": "evil.example"}, 403, "keypool_foreign_host"),
        ({"Host": "127.0.0.1.evil.example"}, 403, "keypool_foreign_host"),
        ({"Origin": "http://127.0.0.1"}, 403, "keypool_foreign_origin"),
        ({"Origin": "null"}, 403, "keypool_foreign_origin"),
        ({"Authorization": ""}, 401, "keypool_no_credential"),
    ],
)
async def test_a_page_in_a_browser_gets_nothing(
    headers: dict[str, str], status: int, code: str, mounted: Mounted
) -> None:
    async with upstream(saying(full(CHAT))) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            refused = await served.ask(headers=headers)
            page = await served.ask("/_keypool", "GET", headers=headers)
    assert (refused.status, refused.code) == (status, code)
    assert page.status == (403 if status == 403 else 200)
    assert provider.heard == []


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        (("127.0.0.1", 1), True),
        (("127.9.9.9", 1), True),
        (("::1", 1, 0, 0), True),
        (("::ffff:127.0.0.1", 1, 0, 0), True),
        (("10.0.0.1", 1), False),
        (("::ffff:10.0.0.1", 1, 0, 0), False),
        (("fe80::1%eth0", 1, 0, 2), False),
        (("2001:db8::1", 1, 0, 0), False),
        ("/run/socket", False),
        ("", False),
        (None, True),
    ],
)
def test_a_peer_is_local_where_its_address_is_loopback(peer: tuple[object, ...] | str | None, local: bool) -> None:
    assert is_local(peer) is local


async def test_only_the_pools_key_reaches_the_provider_and_no_value_comes_back(
    mounted: Mounted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bad = full(b'{"error": {"message": "no"}}', "401 Unauthorized", more=b"Set-Cookie: a=b\r\nX-Request-Id: req-1\r\n")
    sent = {"x-api-key": "mine", "Cookie": "a=b", "OpenAI-Organization": "org-mine", "X-Other": "kept"}
    async with upstream(saying(bad)) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            answer = await served.ask("/v1/chat/completions?key=mine&a=b", headers=sent)
            page = await served.ask("/_keypool", "GET")
            metrics = await served.metrics()
    heard = provider.heard[0]
    assert (heard.line, heard.key) == ("POST /v1/chat/completions?a=b HTTP/1.1", VALUE)
    assert b"mine" not in heard.head
    assert b"cookie" not in heard.head.lower()
    assert heard.header("x-other") == "kept"
    assert "Set-Cookie" not in answer.headers
    assert '"chat-0"' in page.body.decode()
    said = [str(answer.headers), str(answer.body), str(page.body), metrics, caplog.text, repr(served.running.chooser)]
    assert [text for text in said if VALUE in text] == []
    assert "req-1" in caplog.text


async def test_the_pages_show_what_is_known_of_each_key(mounted: Mounted) -> None:
    """In JSON, and as a table for people: one key is rejected, the other one works."""

    bad = full(b'{"error": {"code": "invalid_api_key", "message": "Incorrect API key provided"}}', "401 Unauthorized")

    async def answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(full(CHAT) if heard.key == VALUE else bad)

    async with upstream(answer) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE, "chat-1": f"{VALUE}-dead"}))
        async with relay(mounted.path) as served:
            for _ in range(20):
                assert (await served.ask()).status == 200
            page, table = await served.ask("/_keypool", "GET"), await served.ask("/_keypool/table", "GET")
            metrics = await served.metrics()
            refused = await served.ask("/_keypool/table", "PUT", data=b"")
            foreign = await served.ask("/_keypool/table", "GET", headers={"Host": "evil.example"})
    told = json.loads(page.body)
    keys = {key["id"]: key["state"] for key in told["state"][0]["keys"]}
    assert keys == {"chat-0": "ready", "chat-1": "condemned"}
    assert [(each["finding"], each["keyId"]) for each in told["reports"]] == [("condemned", "chat-1")]
    text = table.body.decode()
    assert re.search(r"team-a/chat +chat-0 +ready +0 +0% +\d+ ms +-\n", text)
    assert "chat-1: condemned, the provider rejects it" in text
    assert 'keypool_relay_keys_usable{pool="team-a/chat"} 1.0\n' in metrics
    assert "keypool_relay_file_ok 1.0\n" in metrics
    assert (refused.status, foreign.status) == (405, 403)
    assert VALUE not in text + page.body.decode()


async def test_the_health_port_has_probes_and_figures_and_no_requests(mounted: Mounted) -> None:
    async with upstream(saying(full(CHAT))) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            assert (await served.ask()).status == 200
            port = served.running.health_port
            answers: dict[str, Told] = {}
            for path in ("/livez", "/startedz", "/metrics", "/_keypool", "/v1/chat/completions", "/"):
                async with served.session.get(f"http://127.0.0.1:{port}{path}") as answer:
                    answers[path] = await told(answer)
            async with served.session.post(f"http://127.0.0.1:{port}/v1/chat/completions", json={}) as answer:
                assert answer.status == 405
    assert [path for path, answer in answers.items() if answer.status == 200] == ["/livez", "/startedz", "/metrics"]
    text = answers["/metrics"].body.decode()
    labels = '{class="none",key_id="chat-0",outcome="answered",pool="team-a/chat"}'
    assert f"keypool_relay_requests_total{labels} 1.0" in text
    assert 'gen_ai_token_type="output"' in text
    assert VALUE not in text
