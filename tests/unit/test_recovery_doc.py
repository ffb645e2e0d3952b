"""docs/recovery.md names only what exists in the code."""

import re
from pathlib import Path

from keypool.cluster.installation import CONFIRM_CLUSTER, CONFIRM_MISSING, NAME
from keypool.cluster.ledgers import LABEL
from keypool.core.annotations import ABANDON, COMPROMISED
from keypool.core.projection import ANNOTATION_HANDLES
from keypool.core.reasons import Condition, Reason

TEXT = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text()
KNOWN = {CONFIRM_CLUSTER, CONFIRM_MISSING, LABEL, ANNOTATION_HANDLES, ABANDON, COMPROMISED, "keypool.dev/pool"}
OTHERS = {"Retain", "RevokeAndWait"}


def test_every_reason_and_condition_exists() -> None:
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)*)`", TEXT)) - OTHERS
    assert named <= {*map(str, Reason), *map(str, Condition)}
    assert {"LedgersMissing", "ClusterChanged", "LedgerRestored", "LedgerRebuilt"} <= named


def test_every_annotation_and_name_exists() -> None:
    assert set(re.findall(r"(?<!\.)keypool\.dev/[a-z-]*[a-z]", TEXT)) == KNOWN
    assert NAME in TEXT
