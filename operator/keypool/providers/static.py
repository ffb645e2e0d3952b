"""Providers without a key API: people make the keys, keypool only asks whether they are accepted.

Sources for DeepSeek: https://api-docs.deepseek.com/api/get-user-balance,
https://api-docs.deepseek.com/quick_start/error_codes; for the rest
https://platform.openai.com/docs/api-reference/models/list
"""

import re

from pydantic import SecretStr

from keypool.api.provider_options import Static
from keypool.core.capabilities import Capabilities
from keypool.providers.adapter import Adapter, WireModel, read
from keypool.providers.calls import MODELS
from keypool.providers.errors import Ambiguous, Rejected
from keypool.providers.protocol import CreatedKey, ListedKey, NewKey, Probe, Provider, Revocation
from keypool.providers.transport import Call, Transport

USED_UP = "the balance of the account is used up, so its keys are accepted and of no use: top it up at the provider"


class _Balance(WireModel):
    is_available: bool


class StaticProvider(Adapter):
    """One account of which keypool knows nothing but the keys that people supply."""

    capabilities = Capabilities(creates_keys=False, lists_keys=False, deletes_keys=False)

    def __init__(self, options: Static, transport: Transport) -> None:
        super().__init__(transport)
        self._is_deep_seek = options.preset == "DeepSeek"

    async def probe(self, value: SecretStr) -> Probe:
        """Only 401 rejects a key. A 200 counts only with the body that belongs to it: portals answer everything so."""
        what, plain = "check a key", value.get_secret_value()
        if not re.fullmatch(r"[\x21-\x7e]{1,4096}", plain):
            raise Rejected(f"{what}: the value is empty or holds characters that no header can carry")
        path, entries = ("/user/balance", None) if self._is_deep_seek else ("/models", MODELS)
        bearer = {"Authorization": f"Bearer {plain}"}
        expect = frozenset({200, 401})
        call = Call(what, "GET", path, headers=bearer, secrets=(value,), expect=expect, entries=entries)
        answer = await self._transport.call(call)
        if answer.status == 401:
            return Probe.REJECTED
        told = read(_Balance, answer) if self._is_deep_seek else None
        if told is None and answer.page is None:
            raise Ambiguous(f"{what}: the answer to GET {path} is not what such a provider says")
        if told is not None:
            self.notice = "" if told.is_available else USED_UP
        return Probe.ACCEPTED

    async def create(self, key: NewKey) -> CreatedKey:
        """Refused: people make the keys."""
        raise Rejected(f"the provider has no call that makes keys, and so not {key.name}")

    async def revoke(self, handle: str) -> Revocation:
        """Refused: people revoke the keys."""
        raise Rejected(f"the provider has no call that deletes keys, and so not {handle}")

    async def list_keys(self) -> tuple[ListedKey, ...]:
        """Refused: there is no listing."""
        raise Rejected("the provider has no call that lists keys")


def build(options: Static, transport: Transport) -> Provider:
    """The adapter."""
    return StaticProvider(options, transport)
