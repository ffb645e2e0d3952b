"""How many connections the process may have: each open request takes two, the client's and the endpoint's."""

import resource

from keypool_client.relay.listeners import MOST_CONNECTIONS

WANTED = 8_192
"""For all open requests, probes, refusals and the mounted files."""
SPARE = 320
"""For probes, files, and connections that hear a refusal."""


def fitting(soft: int, hard: int) -> tuple[int, int]:
    """The soft limit to ask for, and how many connections of clients fit into it."""
    if soft == resource.RLIM_INFINITY:
        return soft, MOST_CONNECTIONS
    reached = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    limit = max(soft, reached)
    return limit, max(1, min(MOST_CONNECTIONS, (limit - SPARE) // 2))


def make_room() -> int:
    """Raises this process's own limit, which runtimes set to 1,024; returns how many connections of clients fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit, most = fitting(soft, hard)
    if limit != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return most
