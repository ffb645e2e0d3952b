"""What every adapter makes of faults, whichever provider it speaks to: which error, no key lost sight of, no secret
told."""

import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from keypool.core.fingerprint import fingerprint
from keypool.providers.errors import Ambiguous, CredentialRejected, ProviderError, Rejected, Throttled
from keypool.providers.protocol import CreatedKey, Probe, Revocation
from tests.contract.subjects import IMPATIENT, Subject, key_for
from tests.upstreams.proxy import FAILED, HTML, MALFORMED, WRONG_TYPE, Drip, Fault, Huge, Lose, Redirect, Truncate
from tests.upstreams.proxy import throttled as slow_down

ALWAYS = 10
"""Times that a fault is met, so that a client that sends a read again meets it again."""

Made = CreatedKey
CALLS: dict[str, Callable[[Subject, Made], Awaitable[object]]] = {
    "create": lambda subject, _: subject.provider.create(key_for(subject.provider)),
    "list": lambda subject, _: subject.provider.list_keys(),
    "probe": lambda subject, made: subject.provider.probe(made.value),
    "revoke": lambda subject, made: subject.provider.revoke(made.handle),
}
ANSWERED = [call for call in CALLS if call != "revoke"]
"""The calls whose answer has a body with every provider."""

FAULTS: dict[str, tuple[Fault, type[ProviderError]]] = {
    "lost": (Lose(), Ambiguous),
    "failed": (FAILED, Ambiguous),
    "throttled": (slow_down("7"), Throttled),
    "redirect": (Redirect(), Rejected),
    "html": (HTML, Ambiguous),
    "wrong-type": (WRONG_TYPE, Ambiguous),
    "malformed": (MALFORMED, Ambiguous),
}
SPOILT: dict[str, Fault] = {"truncated": Truncate(), "gibibyte": Huge()}


async def spoil(subject: Subject, call: str, fault: Fault) -> CreatedKey:
    """A key that is there, after which every such call meets the fault."""
    made, calls = await subject.provider.create(key_for(subject.provider)), subject.calls
    method, path = {
        "create": f"POST {calls.create}",
        "list": f"GET {calls.listing}",
        "probe": calls.probe,
        "revoke": calls.revoke,
    }[call].split()
    subject.proxy.next(method, path, fault, ALWAYS)
    return made


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_told_as_what_to_do_next(subject: Subject, call: str, fault: str) -> None:
    made = await spoil(subject, call, FAULTS[fault][0])
    with pytest.raises(FAULTS[fault][1]) as caught:
        await CALLS[call](subject, made)
    assert not leaks(caught.value, made.value.get_secret_value(), subject.upstream.admin_credential)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("call", ANSWERED)
@pytest.mark.parametrize("fault", SPOILT)
async def test_a_spoilt_answer_is_never_trusted(subject: Subject, call: str, fault: str) -> None:
    made, began = await spoil(subject, call, SPOILT[fault]), time.monotonic()
    with pytest.raises(Ambiguous):
        await CALLS[call](subject, made)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("deadlines", [IMPATIENT], ids=["impatient"])
@pytest.mark.parametrize("call", ANSWERED)
async def test_an_answer_in_drops_is_not_waited_for(subject: Subject, call: str) -> None:
    made, began = await spoil(subject, call, Drip(0.5)), time.monotonic()
    with pytest.raises(Ambiguous):
        await CALLS[call](subject, made)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("call", CALLS)
async def test_once_a_fault_is_over_the_same_adapter_works_again(subject: Subject, call: str) -> None:
    made = await spoil(subject, call, FAILED)
    with pytest.raises(ProviderError):
        await CALLS[call](subject, made)
    subject.proxy.calm()
    assert await CALLS[call](subject, made)


@pytest.mark.parametrize("fault", [Lose(), HTML, MALFORMED, Truncate()], ids=["lost", "html", "malformed", "truncated"])
async def test_after_a_create_whose_answer_is_lost_the_key_is_there_to_be_found(subject: Subject, fault: Fault) -> None:
    wanted = key_for(subject.provider)
    subject.proxy.next("POST", subject.calls.create, fault)
    with pytest.raises(Ambiguous):
        await subject.provider.create(wanted)
    [live] = await subject.upstream.live_fingerprints()
    [key] = await subject.provider.list_keys()
    known = subject.provider.capabilities
    assert key.name == (wanted.name if known.lists_names else None)
    assert key.fingerprint == (live if known.lists_values else None)


async def test_a_lost_answer_to_a_deletion_is_repeated_without_harm(subject: Subject) -> None:
    made = await spoil(subject, "revoke", Lose())
    with pytest.raises(Ambiguous):
        await subject.provider.revoke(made.handle)
    subject.proxy.calm()
    assert await subject.provider.revoke(made.handle) is Revocation.NOT_FOUND
    assert await subject.provider.probe(made.value) is Probe.REJECTED


@pytest.mark.parametrize(("header", "wait"), [("7", timedelta(seconds=7)), (None, None), ("soon", None)])
async def test_throttling_makes_nothing_and_tells_how_long_to_wait(
    subject: Subject, header: str | None, wait: timedelta | None
) -> None:
    made = await spoil(subject, "create", slow_down(header))
    with pytest.raises(Throttled) as caught:
        await subject.provider.create(key_for(subject.provider))
    assert caught.value.retry_after == wait
    assert await subject.upstream.live_fingerprints() == {fingerprint(made.value)}


@pytest.mark.parametrize("call", ["create", "list", "revoke"])
async def test_an_expired_admin_credential_is_told_as_such_until_it_is_restored(subject: Subject, call: str) -> None:
    made = await subject.provider.create(key_for(subject.provider))
    await subject.upstream.expire_admin()
    with pytest.raises(CredentialRejected, match="refuses the admin credential"):
        await CALLS[call](subject, made)
    await subject.upstream.restore_admin()
    assert await CALLS[call](subject, made)


async def test_a_key_is_never_called_dead_because_the_admin_credential_is(subject: Subject) -> None:
    made = await subject.provider.create(key_for(subject.provider))
    await subject.upstream.expire_admin()
    with suppress(CredentialRejected):  # where keys are checked by the admin's leave
        assert await subject.provider.probe(made.value) is Probe.ACCEPTED


def leaks(error: BaseException, *secrets: str) -> list[str]:
    """The secrets that some rendering of the error shows."""
    texts = ["".join(traceback.format_exception(error)), repr(error), str(error), repr(vars(error))]
    return [secret for secret in secrets if secret in str(texts)]
