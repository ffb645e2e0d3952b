"""Admin credentials: read live from the Secret beside the provider object, remembered for a minute. Whether the Secret
allows the use is read in the same answer as the value."""

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from pydantic import SecretStr

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import NotFound
from keypool.core import consent
from keypool.core.consent import Use
from keypool.core.pasted import mistake_in
from keypool.core.wording import is_name, quoted


class CredentialMissing(Exception):
    """There is no such Secret or entry; the message names it and says what would be right. `there`: it is there, and of
    no use."""

    def __init__(self, message: str, *, there: bool = False) -> None:
        super().__init__(message)
        self.there = there


class ConsentMissing(CredentialMissing):
    """The Secret is there and does not say that it may be used so; the message tells how it would."""

    def __init__(self, message: str) -> None:
        super().__init__(message, there=True)


@dataclass(frozen=True, slots=True)
class _Remembered:
    value: SecretStr
    at: float


_Parse = Callable[[dict[str, object], str, str], str]
MAX_AGE = 60.0
"""Seconds that a credential is used without reading it again."""
_LONGEST, _LONGEST_BUNDLE = 16 * 1024, 64 * 1024
"""Characters of a credential, and of certificates (in base64 once more, as some have them): both are kept in memory
for each provider, whoever made it."""
_SWEEP = 256
"""So many are remembered before those that are too old to be used are forgotten."""


class Credentials:
    """`clock` gives monotonic seconds."""

    def __init__(self, client: KubeClient, clock: Callable[[], float]) -> None:
        self._client, self._clock = client, clock
        self._known: dict[tuple[str, str, str, Use], _Remembered] = {}
        self._sweep_at = _SWEEP
        self._reading: WeakValueDictionary[tuple[str, str, str, Use], asyncio.Lock] = WeakValueDictionary()

    async def read(self, namespace: str, name: str, entry: str, use: Use, *, max_age: float = MAX_AGE) -> SecretStr:
        """The credential. Raises CredentialMissing, ConsentMissing, KubeError."""
        return await self._entry(namespace, name, entry, use, max_age, _decode)

    async def bundle(self, namespace: str, name: str, entry: str, use: Use, *, max_age: float = MAX_AGE) -> str:
        """Certificates, as they stand there. Raises CredentialMissing, ConsentMissing, KubeError."""
        return (await self._entry(namespace, name, entry, use, max_age, _certificates)).get_secret_value()

    async def _entry(  # noqa: PLR0917 - what is read, for what, and how
        self, namespace: str, name: str, entry: str, use: Use, max_age: float, parse: _Parse
    ) -> SecretStr:
        """What is remembered was allowed for this very use. Those that ask at once share one answer."""
        place = (namespace, name, entry, use)
        lock = self._reading.get(place)
        if lock is None:
            lock = self._reading[place] = asyncio.Lock()
        async with lock:
            known = self._known.get(place)
            if known is not None and self._clock() - known.at < max_age:
                return known.value
            self._known.pop(place, None)
            value = await self._live(namespace, name, entry, use, parse)
            self._remember(place, value)
            return value

    async def _live(self, namespace: str, name: str, entry: str, use: Use, parse: _Parse) -> SecretStr:
        try:
            secret = await self._client.get(paths.secret(namespace, name))
        except NotFound:
            raise CredentialMissing(f'there is no {_secret(name)} in namespace "{namespace}"') from None
        if (refusal := consent.refusal(secret, use)) is not None:
            raise ConsentMissing(refusal)
        return SecretStr(parse(secret, name, entry))

    def _remember(self, place: tuple[str, str, str, Use], value: SecretStr) -> None:
        now = self._clock()
        if len(self._known) >= self._sweep_at:
            self._known = {key: kept for key, kept in self._known.items() if now - kept.at < MAX_AGE}
            self._sweep_at = max(_SWEEP, 2 * len(self._known))
        self._known[place] = _Remembered(value, now)


def _certificates(secret: dict[str, object], name: str, entry: str) -> str:
    text = _text(secret, name, entry)
    if len(text) > _LONGEST_BUNDLE:
        raise _too_long(name, entry, _LONGEST_BUNDLE)
    return text


def _decode(secret: dict[str, object], name: str, entry: str) -> str:
    text = _text(secret, name, entry).strip()
    if len(text) > _LONGEST:
        raise _too_long(name, entry, _LONGEST)
    if (mistake := mistake_in(text)) is not None:
        raise CredentialMissing(f"{_entry(entry)} of {_secret(name)} {mistake}", there=True)
    return text


def _too_long(name: str, entry: str, most: int) -> CredentialMissing:
    text = f"{_entry(entry)} of {_secret(name)} is longer than {most} characters: store there what is needed, alone"
    return CredentialMissing(text, there=True)


def _text(secret: dict[str, object], name: str, entry: str) -> str:
    data = secret.get("data")
    encoded = data.get(entry) if isinstance(data, dict) else None
    if encoded is None:
        present = sorted(data)[:5] if isinstance(data, dict) else []
        shown = ", ".join(each if is_name(each) else f"one of {len(each)} characters" for each in present) or "none"
        raise CredentialMissing(f"{_secret(name)} has no {_entry(entry)} (its entries: {shown[:200]})")
    try:
        return base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise CredentialMissing(f"{_entry(entry)} of {_secret(name)} is not text", there=True) from None


def _secret(name: str) -> str:
    """People paste the credential itself where its Secret, or entry, is to be named."""
    return f"Secret {quoted(name, 'that the reference names')}"


def _entry(entry: str) -> str:
    return f"entry {quoted(entry, 'that the reference names')}"
