"""How long a call to a provider may take. The Lease's timings and the rules about lost answers follow from it."""

from datetime import timedelta

CREATE_CALL = timedelta(seconds=10)
"""The longest that a create call takes, from waiting for a connection to the last byte of its answer."""
OTHER_CALL = timedelta(seconds=8)
"""The same for every other call."""
BEGIN_WITHIN = timedelta(seconds=10)
"""So long after its intent a create call may begin: a later one's key might miss the listing that is to show it."""
CREATE_DEADLINE = BEGIN_WITHIN + CREATE_CALL
"""So long after its intent a create call is certainly over."""
