"""The image, assembled by the Dockerfile's own steps: buildah carries them out without an engine or a registry.

Its base is not the one that the Dockerfile names, which would need a registry, but a Debian of the same release with
Debian's own Python (3.11 in bookworm), which is /usr/local/bin/python as there. All above the base is the real image's:
files, user, environment, entry point, working folder.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from keypool_lab.binaries.find import cache_root, say_on_stderr
from keypool_lab.binaries.lock import exclusive
from tests.dockerfile import INSTRUCTIONS, ROOT

Say = Callable[[str], None]
NAME, RELAY = "localhost/keypool:0.1.0", "localhost/keypool-relay:0.1.0"
STOCK = "localhost/stock:1"
"""A workload's: OpenAI's SDK for Python, and nothing of keypool."""
PAUSE = "localhost/pause:1"
SHIPPED, INJECTED = (NAME, PAUSE), (NAME, PAUSE, RELAY, STOCK)
"""What a node needs: for the operator alone, and for a workload with a relay."""
RELEASE = re.findall(r"-slim-(\w+)$", dict(INSTRUCTIONS)["ARG"])[0]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ADDED = "python3,python3-venv,ca-certificates"
NOT_IN_A_BASE = ("etc/resolv.conf", "etc/hostname", "etc/apt/sources.list", "var/lib/apt/lists", "var/cache/apt")
NOT_NEEDED = ("usr/share/doc", "usr/share/man", "usr/share/locale")
BASE_RECIPE = repr((RELEASE, ADDED, NOT_IN_A_BASE, NOT_NEEDED, PATH)).encode()
PAUSE_STEPS = 'FROM scratch\nCOPY busybox /busybox\nENTRYPOINT ["/busybox", "sleep", "1000000"]\n'
STOCK_LOCK = ROOT / "requirements" / "sdks.txt"
STOCK_STEPS = """
ARG BASE
FROM ${BASE} AS build
COPY sdks.txt /
RUN python -m venv /tools && \\
    /tools/bin/pip install --require-hashes --only-binary :all: --target /sdk -r /sdks.txt && \\
    rm -rf /sdk/anthropic /sdk/google /sdk/cryptography
FROM ${BASE}
COPY --from=build /sdk /sdk
ENV PYTHONPATH=/sdk PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
"""
SECONDS = 1800
PIP_SETTINGS = ("cert", "client-cert", "index-url", "extra-index-url", "proxy", "trusted-host", "timeout")


class Images:
    """Images in a folder of the project's cache; only one process at a time works there."""

    def __init__(self, folder: Path | None = None, say: Say = say_on_stderr) -> None:
        self.folder = folder or cache_root(os.environ) / "kubelet-images"
        self._say = say
        self._buildah = ("buildah", f"--root={self.folder}/storage", f"--runroot={self.folder}/run")

    def prepare(self, names: tuple[str, ...] = SHIPPED) -> tuple[Path, ...]:
        """Archives of these images, made anew where the sources changed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with exclusive(self.folder / ".lock", self._say):
            digest, note = sources(), self.folder / f"prepared-{len(names)}.json"
            if (known := _noted(note, digest)) is not None:
                return known
            archives = self._make(names)
            note.write_text(json.dumps([digest, *map(str, archives)]))
            return archives

    def _make(self, names: tuple[str, ...]) -> tuple[Path, ...]:
        self._run("rm", "--all")  # of builds that were interrupted: their images could not be removed
        base = self._base()
        with tempfile.TemporaryDirectory() as scratch:
            pip = pip_settings(Path(scratch) / "pip.conf")
            options = ("--network=host", "--pull=never", f"--build-arg=BASE={base}", *pip)
            for name in names:
                self._make_one(name, Path(scratch), *options)
        self._run("rmi", "--prune")
        return tuple(map(self._archive, names))

    def _make_one(self, name: str, scratch: Path, *options: str) -> None:
        match name:
            case _ if name == NAME:
                self._build_in_stages(NAME, str(ROOT), "build", *options)
            case _ if name == RELAY:
                self._build_in_stages(RELAY, str(ROOT), "relay-build", *options, last="relay")
            case _ if name == STOCK:
                self._build_in_stages(STOCK, _context(scratch / "stock", STOCK_STEPS, STOCK_LOCK), "build", *options)
            case _:
                busybox = Path(shutil.which("busybox") or "busybox")
                self._build(PAUSE, _context(scratch / "pause", PAUSE_STEPS, busybox))

    def _build_in_stages(self, name: str, context: str, stage: str, *options: str, last: str = "") -> None:
        """The stage gets a name of its own, so that its layers are kept."""
        bare, _, tag = name.rpartition(":")
        self._build(f"{bare}-build:{tag}", context, f"--target={stage}", *options)
        self._build(name, context, *([f"--target={last}"] if last else []), *options)

    def _build(self, name: str, context: str, *options: str) -> None:
        self._run("build", "--isolation=chroot", "--layers", *options, f"--tag={name}", context)

    def _archive(self, name: str) -> Path:
        """A docker archive, kept as long as the image stays what it is."""
        (found,) = json.loads(self._run("images", "--json", name))
        path = self.folder / f"{name.replace('/', '_').replace(':', '_')}-{found['id'][:16]}.tar"
        if not path.exists():
            for old in self.folder.glob(f"{path.name.rpartition('-')[0]}-*"):
                old.unlink()
            partial = path.with_suffix(".partial")
            partial.unlink(missing_ok=True)
            self._run("push", name, f"docker-archive:{partial}:{name}")
            partial.replace(path)
        return path

    def _base(self) -> str:
        name = f"localhost/keypool-base:{hashlib.sha256(BASE_RECIPE).hexdigest()[:12]}"
        if self._find(name):
            return name
        self._say(f"making a base image of Debian {RELEASE}, once: 70 MB to fetch, a minute or more")
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            root = Path(scratch) / "root"
            _debootstrap(root)
            container = self._run("from", "scratch").strip()
            self._run("add", "--quiet", container, str(root), "/")
            self._run("config", f"--env=PATH={PATH}", container)
            self._run("commit", "--quiet", "--rm", container, name)
        return name

    def _find(self, name: str) -> bool:
        return (
            subprocess.run(
                [*self._buildah, "inspect", "--type=image", name], capture_output=True, check=False
            ).returncode
            == 0
        )

    def _run(self, *arguments: str) -> str:
        run = subprocess.run(
            [*self._buildah, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if run.returncode != 0:
            raise RuntimeError(f"buildah {arguments[0]}: {(run.stdout + run.stderr)[-3000:]}")
        return run.stdout


def sources(root: Path = ROOT) -> str:
    """A digest of all that the images are made from here; looking through them costs buildah half a minute."""
    ignore = root / ".dockerignore"
    names = [line[1:] for line in ignore.read_text().splitlines() if line.startswith("!")]
    found = [root / "Dockerfile", ignore, *(file for name in names for file in _files(root / name))]
    digest = hashlib.sha256(BASE_RECIPE + PAUSE_STEPS.encode() + STOCK_STEPS.encode() + STOCK_LOCK.read_bytes())
    for file in sorted(found):
        digest.update(f"{file.relative_to(root)} {file.stat().st_mode} {file.stat().st_size}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    yield from (file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _context(folder: Path, steps: str, file: Path) -> str:
    """A folder to build from, with one file."""
    folder.mkdir()
    (folder / "Dockerfile").write_text(steps)
    shutil.copy(file, folder / file.name)
    return str(folder)


def _noted(note: Path, digest: str) -> tuple[Path, ...] | None:
    """The archives that were made from these sources, where they are there still."""
    try:
        noted, *paths = json.loads(note.read_text())
        archives = tuple(map(Path, paths))
    except (OSError, ValueError, TypeError):
        return None
    return archives if noted == digest and all(archive.exists() for archive in archives) else None


def _debootstrap(root: Path) -> None:
    command = ["debootstrap", "--variant=minbase", f"--include={ADDED}", RELEASE, str(root), _mirror()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"debootstrap: {(run.stdout + run.stderr)[-3000:]}")
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    for name in (*NOT_IN_A_BASE, *NOT_NEEDED):
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _mirror() -> str:
    """Where this machine's apt has Debian's packages from."""
    formats = ["--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"]
    run = subprocess.run(["apt-get", "indextargets", *formats], capture_output=True, text=True, timeout=60, check=True)
    found = dict(reversed([line.split() for line in run.stdout.splitlines()]))
    (first, *_) = (
        (uri for codename, uri in found.items() if codename == RELEASE) if RELEASE in found else found.values()
    )
    return first


def pip_settings(file: Path) -> list[str]:
    """Options that let pip use this machine's index while steps run. What is mounted leaves nothing in a layer."""
    run = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, timeout=60, check=False
    )
    lines = sorted(run.stdout.splitlines(), key=lambda line: line.startswith(":env:"))  # the environment's words win
    found = dict(re.findall(r"^(?:global|install|:env:)\.([\w-]+)='(.*)'$", "\n".join(lines), re.MULTILINE))
    found["timeout"] = found.get("timeout") or found.get("default-timeout") or "60"
    found["cert"] = found.get("cert") or os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
    given = [f"{name} = {found[name]}" for name in PIP_SETTINGS if name in found]
    file.write_text("\n".join(["[global]", *given]) + "\n")
    mounts = {str(file): "/etc/pip.conf"} | {
        found[name]: found[name] for name in ("cert", "client-cert") if name in found
    }
    return [f"--volume={source}:{target}:ro" for source, target in mounts.items()]


def layers(archive: Path) -> Iterator[str]:
    """The name of every file in every layer."""
    with tarfile.open(archive) as outer:
        for member in outer.getmembers():
            if member.isfile() and member.name.endswith(".tar") and (inner := outer.extractfile(member)):
                with tarfile.open(fileobj=inner) as layer:
                    yield from (name.lstrip("./") for name in layer.getnames())


def settings(archive: Path) -> dict[str, Any]:
    """What the image says of how it is run."""
    with tarfile.open(archive) as outer:
        manifest = json.load(outer.extractfile("manifest.json"))  # type: ignore[arg-type]
        return dict(json.load(outer.extractfile(manifest[0]["Config"]))["config"])  # type: ignore[arg-type]
