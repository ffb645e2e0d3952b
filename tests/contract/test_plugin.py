"""Adapters of others: found by entry point, held to the protocol. The one of docs/providers/writing-one.md works."""

import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.providers.errors import AdapterUnusable, Ambiguous, Rejected, Throttled, Unreadable
from keypool.providers.protocol import NewKey, Probe, Provider, Revocation
from keypool.providers.registry import build
from keypool.providers.transport import Deadlines
from tests.contract.subjects import page_adapter
from tests.reaching import THIS_MACHINE
from tests.upstreams.webhook_upstream import Webhook
from tests.waiting import within

ADAPTER = page_adapter()
KEY = NewKey("kp.team.pool.i.n1", timedelta(hours=1))
SECRET = "sk-plugin-0123456789abcdef"
Installer = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installer]:
    """`install(name, source)` makes a package with an entry point importable, as an installer does."""
    modules = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(name: str, source: str) -> None:
        module = f"keypool_test_{name}"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[keypool.providers]\n{name} = {module}\n")

    yield installed
    for module in set(sys.modules) - modules:
        if module.startswith("keypool_test_"):
            del sys.modules[module]


def built(
    name: str, url: str = "http://127.0.0.1:1", credential: str = "admin", *, seconds: float = 0.3, **options: str
) -> Provider:
    plugin = {"adapter": name, "options": options}
    auth = {"secretRef": {"name": "admin"}}
    spec = KeyProviderSpec.model_validate({"plugin": plugin, "endpoints": [{"url": url}], "auth": auth})
    deadlines = Deadlines(seconds, seconds)
    return build(spec, SecretStr(credential), allow_insecure=True, reach=THIS_MACHINE, deadlines=deadlines)


@pytest.fixture
async def upstream() -> AsyncIterator[Webhook]:
    async with Webhook() as running:
        yield running


@pytest.fixture
async def acme(install: Installer, upstream: Webhook) -> AsyncIterator[Provider]:
    install("acme", ADAPTER)
    provider = built("acme", upstream.url, upstream.admin_credential, seconds=5)
    yield provider
    await provider.close()


def odd(body: str) -> str:
    """An adapter whose methods are these, and which is right in all else."""
    head = """
    import asyncio
    from keypool.core.capabilities import Capabilities
    from keypool.providers.adapter import Adapter
    from keypool.providers.errors import *
    from keypool.providers.protocol import *
    from pydantic import SecretStr
    class Odd(Adapter):
        capabilities = Capabilities()
    """
    rest = "def build(options, transport):\n    return Odd(transport)\n"
    return textwrap.dedent(head) + textwrap.indent(textwrap.dedent(body), "    ") + "\n" + rest


def test_the_adapter_of_the_page_is_short() -> None:
    assert len([line for line in ADAPTER.splitlines() if line.strip()]) <= 70


async def test_the_adapter_of_the_page_makes_proves_lists_and_revokes_a_key(acme: Provider) -> None:
    made = await acme.create(KEY)
    assert await acme.probe(made.value) is Probe.ACCEPTED
    assert [(key.handle, key.name) for key in await acme.list_keys()] == [(made.handle, KEY.name)]
    assert await acme.revoke(made.handle) is Revocation.DELETED
    assert await acme.probe(made.value) is Probe.REJECTED
    assert await acme.revoke(made.handle) is Revocation.NOT_FOUND
    assert await acme.list_keys() == ()


async def test_the_adapter_of_the_page_lists_all_pages(acme: Provider) -> None:
    made = {(await acme.create(NewKey(f"n{number}", timedelta(hours=1)))).handle for number in range(101)}
    assert {key.handle for key in await acme.list_keys()} == made


def test_an_adapter_that_is_not_installed_is_told_with_those_that_are(install: Installer) -> None:
    install("acme", ADAPTER)
    with pytest.raises(AdapterUnusable, match=r"no adapter other is installed .*installed: acme\)"):
        built("other")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (f"raise RuntimeError('{SECRET}')", "cannot be imported: RuntimeError"),
        ("import a_module_that_is_not_there", "cannot be imported: ModuleNotFoundError"),
        ("x = 1", r"has no function build\(options, transport\)"),
        (f"def build(options, transport):\n    raise ValueError('{SECRET}')", "cannot be built: ValueError"),
        ("def build(options, transport):\n    return None", "lacks capabilities or base_url"),
        (
            "from keypool.providers.errors import Rejected\n"
            "def build(options, transport):\n    raise Rejected('region must be eu or us')",
            "refuses its options: region must be eu or us",
        ),
    ],
    ids=["raises", "lacks a module", "no build", "cannot be built", "no adapter", "refuses its options"],
)
def test_an_adapter_that_cannot_be_used_is_refused(install: Installer, source: str, told: str) -> None:
    install("odd", source)
    with pytest.raises(AdapterUnusable, match=told) as caught:
        built("odd")
    assert SECRET not in str(caught.value)


CREATE: Any = lambda provider: provider.create(KEY)  # noqa: E731
PROBE: Any = lambda provider: provider.probe(SecretStr(SECRET))  # noqa: E731
LIST: Any = lambda provider: provider.list_keys()  # noqa: E731


@pytest.mark.parametrize(
    ("body", "call", "told"),
    [
        (f"async def create(self, key): raise KeyError('{SECRET}')", CREATE, "failed with KeyError"),
        ("async def create(self, key): await asyncio.sleep(9)", CREATE, r"no answer within 0\.3 s"),
        ("async def create(self, key): return 'k1'", CREATE, "answered with str"),
        ("def create(self, key): return None", CREATE, "failed with TypeError"),
        ("async def probe(self, value): return True", PROBE, "answered with bool"),
        ("async def probe(self, value): raise OSError(value.get_secret_value())", PROBE, "failed with OSError"),
        ("", LIST, "failed with AttributeError"),
        ("async def list_keys(self): return ('k1',)", LIST, "no proper ListedKey"),
        ("async def list_keys(self): return None", LIST, "answered with NoneType"),
    ],
)
async def test_whatever_an_adapter_does_wrong_may_have_happened(
    install: Installer, body: str, call: Any, told: str
) -> None:
    install("odd", odd(body))
    provider = built("odd")
    with pytest.raises(Ambiguous, match=told) as caught:
        await call(provider)
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    await provider.close()


@pytest.mark.parametrize("made", ["'k1', SecretStr('')", "'k1', SecretStr('a\\nb')", "'k1', SecretStr('ä' * 20)"])
async def test_a_value_that_no_header_can_carry_is_unreadable(install: Installer, made: str) -> None:
    install("odd", odd(f"async def create(self, key): return CreatedKey({made}, None)"))
    with pytest.raises(Unreadable) as caught:
        await built("odd").create(KEY)
    assert caught.value.handle == "k1"


@pytest.mark.parametrize(
    ("made", "handle"),
    [
        ("CreatedKey('k1', 'a-plain-string-of-16', None)", "k1"),
        ("CreatedKey('k1', SecretStr('a' * 20), __import__('datetime').datetime(2030, 1, 1))", "k1"),
        ("CreatedKey('k1', SecretStr('a' * 20), 1893456000)", "k1"),
        ("CreatedKey(7, SecretStr('a' * 20), None)", None),
    ],
    ids=["value of another type", "expiry without a zone", "expiry of another type", "handle of another type"],
)
async def test_a_key_of_which_something_is_of_another_type_is_unreadable(
    install: Installer, made: str, handle: str | None
) -> None:
    install("odd", odd(f"async def create(self, key): return {made}"))
    with pytest.raises(Unreadable) as caught:
        await built("odd").create(KEY)
    assert caught.value.handle == handle


async def test_a_handle_of_another_type_is_not_taken_from_an_error(install: Installer) -> None:
    install("odd", odd("async def create(self, key): raise Unreadable('no value', 7)"))
    with pytest.raises(Unreadable) as caught:
        await built("odd").create(KEY)
    assert caught.value.handle is None


async def test_a_pause_that_is_no_duration_is_no_pause(install: Installer) -> None:
    install("odd", odd("async def revoke(self, handle): raise Throttled('slowly', 7)"))
    with pytest.raises(Throttled) as caught:
        await built("odd").revoke("k1")
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    "key",
    [
        "ListedKey(7, 'n', None, True)",
        "ListedKey('k', 7, None, True)",
        "ListedKey('k', 'n', None, True, __import__('datetime').datetime(2030, 1, 1))",
    ],
    ids=["handle of another type", "name of another type", "expiry without a zone"],
)
async def test_a_listing_of_which_something_is_of_another_type_is_ambiguous(install: Installer, key: str) -> None:
    install("odd", odd(f"async def list_keys(self): return ({key},)"))
    with pytest.raises(Ambiguous, match="no proper ListedKey"):
        await built("odd").list_keys()


async def test_the_errors_of_the_protocol_pass_without_the_key_that_they_show(install: Installer) -> None:
    body = """
    async def probe(self, value): raise Rejected(f'{value.get_secret_value()} is odd')
    async def revoke(self, handle): raise Throttled('slowly', __import__('datetime').timedelta(seconds=7))
    """
    install("odd", odd(body))
    provider = built("odd")
    with pytest.raises(Rejected, match="is odd") as caught:
        await provider.probe(SecretStr(SECRET))
    assert SECRET not in str(caught.value)
    with pytest.raises(Throttled, match="slowly") as slow:
        await provider.revoke("k1")
    assert slow.value.retry_after == timedelta(seconds=7)


async def test_an_adapter_gets_its_options(install: Installer) -> None:
    raising = "def build(options, transport):\n    raise Rejected(options['region'])"
    install("odd", f"from keypool.providers.errors import Rejected\n{raising}")
    with pytest.raises(AdapterUnusable, match="options: eu"):
        built("odd", region="eu")


async def test_an_adapter_that_does_not_end_is_closed_all_the_same(install: Installer) -> None:
    install("odd", odd("async def close(self): raise OSError"))
    await within(built("odd").close(), 5)
