"""The keys of a keypool pool, on the workload's side."""

__version__ = "0.1.0"
