"""Credentials are kept in memory for each provider: none is larger than it has to be, and none is kept for ever."""

import base64
from typing import Any, cast

import pytest

from keypool.cluster.client import KubeClient
from keypool.cluster.credentials import MAX_AGE, CredentialMissing, Credentials
from keypool.core.consent import as_credential

USE = as_credential("vendor", ["https://a.example/v1"])


class Cluster:
    """Has one Secret under every name, and counts how often it is read."""

    def __init__(self, text: str) -> None:
        self.text, self.reads, self.now = text, 0, 0.0
        self.credentials = Credentials(cast("KubeClient", self), lambda: self.now)

    async def get(self, path: str) -> dict[str, Any]:
        """The Secret."""
        self.reads += 1
        meta = {
            "name": "s",
            "namespace": "ns",
            "annotations": {"keypool.dev/allow": "provider/vendor@https://a.example"},
        }
        return {"metadata": meta, "data": {"key": base64.b64encode(self.text.encode()).decode()}}


async def test_a_credential_that_is_absurdly_long_is_refused_in_words_without_a_part_of_it() -> None:
    cluster = Cluster("canary" * 100_000)
    for read in (cluster.credentials.read, cluster.credentials.bundle):
        with pytest.raises(CredentialMissing, match="is longer than") as caught:
            await read("ns", "s", "key", USE)
        assert caught.value.there
        assert "canary" not in str(caught.value)


async def test_what_is_too_old_to_be_used_is_forgotten() -> None:
    cluster = Cluster("sk")
    for number in range(2000):
        await cluster.credentials.read("ns", f"s{number}", "key", USE)
        cluster.now += 1.0
    assert len(cluster.credentials._known) <= 10 * MAX_AGE
    assert cluster.reads == 2000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("\ufeffcanary-key", "begins with a byte order mark"),
        ("canary-key\ncanary-other", "has 2 lines"),
        ("adminKey: canary-key\r\nurl: canary", "has 2 lines"),
        ("Bearer canary-key", 'such as "Bearer": store the credential without it'),
        ("authorization:canary-key", "begins with a scheme"),
        ('"canary-key"', "stands in quotation marks"),
        ("'canary-key'", "stands in quotation marks"),
        ("canary\u00a0key", "not printable ASCII, as number 7 of 10"),
        ("canary-k\u00e9y", "not printable ASCII, as number 9 of 10"),
    ],
)
async def test_what_is_wrong_with_a_credential_is_said_without_a_part_of_it(text: str, told: str) -> None:
    with pytest.raises(CredentialMissing) as caught:
        await Cluster(text).credentials.read("ns", "s", "key", USE)
    assert caught.value.there
    assert f'entry "key" of Secret "s" {told}' in str(caught.value) or told in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ["sk-canary", " sk-canary\n", "keypool operator", 'a"b', "bearer-of-bad-news"])
async def test_a_credential_with_signs_of_its_own_is_taken(text: str) -> None:
    assert (await Cluster(text).credentials.read("ns", "s", "key", USE)).get_secret_value() == text.strip()
