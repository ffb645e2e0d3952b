"""A cluster that is already there, reached through a kubeconfig."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from keypool_lab.controlplane import material
from keypool_lab.controlplane.cluster import Cluster
from keypool_lab.controlplane.failures import ControlPlaneError

CONFIG_SECONDS = 20.0


def existing_cluster(kubectl_path: Path, folder: Path, kubeconfig: Path | None = None) -> Cluster:
    """The cluster of the current context of `kubeconfig`, or of what kubectl reads by itself ($KUBECONFIG, ~/.kube).

    The context is copied to `folder`, so that a later switch of contexts changes nothing. Raises ControlPlaneError when
    there is no current context.
    """
    argv = [str(kubectl_path), "config", "view", "--raw", "--minify", "--flatten", "--output=json"]
    if kubeconfig is not None:
        argv.append(f"--kubeconfig={kubeconfig}")
    run = subprocess.run(argv, capture_output=True, text=True, timeout=CONFIG_SECONDS, check=False)
    if run.returncode != 0:
        raise ControlPlaneError(f"no current cluster: {run.stderr.strip()}")
    cluster: dict[str, Any] = json.loads(run.stdout)["clusters"][0]["cluster"]
    return Cluster(
        url=cluster["server"],
        ca_path=_ca(cluster, folder),
        admin_kubeconfig=material.write_private(folder / "kubeconfig", run.stdout),
        kubectl_path=kubectl_path,
        folder=folder,
    )


def _ca(cluster: dict[str, Any], folder: Path) -> Path:
    path = folder / "ca.crt"
    path.write_bytes(base64.b64decode(cluster.get("certificate-authority-data", "")))
    return path
