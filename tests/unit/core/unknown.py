"""What must hold of keys that may exist, because the answers to their create calls are not known."""

from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation
from keypool.core.rules.lost import UNKNOWN


def check_unknown(ledger: Ledger, record: KeyRecord, observation: Observation) -> None:
    """Two in a slot, and one more than slots in a pool; a third one for a slot whose last live key would end first."""
    unknown, held = ledger.inside(*UNKNOWN), ledger.inside(KeyState.HELD)
    mine = [key for key in unknown if key.slot == record.slot]
    ends = min((key.expires_at for key in held), default=None)
    active = ledger.of_slot(record.slot, KeyState.ACTIVE)
    is_last = ends is not None and any(key.expires_at < ends for key in active)
    assert len(mine) <= 2 + is_last, "too many keys that may exist in a slot"
    assert len(unknown) <= observation.effective.size + 1 or is_last or not held, "too many in the pool"
