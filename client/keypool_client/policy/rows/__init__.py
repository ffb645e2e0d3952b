"""What providers answer when they refuse, as data: the first row that matches an answer decides."""

from keypool_client.policy.rows import gateways, general, openrouter, vendors
from keypool_client.policy.rows.row import Row

ROWS: tuple[Row, ...] = (*gateways.ROWS, *openrouter.ROWS, *vendors.ROWS, *general.ROWS)
"""A provider's own rows come first, then those of a dialect, then what a status says by itself."""
