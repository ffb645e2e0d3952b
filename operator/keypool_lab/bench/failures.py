"""What ends a benchmark early."""

from keypool_lab.lab import LabError


class BenchError(LabError):
    """A part did not start, or pools did not get where they should in time; never that something was slow."""
