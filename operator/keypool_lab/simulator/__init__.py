"""A HolySheep that runs on one machine: a real HTTP server with switchable faults and a record of its own.

The record is the ground truth of the tests: what it says was created, deleted or used is what happened.
"""

from keypool_lab.simulator.faults import Fault
from keypool_lab.simulator.options import Options
from keypool_lab.simulator.record import Call, Key, Record
from keypool_lab.simulator.server import Simulator

__all__ = ["Call", "Fault", "Key", "Options", "Record", "Simulator"]
