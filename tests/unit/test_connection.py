"""What the operator knows of where the API server is, so that no provider is called there."""

import json
from pathlib import Path

import aiohttp
import pytest

from keypool.cluster.connection import Connection


async def connection_to(server: str, folder: Path) -> Connection:
    """As a kubeconfig names it."""
    named = {"name": "one", "cluster": {"server": server}}
    context = {"name": "one", "context": {"cluster": "one", "user": "one"}}
    user = {"name": "one", "user": {"token": "canary"}}
    config = {"current-context": "one", "clusters": [named], "contexts": [context], "users": [user]}
    (folder / "config").write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **config}))
    return await Connection.load(str(folder / "config"))


@pytest.fixture(autouse=True)
def _outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


@pytest.mark.parametrize(
    ("server", "address"), [("https://10.0.0.1", ("10.0.0.1", 443)), ("https://[fd00::1]:6443", ("fd00::1", 6443))]
)
async def test_an_address_in_the_configuration_is_known(server: str, address: tuple[str, int], tmp_path: Path) -> None:
    assert (await connection_to(server, tmp_path)).api_addresses() == {address}


async def test_a_name_is_known_by_what_it_was_last_looked_up_as(tmp_path: Path) -> None:
    connection = await connection_to("https://localhost:9", tmp_path)
    assert connection.api_addresses() == set()
    async with connection.session(1, 5.0) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"{connection.server}/version")
    assert ("127.0.0.1", 9) in connection.api_addresses() or ("::1", 9) in connection.api_addresses()


async def test_the_service_that_a_kubelet_tells_of_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    connection = await connection_to("https://api.example.com", tmp_path)
    assert connection.api_addresses() == {("fd00::1", 443)}
