"""keypool on one machine: a control plane, a provider simulator and the operator, each in a process of its own."""

from keypool_lab.lab.lab import Lab, LabError

__all__ = ["Lab", "LabError"]
