"""What stands before a gateway refuses too: its pages say nothing about a key."""

import pytest
from pydantic import SecretStr

from keypool.api.provider_options import AnyLLM
from keypool.providers.anyllm import AnyLLMProvider
from keypool.providers.errors import Ambiguous
from keypool.providers.protocol import Probe
from keypool.providers.transport import Deadlines, Transport
from tests.contract.test_transport import Serve, answering, serve

__all__ = ["serve"]


async def verdict(url: str) -> Probe:
    """Of a key."""
    provider = AnyLLMProvider(AnyLLM(), Transport(url, SecretStr("the-admin-key"), Deadlines(create=2.0, other=2.0)))
    try:
        return await provider.probe(SecretStr("a-value-of-a-key"))
    finally:
        await provider.close()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_page_of_what_stands_before_the_gateway_neither_kills_nor_proves_a_key(
    serve: Serve, status: int
) -> None:
    page = answering(b"<html>sign in</html>", "text/html", status)
    with pytest.raises(Ambiguous, match=f"check a key: the answer {status} does not say"):
        await verdict(await serve(page))


@pytest.mark.parametrize(("status", "meant"), [(401, Probe.REJECTED), (403, Probe.ACCEPTED)])
async def test_the_gateways_own_refusals_tell(serve: Serve, status: int, meant: Probe) -> None:
    refusal = answering(b'{"detail": "in its own words"}', status=status)
    assert await verdict(await serve(refusal)) is meant
