"""One attempt: sends the request to an endpoint, reads what must be known of the answer, and says what it came to."""

import re
from collections.abc import Callable, Mapping

from keypool_client.policy.classify import classify
from keypool_client.policy.outcome import FailureClass, Outcome
from keypool_client.policy.steps import Send
from keypool_client.relay.answers import Answer, Cut, believed, opened, read_first, read_whole
from keypool_client.relay.asked import Asked
from keypool_client.relay.streams import open_stream
from keypool_client.relay.upstream import Lost, Upstream
from keypool_client.wire.errors import Code
from keypool_client.wire.whole import Flaw, Kind, beginning, kind_of

MOST_JUDGED = 64 * 1024
REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-goog-request-id", "cf-ray")
_PLAIN = re.compile(r"[\w.:/+=-]{1,100}", re.ASCII)
Clock = Callable[[], float]


class Attempt:
    """`await attempt.make(…)`, then either `answer` is there or `lost` says why not."""

    def __init__(self, asked: Asked, send: Send, clock: Clock) -> None:
        self._asked, self.send, self._clock = asked, send, clock
        self._began = clock()
        self.answer: Answer | None = None
        self.lost: Lost | None = None

    async def make(self, upstream: Upstream, names: Mapping[str, str], day: Clock, *, keep_organization: bool) -> None:
        """Sends, and reads until it is known whether another attempt may be needed."""
        asked, send = self._asked, self.send
        headers = asked.headers(send, keep_organization=keep_organization)
        url, body = asked.url(send, names), asked.sent(names)
        try:
            response = await upstream.send(asked.http.method, url, headers, body, send.endpoint, fresh=send.fresh)
        except Lost as error:
            self.lost = error
            return
        answer = opened(response, self._clock() - self._began, send.key)
        try:
            await self._read(answer, day)
            answer.conceal()
        except Cut as error:
            self.lost = Lost(str(error), sent=True)
        else:
            self.answer = answer
        finally:
            if self.answer is None:
                answer.close()

    async def _read(self, answer: Answer, day: Clock) -> None:
        kind = kind_of(answer.content_type)
        if self._asked.http.method == "HEAD":
            self._read_head(answer, day)
        elif answer.status == 101 and not self._asked.route.websocket:
            raise Cut("HTTP 101, but nobody asked for another protocol")
        elif answer.status >= 400:
            await read_whole(answer, self._asked.lease)
            found = beginning(answer.begun, answer.encoding, MOST_JUDGED)  # so little that it needs no lease
            self._judge(answer, answer.begun if isinstance(found, Flaw) else found.text, day)
            answer.conceal_in(found)
        elif kind is Kind.STREAM and answer.encoding in {"", "identity"}:
            if error := await open_stream(answer, self._asked):
                self._judge(answer, error, day)
        elif answer.status == 200 and (kind is Kind.JSON or self._asked.route.call is not None):
            await self._read_json(answer)
        elif answer.status != 101:
            await read_first(answer)

    def _read_head(self, answer: Answer, day: Clock) -> None:
        """It has no body, whatever its headers say of one."""
        answer.rest = None
        if answer.status >= 400:
            self._judge(answer, b"", day)

    async def _read_json(self, answer: Answer) -> None:
        await read_whole(answer, self._asked.lease)
        if answer.rest is None:
            await believed(answer, self._asked.lease, due=self._asked.route.call is not None)

    def _judge(self, answer: Answer, body: bytes, day: Clock) -> None:
        headers = {name.lower(): value for name, value in answer.headers}
        dialect, kind = self._asked.route.dialect, self.send.pool.provider
        verdict = classify(dialect, kind, answer.status, headers, body[:MOST_JUDGED], now=day())
        answer.failure, answer.row, answer.retry_after = verdict.failure, verdict.row, verdict.retry_after

    @property
    def failure(self) -> FailureClass | None:
        """Of what is known so far."""
        return FailureClass.TRANSIENT if self.answer is None else self.answer.failure

    @property
    def code(self) -> Code:
        """What to tell the client where no endpoint gave an answer."""
        if self.lost is None or not self.lost.sent:
            return Code.UNREACHABLE
        return Code.NO_ANSWER if self.lost.late else Code.BROKEN_ANSWER

    def outcome(self, *, broken: bool = False) -> Outcome:
        """What to tell the policy. `broken`: a stream ended too soon after it went to the client."""
        answer, lost = self.answer, self.lost
        if answer is None:
            sent, fresh = (lost.sent, lost.fresh_needed) if lost is not None else (True, False)
            return Outcome(FailureClass.TRANSIENT, self._began, None, ambiguous=sent, fresh_needed=fresh)
        failure = FailureClass.TRANSIENT if broken else answer.failure
        return Outcome(failure, self._began, answer.first_byte, answer.retry_after)

    def told(self) -> str:
        """One line about a failure: no bodies, no values."""
        send, answer = self.send, self.answer
        what = str(self.lost) if answer is None else f"HTTP {answer.status} {answer.row}"
        return (
            f"attempt {send.attempt} failed: pool {send.pool.name}, key {send.key.id}, endpoint {send.endpoint.name}, "
            f"class {self.failure}, {what}, the provider's request id {self._request_id()}"
        )

    def _request_id(self) -> str:
        headers = {} if self.answer is None else {name.lower(): value for name, value in self.answer.headers}
        found = next((headers[name] for name in REQUEST_IDS if name in headers), "none")
        echoed = any(key.value in found for key in self.send.pool.keys)
        return found if _PLAIN.fullmatch(found) and not echoed else "odd"
