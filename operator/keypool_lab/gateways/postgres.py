"""A PostgreSQL server for tests: on loopback, in a folder of its own, without care for what a power cut would lose."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from functools import cached_property
from pathlib import Path

from keypool_lab.controlplane.material import write_private
from keypool_lab.gateways.postgres_programs import programs, reachable
from keypool_lab.gateways.server import GatewayError, Server

COMMAND_SECONDS = 60.0
# PostgreSQL refuses to run as root.
UNPRIVILEGED = ("postgres", "nobody")
# Whoever is not root sees neither the home folder of root nor what is cached there.
PRIVATE_FOLDERS = 0o711


def unprivileged_user() -> str | None:
    """Whom root has PostgreSQL run as; None when this is not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in UNPRIVILEGED if name in known), None)


class PostgreSQL(Server):
    """`with PostgreSQL() as server: url = server.create_database()`."""

    name = "postgres"
    user = unprivileged_user()
    ending = signal.SIGQUIT  # killed outright, it would leave a segment of shared memory behind

    def __init__(self) -> None:
        super().__init__()
        self._password = secrets.token_hex(16)

    def create_database(self, schema: str = "") -> str:
        """A database with a fresh name, in which the SQL of `schema` was run; returns its URL. Raises GatewayError."""
        name = f"d{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE template0")
        self.run(schema, name)
        return f"postgresql://keypool:{self._password}@127.0.0.1:{self.port}/{name}"

    def run(self, sql: str, database: str = "postgres") -> str:
        """Run SQL; returns what it selects, one row a line. Raises GatewayError, with what psql says."""
        argv = [str(self._programs / "psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]
        argv += ["--set=ON_ERROR_STOP=1", "--host=127.0.0.1", f"--port={self.port}", "--username=keypool", database]
        environment = {**os.environ, "PGPASSWORD": self._password, "PGCONNECT_TIMEOUT": "5"}
        done = subprocess.run(
            argv, input=sql, capture_output=True, text=True, timeout=COMMAND_SECONDS, env=environment, check=False
        )
        if done.returncode != 0:
            raise GatewayError(f"psql: {done.stderr.strip()[:1000]}")
        return done.stdout.strip()

    def prepare(self) -> tuple[list[str], dict[str, str]]:
        """An empty cluster of databases, which belongs to the user that the server runs as."""
        data = self.folder / "data"
        found = self._programs
        folder = found if self.user is None else reachable(found, self.folder / "programs")
        self._make_cluster(folder, data)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "200",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(folder / "postgres"), "-D", str(data), *options], {}

    def ready(self) -> bool:
        """Whether it takes queries."""
        try:
            return self.run("SELECT 1") == "1"
        except GatewayError:
            return False

    @cached_property
    def _programs(self) -> Path:
        return programs()

    def _make_cluster(self, folder: Path, data: Path) -> None:
        password = write_private(self.folder / "password", self._password)
        data.mkdir(mode=0o700)
        if self.user is not None:
            self.folder.chmod(PRIVATE_FOLDERS)
            for path in (password, data):
                shutil.chown(path, self.user)
        options = ["--username=keypool", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"]
        options += ["--locale=C", "--no-sync", "-D", str(data)]
        done = subprocess.run(
            [str(folder / "initdb"), *options],
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            user=self.user,
            cwd=self.folder,
            check=False,
        )
        if done.returncode != 0:
            raise GatewayError(f"initdb failed: {done.stderr.strip()[-1000:]}")
