"""What adapters share: the calls that a provider lacks are refused in one place."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from keypool.core.limits import Limits, Usage
from keypool.providers.errors import Rejected
from keypool.providers.protocol import Found
from keypool.providers.transport import Answer, Transport


class WireModel(BaseModel):
    """Base of what is read from a provider's answer: strict, frozen, and its errors show no input."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


Read = TypeVar("Read", bound=WireModel)


def read(model: type[Read], answer: Answer) -> Read | None:
    """None when malformed: pydantic's error would carry the answer, and with it keys."""
    try:
        return model.model_validate_json(answer.body)
    except ValidationError:
        return None


class Adapter:
    """Base of the adapters: one account through one transport, whose preferred endpoint workloads use too."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def base_url(self) -> str:
        """The endpoint that workloads use."""
        return self._transport.base_url

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
