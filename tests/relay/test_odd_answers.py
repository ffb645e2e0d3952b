"""Answers without a body, in another protocol, or with our own value in a place that is logged."""

import json
import logging

import pytest

from tests.relay.mounted import Mounted, document
from tests.relay.served import relay
from tests.relay.stages import saying
from tests.relay.upstream import full, upstream

VALUE = "sk-canary-of-odd-answers"


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
async def test_an_answer_to_head_has_no_body_whatever_its_headers_say(status: str, mounted: Mounted) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n".encode()
    async with upstream(saying(head)) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            answer = await served.ask("/v1/models", "HEAD")
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (int(status[:3]), "500", b"")
    assert len(provider.heard) == 1


async def test_a_provider_that_changes_the_protocol_unasked_gets_no_tunnel(mounted: Mounted) -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nanything"
    async with upstream(saying(switch)) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            answer = await served.ask()
    assert (answer.status, answer.code) == (502, "keypool_broken_answer")


async def test_a_value_that_comes_back_as_a_request_id_is_not_logged(
    mounted: Mounted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = json.dumps({"error": {"message": "no", "code": "invalid_api_key"}}).encode()
    echo = full(body, "401 Unauthorized", more=f"x-request-id: {VALUE}\r\n".encode())
    async with upstream(saying(echo)) as provider:
        mounted.put(document([provider.url], {"chat-0": VALUE}))
        async with relay(mounted.path) as served:
            await served.ask()
    assert "request id odd" in caplog.text
    assert VALUE not in caplog.text
