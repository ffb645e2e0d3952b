"""Relays tell each other what they concluded, so that a sibling need not find out by a failed call."""
