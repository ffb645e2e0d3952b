"""The programs of a control plane, promtool and the kubelet: found where there are any, else built and cached."""

from keypool_lab.binaries.errors import BinariesError
from keypool_lab.binaries.find import find_or_build, find_or_build_kubelet, find_or_build_promtool
from keypool_lab.binaries.programs import Binaries

__all__ = ["Binaries", "BinariesError", "find_or_build", "find_or_build_kubelet", "find_or_build_promtool"]
