"""The relay in a process of its own before the provider: what fails while keys and endpoints come and go.

Counts alone, at a low rate; `make bench-relay` does the same at a high one, with figures.
"""

from pathlib import Path

from keypool_lab.relaybench.trouble import PHASES, Amount, trouble

EACH, MOST = 15, 12


async def test_with_two_keys_and_endpoints_no_request_fails_whatever_happens_to_one_of_them(tmp_path: Path) -> None:
    """A rotation, a revocation behind our back, 429 for one key, SIGKILL of an endpoint. The client tries nothing
    twice, and the provider's record knows every answer."""
    phases = await trouble(Amount(size=2, rate=50, each=EACH, most=MOST), tmp_path)
    assert [one.name for one in phases] == list(PHASES)
    assert min(one.asked for one in phases) >= EACH
    assert {one.name: (one.failed, one.unknown) for one in phases} == dict.fromkeys(PHASES, (0, 0))
    assert {one.name: one.cut for one in phases if one.cut}.keys() <= {"SIGKILL of an endpoint"}


async def test_with_one_key_a_rotation_costs_nothing_and_what_fails_meanwhile_ends_with_its_cause(
    tmp_path: Path,
) -> None:
    """A single key that is dead, and a single endpoint that is gone, cannot be made up for; each phase ends with an
    answer by the new key, or from the endpoint that is back."""
    names = ("rotation", "a key is revoked behind our back", "SIGKILL of an endpoint")
    rotation, revoked, killed = await trouble(Amount(size=1, rate=50, each=EACH, most=MOST), tmp_path, names)
    assert rotation.failed == 0
    assert revoked.failed > 0
    assert killed.failed > 0
    assert rotation.unknown == revoked.unknown == killed.unknown == 0
