"""One annotation and a stock program at 100 requests a second on a real kubelet: nothing that happens fails one.

`make test-kubelet` plays it twice, in a quarter of an hour: with the kubelet's default, which looks at each pod every
minute to minute and a half, and with ten seconds.
"""

from collections.abc import Iterator

import pytest

from tests.kubelet.conftest import acted
from tests.kubelet.image import INJECTED, RELAY
from tests.kubelet.told import Facts, reached, side_car, tell

pytestmark = pytest.mark.full
RATES = {"10s": "40s", "1m": "4m"}
"""How often the kubelet looks at a pod, and the overlap, which is longer."""


@pytest.fixture(scope="module", params=RATES)
def sync(request: pytest.FixtureRequest) -> str:
    """Each in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def injected(sync: str) -> Iterator[Facts]:
    """What the play saw; see `play_injected`."""
    with acted("play_injected", sync, RATES[sync], images=INJECTED) as found:
        yield found


def test_no_request_fails(injected: Facts, sync: str) -> None:
    """Two rotations, a key deleted behind our back, an endpoint killed; the client tries nothing twice."""
    told = reached(injected, "stock")
    rate = told["answered"] / told["seconds"]
    tell(f"kubelet's sync {sync}: {told['answered']} requests answered, {told['failed']} failed, {rate:.0f} a second")
    tell(f"an answer took {told['p50_ms']} ms (p50), {told['p99_ms']} ms (p99), {told['slowest_ms']} ms at most")
    tell(f"KeyHolder: {injected['holder']['spec']['summary']}")
    assert (told["failed"], told["why"]) == (0, [])
    assert side_car(injected["pod"])["restartCount"] == 0


def test_a_pod_waits_for_a_pool_that_does_not_exist_and_its_events_say_so(injected: Facts) -> None:
    """As docs/injection.md has it."""
    waiting = reached(injected, "waiting")
    tell(f"{waiting['table']}{waiting['event']}")
    assert 'secret "stock-relay" not found' in waiting["event"]
    assert "Init:0/1" in waiting["table"]


def test_it_starts_by_itself_when_the_pool_is_there(injected: Facts) -> None:
    """Under Pod Security "restricted": a user in no passwd file, on a read-only file system, as the image ships."""
    pod = reached(injected, "injected")
    relay = side_car(pod)
    assert pod["metadata"]["annotations"]["keypool.dev/injected"] == "true"
    assert (relay["image"], relay["ready"], relay["started"], relay["restartCount"]) == (RELAY, True, True, 0)


def test_a_pod_that_cannot_start_says_why_in_its_events(injected: Facts) -> None:
    """As docs/injection.md has it."""
    foreign, unreadable = reached(injected, "foreign"), reached(injected, "unreadable")
    tell(f"{foreign['table']}{foreign['event']}\n{unreadable['table']}{unreadable['event']}")
    assert "references non-existent secret key: keys.json" in foreign["event"]
    assert "Init:0/1" in unreadable["table"]


def test_two_rotations_reach_the_pod(injected: Facts, sync: str) -> None:
    """The old keys live on for longer than the kubelet takes."""
    for rotation in reached(injected, "rotations"):
        tell(
            f"kubelet's sync {sync}: rotation: new keys in the Secret after {rotation['published']:.1f} s, in the pod "
            f"{rotation['kubelet']:.1f} s later, old ones revoked after {rotation['all']:.0f} s"
        )
    assert len(injected["rotations"]) == 2


def test_a_key_that_was_deleted_behind_our_back_is_replaced(injected: Facts, sync: str) -> None:
    """The relay goes on with the other key meanwhile."""
    found = reached(injected, "revocation")
    tell(
        f"kubelet's sync {sync}: first 401 {found['met']:.2f} s after the deletion; another key in the Secret "
        f"{found['replaced']:.1f} s after the first 401, in the pod {found['kubelet']:.1f} s later; "
        f"{found['rejections']} 401s"
    )
    assert found["rejections"] >= 1


def test_a_killed_endpoint_is_left(injected: Facts) -> None:
    assert reached(injected, "endpoints")["after"] == ["0"]
