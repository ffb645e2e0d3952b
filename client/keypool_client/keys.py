"""Reads the mounted folder: `keys.json` of one pool, or of several in folders of their own, `0/keys.json` and so on.

The kubelet writes each version of a volume into a folder of its own and then turns the link `..data` to it. So one look
is one `stat`; a new folder is opened once, and all files are read from it: what is read is never of two versions.
"""

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from keypool_client.document import MOST_BYTES, Newer, Unusable, parse
from keypool_client.model import Pool

__all__ = ["EVERY", "FILE", "FOLDER", "VARIABLE", "Folder", "Newer", "Pools", "Unusable", "default_folder", "parse"]

FILE = "keys.json"
FOLDER = "/var/run/keypool"
"""Where the Secret is mounted, unless the variable below names another folder."""
VARIABLE = "KEYPOOL_FOLDER"
EVERY = 1.0
"""Seconds between two looks."""
MOST_POOLS = 16
_MOST_ENTRIES = 1000
_TRIES = 3
"""Times that a look begins anew because the folder was exchanged under it."""

Token = tuple[object, ...]


class _ExchangedError(Exception):
    """Another version took the folder's place while it was read."""


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder that the environment names, or the usual one."""
    return Path(environ.get(VARIABLE) or FOLDER)


@dataclass(frozen=True, slots=True)
class Pools:
    """What is known at this moment."""

    pools: tuple[Pool, ...] = ()
    """As they were last read well, in order of preference: the folder's own file first, then by folder name."""
    troubles: tuple[str, ...] = ()
    """Why a pool may be older than its file, or is missing. Never a value. Empty: all is as the files say."""


class Folder:
    """A mounted folder. It reads files, which takes microseconds on a mounted Secret, and may block on others: where
    that counts, look in a thread. Not for several threads at once."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.now = Pools()
        """What the last look found."""
        self._good: dict[str, Pool] = {}
        self._token: Token | None = None
        self._looked = False

    def look(self) -> Pools | None:
        """What there is now; None where it is what the look before found. Raises nothing, whatever it finds."""
        found = self._look()
        if found is None or (self._looked and found == self.now):
            return None
        self._looked, self.now = True, found
        return found

    def _look(self) -> Pools | None:
        why = ""
        for _ in range(_TRIES):
            try:
                return self._look_once()
            except (FileNotFoundError, NotADirectoryError):
                why = "is not there, or is no folder; mount the Secret POOL-relay there"
            except _ExchangedError:
                why = "changes each time that it is read; tried again soon"
            except OSError as error:
                why = f"cannot be read ({_why(error)})"
                break
        used = "; what was read last is used" if self._good else ""
        self._token = None
        return Pools(tuple(self._good.values()), (f"{self.path}: {why}{used}",))

    def _look_once(self) -> Pools | None:
        """A file that fails is read again at the next look: in a folder that is not mounted, it may be half-written."""
        if self._token is not None and not self.now.troubles and self._token == _token(self.path):
            return None
        with _opened(self.path) as folder:
            token = _token(self.path)
            names = _files(folder)
            found = {name: _read(folder, name) for name in names[:MOST_POOLS]}
            if _token(self.path) != token or _differs(folder, token):
                raise _ExchangedError
        self._token = token
        return self._judged(names, found)

    def _judged(self, names: list[str], found: Mapping[str, Pool | str]) -> Pools:
        troubles = [self._trouble(name, each) for name, each in found.items() if isinstance(each, str)]
        troubles += [self._trouble(name, "is not there any more") for name in self._good if name not in names]
        if len(names) > MOST_POOLS:
            troubles.append(f"{self.path}: holds {len(names)} pools; the first {MOST_POOLS} by name are used")
        if not names and not self._good:
            troubles.append(f"{self.path}: holds no {FILE}; mount the Secret POOL-relay there")
        self._good |= {name: each for name, each in found.items() if isinstance(each, Pool)}
        pools = tuple(self._good[name] for name in sorted(self._good, key=_order))
        named = [pool.name for pool in pools]
        troubles += [f"{self.path}: pool {name} is there twice" for name in sorted(set(named)) if named.count(name) > 1]
        return Pools(pools, tuple(troubles))

    def _trouble(self, name: str, why: str) -> str:
        used = "; what it said last is used" if name in self._good else ""
        return f"{self.path / name}: {why}{used}"


def _order(name: str) -> tuple[bool, str]:
    return name != FILE, name


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The folder that `..data` leads to at this moment; one without that link, as on a developer's machine, itself."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        folder = os.open(path / "..data", flags)
    except FileNotFoundError:
        folder = os.open(path, flags)
    try:
        yield folder
    finally:
        os.close(folder)


def _token(path: Path) -> Token:
    """What two looks compare. A mounted folder is exchanged and never written to; in any other each file counts."""
    try:
        return _facts(os.stat(path / "..data"))
    except FileNotFoundError:
        with _opened(path) as folder:
            names = _files(folder)
            return tuple((name, *_facts(os.stat(name, dir_fd=folder))) for name in names)


def _differs(folder: int, token: Token) -> bool:
    """Whether a mounted folder that was read is another one than the link leads to."""
    mounted = bool(token) and not isinstance(token[0], tuple)
    return mounted and _facts(os.stat(folder)) != token


def _facts(found: os.stat_result) -> Token:
    """The numbers of files are used again, so the times belong to it."""
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _files(folder: int) -> list[str]:
    """The pools' files: the folder's own first, then those of the folders in it by name."""
    with os.scandir(folder) as entries:
        folders = sorted(entry.name for entry in itertools.islice(entries, _MOST_ENTRIES) if _is_pool(entry))
    names = [FILE, *(f"{name}/{FILE}" for name in folders)]
    return [name for name in names if _is_there(folder, name)]


def _is_pool(entry: "os.DirEntry[str]") -> bool:
    return not entry.name.startswith(".") and entry.is_dir()


def _is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # reading it will say why
    return True


def _read(folder: int, name: str) -> Pool | str:
    """The pool, or why the file cannot be used. Raises FileNotFoundError."""
    try:
        return parse(_bytes(folder, name))
    except Unusable as error:
        return str(error)
    except FileNotFoundError:
        raise
    except OSError as error:
        return _why(error)


def _bytes(folder: int, name: str) -> bytes:
    """At most one more than may be. A pipe is never waited for."""
    with open(os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder), "rb") as file:
        if not stat.S_ISREG(os.stat(file.fileno()).st_mode):
            raise IsADirectoryError(errno.EISDIR, "is no file")
        return file.read(MOST_BYTES + 1)
