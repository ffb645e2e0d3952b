"""What adapters share: forms of what providers answer; the calls that a provider lacks are refused in one place."""

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from keypool.core.limits import Limits, Usage
from keypool.providers.errors import Rejected
from keypool.providers.protocol import EndpointSeen, Found
from keypool.providers.transport import Answer, Transport


class WireModel(BaseModel):
    """Base of what is read from a provider's answer: strict, frozen, and its errors show no input."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


def _lenient(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """A time in a listing only helps: one that cannot be read spoils nothing."""
    try:
        return read(value)
    except ValidationError:
        return None


HANDLE = "[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"
"""The form of an id that may stand in a path, percent-encoded."""
VALUE = r"[\x21-\x7e]{16,512}"
"""The form of a key's value that a header can carry."""

Handle = Annotated[str, Field(pattern=rf"^{HANDLE}$")]
Value = Annotated[str, Field(pattern=rf"^{VALUE}$")]
Maybe = WrapValidator(_lenient)
"""Makes what cannot be read None."""

Read = TypeVar("Read", bound=WireModel)


def read(model: type[Read], answer: Answer) -> Read | None:
    """None when malformed: pydantic's error would carry the answer, and with it keys."""
    try:
        return model.model_validate_json(answer.body)
    except ValidationError:
        return None


class Adapter:
    """Base of the adapters: one account through one transport, whose preferred endpoint workloads use too."""

    tenanted = False
    """Whether tenants' identities may place keys elsewhere than the options do. Then the listing covers all places."""
    notice = ""
    """What people should know about the account although its keys are accepted."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def base_url(self) -> str:
        """The preferred endpoint."""
        return self._transport.base_url

    def endpoints(self) -> tuple[EndpointSeen, ...]:
        """All endpoints, in order of preference."""
        return self._transport.endpoints.seen()

    def watch_endpoints(self, changed: Callable[[], None], /) -> None:
        """Has `changed` called when they change."""
        self._transport.endpoints.changed = changed

    def _place(self, field: str, option: str | None, asked: str) -> str | None:
        """Where a key is made: where the tenant's identity says, or else the options."""
        if asked and asked != option and not self.tenanted:
            raise Rejected(f"create a key: only a provider for tenants makes keys in another {field} than its own")
        return asked or option

    def _within(self, seconds: float) -> float:
        """So many seconds from now, on the loop's clock: `Call.until` of each call of one method."""
        return asyncio.get_running_loop().time() + seconds

    def _soon(self) -> float:
        """The same for a method that makes no key."""
        return self._within(self._transport.deadlines.other)

    async def update(self, _handle: str, _limits: Limits, /) -> Found:
        """Refused: not every provider can."""
        raise Rejected("the provider does not change a key in place")

    async def disable(self, _handle: str, /) -> Found:
        """Refused: not every provider can."""
        raise Rejected("the provider does not disable keys")

    async def enable(self, _handle: str, /) -> Found:
        """Refused: not every provider can."""
        raise Rejected("the provider does not enable keys")

    async def usage(self, _handle: str, /) -> Usage | None:
        """Refused: not every provider can."""
        raise Rejected("the provider does not tell a key's usage")

    async def close(self) -> None:
        """Closes connections."""
        await self._transport.close()
