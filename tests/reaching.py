"""What tests let an operator reach: providers of this machine."""

from keypool.providers.reach import Reach, parse_networks

LOOPBACK = "127.0.0.0/8"
"""As KEYPOOL_ALLOW_PRIVATE_ENDPOINTS has it."""
THIS_MACHINE = Reach(parse_networks(LOOPBACK))
