"""One attempt: sends the request to an endpoint, reads what must be known of the answer, and says what it came to."""

import logging
import re
from collections.abc import Callable

from keypool_client.policy.classify import classify
from keypool_client.policy.outcome import FailureClass, Outcome
from keypool_client.policy.steps import Send
from keypool_client.relay import standin
from keypool_client.relay.answers import MOST_JUDGED, Answer, Cut, opened, read_first, read_whole
from keypool_client.relay.asked import Asked
from keypool_client.relay.bodies import Flowing
from keypool_client.relay.streams import open_stream
from keypool_client.relay.upstream import Lost, Upstream

log = logging.getLogger(__name__)
REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-goog-request-id", "cf-ray")
_PLAIN = re.compile(r"[\w.:/+=-]{1,100}", re.ASCII)
Clock = Callable[[], float]


class Attempt:
    """`await attempt.made()` says what came; `outcome` what that means, unless a stream goes on."""

    def __init__(self, asked: Asked, send: Send, upstream: Upstream, clock: Clock, day: Clock) -> None:
        self._asked, self._send, self._upstream, self._clock, self._day = asked, send, upstream, clock, day
        self._began = clock()
        self.answer: Answer | None = None
        self.lost: Lost | None = None
        self.cut = False

    async def made(self, url: str, *, keep_organization: bool) -> None:
        """Sends, and reads until it is known whether another attempt may be needed."""
        asked = self._asked
        body = asked.body.pieces() if isinstance(asked.body, Flowing) else asked.body
        headers = asked.headers(self._send, keep_organization=keep_organization)
        try:
            response = await self._upstream.send(
                asked.http.method, url, headers, body, self._send.endpoint, fresh=self._send.fresh
            )
        except Lost as error:
            self.lost = error
            return
        answer = opened(response, self._clock() - self._began)
        try:
            await self._read(answer)
        except Cut:
            answer.close()
            self.cut = True
        except BaseException:
            answer.close()
            raise
        else:
            self.answer = answer

    async def _read(self, answer: Answer) -> None:
        kind = answer.rest.content_type if answer.rest is not None else ""
        if answer.status == 101:
            return
        if answer.status >= 400:
            await read_whole(answer, self._asked.lease)
            self._judge(answer, answer.begun)
        elif kind == "text/event-stream":
            answer.stream = True
            error = await open_stream(answer, self._asked)
            if error is not None:
                self._judge(answer, error)
        elif answer.status == 200 and self._asked.route.call is not None:
            await read_whole(answer, self._asked.lease)
            if answer.rest is None and standin.wrong_with(kind, answer.begun):
                raise Cut
        else:
            await read_first(answer)

    def _judge(self, answer: Answer, body: bytes) -> None:
        headers = {name.lower(): value for name, value in answer.headers}
        verdict = classify(
            self._asked.route.dialect,
            self._send.pool.provider,
            answer.status,
            headers,
            body[:MOST_JUDGED],
        )
        answer.failure, answer.row, answer.retry_after = verdict.failure, verdict.row, verdict.retry_after

    @property
    def failure(self) -> FailureClass | None:
        """Of what is known so far."""
        return FailureClass.TRANSIENT if self.answer is None else self.answer.failure

    def outcome(self, *, broken: bool = False) -> Outcome:
        """What to tell the policy. `broken`: a stream ended too soon after it went to the client."""
        answer, lost = self.answer, self.lost
        if answer is None:
            return Outcome(
                FailureClass.TRANSIENT,
                self._began,
                None,
                ambiguous=lost is None or lost.sent,
                fresh_needed=lost is not None and lost.fresh_needed,
            )
        failure = FailureClass.TRANSIENT if broken else answer.failure
        return Outcome(failure, self._began, answer.first_byte, answer.retry_after)

    def note(self) -> None:
        """One line for a failed attempt: no bodies, no values."""
        send, answer = self._send, self.answer
        if answer is not None:
            what = f"HTTP {answer.status}, {answer.row}"
        else:
            what = str(self.lost) if self.lost is not None else "the answer was cut"
        log.warning(
            "attempt %d with key %s at endpoint %s failed: %s (%s), the provider's request id: %s",
            *(send.attempt, send.key.id, send.endpoint.name, self.failure, what, self._request_id()),
        )

    def _request_id(self) -> str:
        headers = {} if self.answer is None else {name.lower(): value for name, value in self.answer.headers}
        found = next((headers[name] for name in REQUEST_IDS if name in headers), "none")
        return found if _PLAIN.fullmatch(found) else "odd"
