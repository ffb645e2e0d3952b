"""`controlplane`: a bare control plane in the foreground."""

import contextlib
import time

from keypool_lab.binaries import find_or_build
from keypool_lab.commands.failing import told
from keypool_lab.controlplane import ControlPlane

CHECK_SECONDS = 1.0


def controlplane() -> None:
    """Run a control plane until Ctrl-C. What it prints points kubectl at it."""
    with told(), contextlib.suppress(KeyboardInterrupt), ControlPlane.start(find_or_build()) as plane:
        print(f"export KUBECONFIG={plane.admin_kubeconfig}", flush=True)
        print(f"# kubectl: {plane.kubectl_path}    Ctrl-C ends the control plane", flush=True)
        while True:
            time.sleep(CHECK_SECONDS)
            plane.check()
