"""What each feature of the relay costs: shares of its CPU time, from samples, and the CPU time of a request."""

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keypool_lab.demo.mount import Mount
from keypool_lab.relaybench import loads
from keypool_lab.relaybench.starting import publish, relay
from keypool_lab.relaybench.targets import off_that_core, on_its_own_core, upstream

CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Shares:
    """Of one run."""

    request_cpu: float
    """Microseconds for a request."""
    samples: Mapping[str, int]
    """How often the relay was found in each part."""

    def costs(self) -> dict[str, float]:
        """Microseconds of a request for each part, the largest first."""
        whole = sum(self.samples.values()) or 1
        parts = sorted(self.samples.items(), key=lambda pair: -pair[1])
        return {name: self.request_cpu * count / whole for name, count in parts}


async def shares(seconds: float, folder: Path) -> Shares:
    """Asks the relay for so long, at 16 connections."""
    keys, found = folder / "bench-relay-shares", folder / "bench-relay-shares.json"
    shutil.rmtree(keys, ignore_errors=True)
    mount = Mount(keys)
    module = ["-m", "keypool_lab.relaybench.sampled", str(found)]
    async with upstream(folder) as provider:
        publish(mount, [f"http://127.0.0.1:{provider.port}/v1"], {"chat-0": "sk-lab-zero", "chat-1": "sk-lab-one"})
        async with relay(mount, folder, "relay-sampled", module) as (process, port, _):
            off_that_core(provider.process)
            on_its_own_core(process)
            before = process.cpu_seconds()
            count = await loads.at_once(port, CONNECTIONS, seconds)
            cpu = (process.cpu_seconds() - before) / max(count, 1) * 1e6
            await process.stop()
    return Shares(cpu, Counter(json.loads(found.read_text())))
