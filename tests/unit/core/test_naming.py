"""Names of keys at the provider."""

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from keypool.core.naming import MAX_LENGTH, jitter, nonce, upstream_name

names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(namespace=names, pool=st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,198}[a-z0-9])?", fullmatch=True))
def test_a_name_is_valid_short_and_ends_with_installation_and_nonce(namespace: Any, pool: Any) -> None:
    name = upstream_name(namespace, pool, "a1b2c3", "0123456789")
    assert len(name) <= MAX_LENGTH
    assert re.fullmatch(r"kp\.[a-z0-9-]+\.[a-z0-9.-]+\.a1b2c3\.0123456789", name)


def test_a_name_that_fits_is_not_cut() -> None:
    assert upstream_name("shop", "web", "a1b2c3", "0123456789") == "kp.shop.web.a1b2c3.0123456789"


def test_a_short_namespace_leaves_its_room_to_the_pool() -> None:
    name = upstream_name("shop", "w" * 200, "a1b2c3", "0123456789")
    assert (len(name), name[:9]) == (MAX_LENGTH, "kp.shop.w")


def test_each_key_of_each_pass_has_a_nonce_of_its_own() -> None:
    nonces = {nonce(entropy, index) for entropy in ("a", "b", "c") for index in range(100)}
    assert len(nonces) == 300
    assert all(re.fullmatch("[0-9a-f]{10}", each) for each in nonces)


def test_jitter_spreads_names_evenly_and_stays_the_same() -> None:
    values = [jitter(f"key-{index}") for index in range(1000)]
    assert all(0 <= value < 1 for value in values)
    assert 0.45 < sum(values) / 1000 < 0.55
    assert jitter("key-1") == values[1]
