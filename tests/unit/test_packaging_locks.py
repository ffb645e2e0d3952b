"""The locked dependencies are those of pyproject.toml, with hashes, and tell nothing of where they were resolved."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CLIENT = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())
GATEWAYS = ("anyllm-gateway", "litellm", "postgresql")
LOCKS = {
    name: (ROOT / "requirements" / f"{name}.txt").read_text() for name in ("image", "dev", "build", "relay", *GATEWAYS)
}
WANTED = {
    "image": PROJECT["project"]["dependencies"],
    "dev": PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["dev"],
    "relay": [text for part in ("relay", "share") for text in CLIENT["project"]["optional-dependencies"][part]],
    "build": PROJECT["build-system"]["requires"],
    **{name: (ROOT / "requirements" / f"{name}.in").read_text().split() for name in GATEWAYS},
}
PIN = re.compile(r"^([\w.-]+)==([^\s;]+)(.*?)\\$\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    """Name → version of everything that is pinned with a hash."""
    return {canonicalize_name(name): version for name, version, _, _ in PIN.findall(LOCKS[lock])}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_has_a_hash(lock: str) -> None:
    """pip refuses the whole file otherwise."""
    named = re.findall(r"^([\w.-]+)", LOCKS[lock], re.MULTILINE)
    assert len(PIN.findall(LOCKS[lock])) == len(named) > 0


@pytest.mark.parametrize(("lock", "wanted"), [(lock, text) for lock, texts in WANTED.items() for text in texts])
def test_a_dependency_is_pinned_at_a_version_that_it_allows(lock: str, wanted: str) -> None:
    """`make lock` was run after the last change of what it resolves."""
    requirement = Requirement(wanted)
    assert pins(lock).get(canonicalize_name(requirement.name), "none") in requirement.specifier


@pytest.mark.parametrize("part", ["image", "build", "relay"])
def test_what_is_tested_is_what_is_shipped(part: str) -> None:
    """The development lock has each package of the image, and of its build, in the same version."""
    assert pins(part).items() <= pins("dev").items()


@pytest.mark.parametrize("lock", LOCKS)
def test_no_package_index_is_named(lock: str) -> None:
    """Whoever installs chooses where packages come from; the hashes tell whether they are the right ones."""
    assert not re.search(r"://|--(index-url|extra-index-url|find-links|trusted-host)", LOCKS[lock])
