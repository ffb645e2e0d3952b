"""What shows that a published Secret was written from this pool's ledger: a MAC over its revision and its content.

Without it anybody who may write Secrets could claim a newer ledger, and the operator would look for one that never
was. A seal is a secret of the pool: it stands in the ledger, and follows from the installation's, so that a ledger that
is lost and made anew has the same.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping

from keypool.core.ledger import Ledger
from keypool.core.views_secret import ANNOTATION_ADOPTED, ANNOTATION_REVISION, SecretView

ANNOTATION_MAC = "keypool.dev/ledger-mac"
FORM = "1"
"""Begins each MAC. One of another form is no valid one: then the Secret is written again, and that is all."""
MOST_SEALS = 3
_MOST_DIGITS = 15


def seal_of(secret: str, pool_uid: str) -> str:
    """A pool's seal: of the installation's secret, and of no other pool."""
    return _hmac(secret, f"seal {pool_uid}")


def with_seal(ledger: Ledger, seal: str) -> Ledger:
    """A ledger that comes from elsewhere keeps its own seal, and knows the installation's, too: the Secret may have
    been written from one that was made anew meanwhile."""
    if seal in ledger.seals:
        return ledger
    first, later = ledger.seals[:1], (*ledger.seals[1:], seal)
    return ledger.model_copy(update={"seals": (*first, *later[-MOST_SEALS + 1 :])})


def mac(seal: str, pool_uid: str, name: str, revision: int, digests: Mapping[str, str]) -> str:
    """`digests`: entry of the Secret -> hex SHA-256."""
    return f"{FORM}.{_hmac(seal, json.dumps([FORM, pool_uid, name, revision, sorted(digests.items())]))}"


def _hmac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def proven_revision(view: SecretView, ledger: Ledger) -> int:
    """The revision of the ledger that a Secret was written from, 0 where its MAC does not show that it was."""
    number, given = _claimed(view), view.annotations.get(ANNOTATION_MAC, "")
    if number == 0 or not given.isascii():
        return 0
    digests = _ours(view)
    macs = (mac(seal, ledger.pool_uid, view.name, number, digests) for seal in ledger.seals)
    return number if any(hmac.compare_digest(given, each) for each in macs) else 0


def _ours(view: SecretView) -> Mapping[str, str]:
    """Of a Secret that was taken over, the entries that keypool wrote."""
    if (marked := view.annotations.get(ANNOTATION_ADOPTED)) is None:
        return view.digests
    entries = marked.split(",")
    return {entry: digest for entry, digest in view.digests.items() if entry in entries}


def is_newer(view: SecretView, ledger: Ledger) -> bool:
    """Whether a Secret was written from a newer ledger than this one."""
    return _claimed(view) > ledger.revision and proven_revision(view, ledger) > ledger.revision


def _claimed(view: SecretView) -> int:
    text = view.annotations.get(ANNOTATION_REVISION, "")
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= _MOST_DIGITS else 0
