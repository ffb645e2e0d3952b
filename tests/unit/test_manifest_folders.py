"""What lies in manifests/: each folder can be given to kubectl as it is."""

from pathlib import Path
from typing import Any

import pytest
import yaml

MANIFESTS = Path(__file__).parents[2] / "manifests"
FILES = sorted(path.relative_to(MANIFESTS).as_posix() for path in MANIFESTS.rglob("*.yaml"))


def documents(name: str) -> list[dict[str, Any]]:
    """The YAML documents of a file."""
    return list(yaml.safe_load_all((MANIFESTS / name).read_text()))


def for_kustomize(name: str) -> bool:
    """Whether it belongs to a folder for `kubectl apply -k`; any other folder is for `kubectl apply -f`."""
    return (MANIFESTS / name).with_name("kustomization.yaml").exists()


@pytest.mark.parametrize("name", [name for name in FILES if not for_kustomize(name)])
def test_a_folder_to_apply_holds_nothing_but_objects(name: str) -> None:
    """`kubectl apply -f FOLDER` ends with an error at the first file that is none."""
    for document in documents(name):
        assert {"apiVersion", "kind", "metadata"} <= document.keys()
