"""The container image: what its Dockerfile installs works, and nothing else is in there."""

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import keypool_client
from keypool import __version__
from tests.dockerfile import (
    BUILD_STAGE,
    FINAL_STAGE,
    INSTRUCTIONS,
    RELAY_BUILD_STAGE,
    RELAY_STAGE,
    ROOT,
    TOOLS,
    install,
)

DEV = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["dev"]


def ask(prefix: Path, code: str) -> str:
    """What the image's Python prints when it runs `code`."""
    command = [str(prefix / "bin" / "python"), "-I", "-B", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the operator's build stage was carried out."""
    folder = tmp_path_factory.mktemp("operator")
    install(folder)
    return folder


def test_the_install_steps_give_the_operator_and_nothing_more(built: Path) -> None:
    """The operator can be imported; the lab, the tools of development and pip cannot."""
    prefix = built / "installed"
    assert ask(prefix, "import keypool.app, keypool; print(keypool.__version__)").strip() == __version__
    listing = "import importlib.metadata as m, json; print(json.dumps([d.name.lower() for d in m.distributions()]))"
    installed = set(json.loads(ask(prefix, listing)))
    direct = {Requirement(text).name for text in DEV} - {"pyyaml"}  # which the operator's own dependencies need
    assert installed & {*direct, "pip", "setuptools"} == set()
    assert not list(prefix.glob("lib/*/site-packages/keypool_lab"))


def test_the_build_takes_only_files_that_the_context_holds() -> None:
    """.dockerignore lets through what is copied, and nothing else."""
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    stages = [*BUILD_STAGE, *RELAY_BUILD_STAGE]
    copied = {path for name, text in stages if name == "COPY" for path in shlex.split(text)[:-1]}
    assert sorted(allowed) == sorted(copied)


def test_the_image_runs_as_a_numeric_user_without_a_shell() -> None:
    """Kubernetes can tell only of a number that it is not root."""
    last, relay = dict(FINAL_STAGE), dict(RELAY_STAGE)
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last["USER"])
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", relay["USER"])
    assert json.loads(last["ENTRYPOINT"]) == ["python", "-m", "keypool"]
    assert json.loads(relay["ENTRYPOINT"]) == ["python", "-m", "keypool_client", "relay"]


def test_the_base_is_pinned_to_a_patch_release() -> None:
    """Both stages start from the same image, which is neither `latest` nor a moving minor version."""
    bases = [value.split("=")[1] for name, value in INSTRUCTIONS if name == "ARG"]
    assert [bool(re.match(r"python:\d+\.\d+\.\d+-slim", base)) for base in bases] == [True]
    assert [value.split()[0] for name, value in INSTRUCTIONS if name == "FROM"] == ["${BASE}"] * 4


def test_the_image_says_which_version_it_is() -> None:
    """The label is the package's version."""
    assert f'org.opencontainers.image.version="{__version__}"' in dict(FINAL_STAGE)["LABEL"]
    assert f'org.opencontainers.image.version="{keypool_client.__version__}"' in dict(RELAY_STAGE)["LABEL"]


def test_the_relays_image_has_all_that_it_needs_and_nothing_of_the_operator(built: Path, tmp_path: Path) -> None:
    """It starts and ends without a home, a PATH and keys."""
    assert TOOLS in RELAY_BUILD_STAGE
    prefix = install(tmp_path, RELAY_BUILD_STAGE, before=built)
    listing = "import importlib.metadata as m, json; print(json.dumps([d.name.lower() for d in m.distributions()]))"
    installed = set(json.loads(ask(prefix, listing)))
    assert {"keypool-client", "aiohttp"} <= installed
    assert installed & {"keypool", "kopf", "kubernetes", "pydantic", "pip", "setuptools"} == set()
    command = [str(prefix / "bin" / "python"), "-B", "-m", "keypool_client", "relay"]
    environ = {"KEYPOOL_RELAY_LISTEN_PORT": "0", "KEYPOOL_RELAY_HEALTH_PORT": "0"}
    process = subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = [process.stderr.readline(), process.stderr.readline()]
        assert "takes requests at 127.0.0.1" in "".join(said)
        process.terminate()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
