"""What is measured: the upstream alone, a bare relay, nginx, keypool's relay, LiteLLM's proxy."""

import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from keypool_lab.bench.processes import Process
from keypool_lab.bench.waiting import until
from keypool_lab.demo.mount import Mount
from keypool_lab.gateways import litellm
from keypool_lab.gateways.server import answers_ok, free_port
from keypool_lab.relaybench.asking import MODEL, Connection
from keypool_lab.relaybench.starting import START_SECONDS, publish, relay, running

_NGINX = """
daemon off; master_process off; worker_rlimit_nofile 8192; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream provider {{ server 127.0.0.1:{to}; keepalive 2048; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{at} backlog=2048;
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Connection ""; proxy_set_header Authorization "Bearer sk-nginx";
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Target:
    """One of them, running."""

    process: Process
    port: int


Start = Callable[[Target, Path], AbstractAsyncContextManager[Target]]
"""Starts a target before an upstream; its files go to the folder."""


@asynccontextmanager
async def upstream(logs: Path) -> AsyncIterator[Target]:
    """The provider that all of them stand before."""
    async with running("upstream", ["-m", "keypool_lab.relaybench.upstream"], {}, logs) as (process, found):
        yield Target(process, int(found[0]))


@asynccontextmanager
async def _alone(provider: Target, folder: Path) -> AsyncIterator[Target]:  # noqa: ARG001 - as the others
    yield provider


@asynccontextmanager
async def _bare(provider: Target, folder: Path) -> AsyncIterator[Target]:
    argv = ["-m", "keypool_lab.relaybench.bare", f"http://127.0.0.1:{provider.port}"]
    async with running("bare", argv, {}, folder) as (process, found):
        yield Target(process, int(found[0]))


@asynccontextmanager
async def _relay(provider: Target, folder: Path) -> AsyncIterator[Target]:
    shutil.rmtree(folder / "bench-relay-keys", ignore_errors=True)
    mount = Mount(folder / "bench-relay-keys")
    publish(mount, [f"http://127.0.0.1:{provider.port}/v1"], {"chat-0": "sk-lab-zero", "chat-1": "sk-lab-one"})
    async with relay(mount, folder) as (process, port, _):
        yield Target(process, port)


@asynccontextmanager
async def _nginx(provider: Target, folder: Path) -> AsyncIterator[Target]:
    place, at = (folder / "bench-relay-nginx").resolve(), free_port()
    place.mkdir(exist_ok=True)
    (place / "nginx.conf").write_text(_NGINX.format(folder=place, to=provider.port, at=at))
    argv, program = ["-p", str(place), "-c", str(place / "nginx.conf")], shutil.which("nginx") or "nginx"
    log = folder / "bench-relay-nginx.log"
    async with _other("nginx", await Process.start("nginx", argv, {}, log, program), at) as target:
        yield target


@asynccontextmanager
async def _litellm(provider: Target, folder: Path) -> AsyncIterator[Target]:
    to, at = litellm.folder(), free_port()
    told = {"model": f"openai/{MODEL}", "api_key": "none", "api_base": f"http://127.0.0.1:{provider.port}/v1"}
    config = folder / "bench-relay-litellm.yaml"
    config.write_text(json.dumps({"model_list": [{"model_name": MODEL, "litellm_params": told}]}))
    argv = ["--config", str(config), "--host", "127.0.0.1", "--port", str(at)]
    program, log = str(to / "venv" / "bin" / "litellm"), folder / "bench-relay-litellm.log"
    process = await Process.start("litellm", argv, litellm.environment(to), log, program)
    async with _other("litellm", process, at, lambda: answers_ok(at, "/health/liveliness")) as target:
        yield target


@asynccontextmanager
async def _other(
    name: str, process: Process, port: int, ready: Callable[[], bool] | None = None
) -> AsyncIterator[Target]:
    """A program that does not say when it listens."""

    async def listens() -> bool:
        process.check()
        try:
            (await Connection.open(port)).close()
        except OSError:
            return False
        return ready is None or ready()

    try:
        await until(listens, START_SECONDS * 2, lambda: f"{name} does not listen")
        yield Target(process, port)
    finally:
        await process.kill()


ALONE, RELAY = "upstream alone", "keypool relay"
STARTS: dict[str, Start] = {
    ALONE: _alone,
    "bare aiohttp": _bare,
    "nginx": _nginx,
    RELAY: _relay,
    "LiteLLM": _litellm,
}


def missing() -> dict[str, str]:
    """Which of them cannot be started here, and what they lack."""
    lack = {}
    if shutil.which("nginx") is None:
        lack["nginx"] = "there is no program nginx in PATH; install your system's package, on Debian `nginx`"
    if not litellm.at_hand():
        lack["LiteLLM"] = "it is not installed; `make test-all` does that, with 1 GB"
    return lack


def on_its_own_core(process: Process) -> None:
    """Keeps a target on the last core and us on the others, where there are two cores and Linux."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) > 1:
        os.sched_setaffinity(process.pid, {cores[-1]})


def off_that_core(process: Process) -> None:
    """Keeps the upstream, or what measures, off the targets' core."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) > 1:
        os.sched_setaffinity(process.pid, set(cores[:-1]))
