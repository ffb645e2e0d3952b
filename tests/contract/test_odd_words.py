"""Answers of honest old servers: what means nothing may be of any bytes."""

import pytest

from tests.contract.raw import sending
from tests.contract.test_transport import ask

HEAD = b"Content-Type: application/json\r\nContent-Length: 2\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 Tr\xe8s bien\r\n" + HEAD + b"\r\n{}",
        b"HTTP/1.1 200 \xff\xfe\r\n" + HEAD + b"\r\n{}",
        b"HTTP/1.1 200\r\n" + HEAD + b"\r\n{}",
        b"HTTP/1.1 200 OK\r\nX-Motto: Tr\xe8s\r\n" + HEAD + b"\r\n{}",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: \xe8=\xff; domain=\xff\r\n" + HEAD + b"\r\n{}",
    ],
    ids=["Latin 1", "no text at all", "no words", "a header in Latin 1", "a cookie of bytes"],
)
async def test_words_that_mean_nothing_do_not_spoil_an_answer(raw: bytes) -> None:
    async with sending(raw) as url:
        assert (await ask(url)).body == b"{}"
