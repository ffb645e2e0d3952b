"""Fixtures of tests that disturb an operator in a process of its own: those of tests/cluster."""

from tests.cluster import conftest as cluster

team, system = cluster.team, cluster.system
