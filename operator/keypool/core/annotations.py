"""Annotations by which people ask for something on a pool or a provider object: nothing else of those is kept."""

ROTATE = "keypool.dev/rotate"
COMPROMISED = "keypool.dev/compromised"
CLEARED = "keypool.dev/clear-lost"
ABANDON = "keypool.dev/abandon"
UNDO = "keypool.dev/undo-revoke"
REVOKED = "keypool.dev/revoked"
CONFIRM = "keypool.dev/confirm-account"
KNOWN = frozenset({ROTATE, COMPROMISED, CLEARED, ABANDON, UNDO, REVOKED, CONFIRM})
