"""A request as it came in, and what is sent of it to an endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from multidict import CIMultiDict

from keypool_client.policy.steps import Send
from keypool_client.relay.bodies import Flowing
from keypool_client.relay.buffers import Lease
from keypool_client.relay.upstream import Body
from keypool_client.wire.headers import outgoing, upgrade
from keypool_client.wire.requests import with_model
from keypool_client.wire.urls import Route, url


@dataclass(slots=True)
class Asked:
    """One request of a client."""

    http: web.BaseRequest
    route: Route
    body: bytes | Flowing | None
    lease: Lease
    model: str | None
    """As the client names it."""
    stream: bool
    """Whether the client asks for a stream."""
    began: float
    attempts: int = 0
    waited: bool = False
    last: Send | None = None
    failure: str = "none"
    """The class of the last attempt's failure."""
    outcome: str = "gone"
    """How it ended: `answered`, `failed` (an error went to the client), `refused` (by the relay itself), `broken` (in
    the middle of an answer), `gone` (the client did not wait)."""

    @property
    def spent(self) -> bool:
        """Whether the relay itself tried again or waited: its client is not to do the same once more."""
        return self.attempts > 1 or self.waited

    def url(self, send: Send, names: Mapping[str, str]) -> str:
        """Where it goes, with the model's name at that pool."""
        name = names.get(self.model) if self.model else None
        return url(self.route.with_model(name) if name else self.route, send.endpoint)

    def sent(self, names: Mapping[str, str]) -> Body:
        """The body, with the model's name at that pool."""
        name = names.get(self.model) if self.model else None
        if isinstance(self.body, Flowing):
            return self.body.pieces()
        return with_model(self.body, name) if name and self.body else self.body

    def headers(self, send: Send, *, keep_organization: bool) -> CIMultiDict[str]:
        """With the pool's key in place of the client's."""
        given = self.http.headers.items()
        if self.route.websocket:
            return CIMultiDict(upgrade(given, send.key, keep_organization=keep_organization))
        dialect, stream = self.route.dialect, self.stream
        headers = CIMultiDict(outgoing(given, dialect, send.key, stream=stream, keep_organization=keep_organization))
        if isinstance(self.body, Flowing) and self.http.content_length is not None:
            headers["Content-Length"] = str(self.http.content_length)
        return headers
