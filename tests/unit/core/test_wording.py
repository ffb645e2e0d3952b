"""Where a name belongs, somebody sometimes pastes a key: it is not repeated."""

import pytest

from keypool.core.supply import read_supply
from keypool.core.wording import is_name, quoted

NAMES = [
    "adminKey",
    "HOLYSHEEP_ADMIN_KEY",
    "holysheep-admin-5kb9gh2t7c",
    "my-team-2-gateway",
    "openai.api.key",
    "a" * 63,
]
KEYS = [
    "sk-hs-0123456789abcdefghijklmnop",
    "6f1c2c0e-7f0e-4d9e-8a51-0d9a3f6f2b11",
    "admin-1f2e3d4c5b6a79887766554433221100",
    "sk-correct-horse-battery",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "8nO_RogwvX2Srzyvx1KkVYwOF4Xk69IF",
    "2ypcYO6Kqm2Xu9Ci9mSrIMVH6rdPMB18QSRtB8e5MsY",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_repeated(name: str) -> None:
    assert quoted(name, "that the reference names") == f'"{name}"'


@pytest.mark.parametrize("key", KEYS)
def test_what_may_be_a_key_is_not(key: str) -> None:
    assert not is_name(key)
    assert quoted(key, "that the reference names") == f"that the reference names ({len(key)} characters)"


@pytest.mark.parametrize("key", KEYS)
def test_an_entry_whose_name_is_a_key_is_told_without_it(key: str) -> None:
    supply = read_supply("mine", {key: "IA==", "twin": "c2stMQ==", "two": "c2stMQ=="})
    assert key not in "".join(supply.refused)
    assert 'entry "two" holds the same value as "twin"' in supply.refused
    assert key.lower() not in read_supply(key.lower(), None).missing
