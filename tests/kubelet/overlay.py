"""manifests/base, but for the image and the two settings that let a provider be on this machine.

An overlay that set LOGNAME, say, would hide that the operator needs it.
"""

import json
import os
from pathlib import Path

from tests.cluster.installation import MANIFESTS
from tests.kubelet.node import SUBNET

ALLOWED = {"KEYPOOL_ALLOW_INSECURE_ENDPOINTS": "true", "KEYPOOL_ALLOW_PRIVATE_ENDPOINTS": SUBNET}


def write(folder: Path, image: str) -> None:
    """Writes the overlay's kustomization.yaml."""
    name, _, tag = image.rpartition(":")
    environment = [{"name": setting, "value": value} for setting, value in ALLOWED.items()]
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "keypool", "namespace": "keypool-system"},
        "spec": {"template": {"spec": {"containers": [{"name": "operator", "env": environment}]}}},
    }
    overlay = {
        "resources": [os.path.relpath(MANIFESTS / "base", folder.resolve())],
        "images": [{"name": "keypool", "newName": name, "newTag": tag}],
        "patches": [{"patch": json.dumps(patch)}],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(overlay))
