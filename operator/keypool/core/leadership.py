"""What every layer may meet when this process stops leading."""


class LeadershipLost(Exception):
    """We no longer lead, or can no longer be sure to: stop at once, without any further write."""
