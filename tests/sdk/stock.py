"""Stock programs, run as processes: how each is started, and what it tells."""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.sdk.installed import GO_PROGRAM, KITS, PROGRAMS, Kit
from tests.waiting import within

DUMMY = "any-text-will-do"


@dataclass(frozen=True, slots=True)
class Program:
    """`kit` has its SDK, `file` is the program, `url` and `key` are the variables that the SDK reads; `path` is the end
    of the base URL."""

    kit: Kit
    file: str
    url: str = "OPENAI_BASE_URL"
    key: str = "OPENAI_API_KEY"
    path: str = "/v1"

    def argv(self, folder: Path) -> list[str]:
        """How it is started; `folder` may be filled for it."""
        installed = self.kit.folder
        if self.kit.name == "go":
            return [str(installed / GO_PROGRAM)]
        if self.kit.name == "node":  # Node.js looks for packages beside the program
            for file in (self.file, "driver.mjs"):
                shutil.copy(PROGRAMS / file, folder)
            (folder / "node_modules").symlink_to(installed / "node_modules")
            return [shutil.which("node") or "node", str(folder / self.file)]
        return [str(installed / "venv" / "bin" / "python"), str(PROGRAMS / self.file)]

    def environment(self, base: str, retries: str) -> dict[str, str]:
        """Nothing of ours but the base URL and a dummy."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, self.url: base + self.path, self.key: DUMMY, "RETRIES": retries, "PYTHONDONTWRITEBYTECODE": "1"}


STOCK: Mapping[str, Program] = {
    "openai for Python": Program(KITS["python"], "openai_python.py"),
    "openai for Python, the major before": Program(KITS["python-before"], "openai_python.py"),
    "anthropic for Python": Program(
        KITS["python"], "anthropic_python.py", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", path=""
    ),
    "google-genai for Python": Program(
        KITS["python"], "genai_python.py", "GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY", path=""
    ),
    "openai for Node.js": Program(KITS["node"], "openai_node.mjs"),
    "ai for Node.js": Program(KITS["node"], "ai_node.mjs"),
    "openai for Go": Program(KITS["go"], "main.go"),
}


@dataclass
class Told:
    """What a running program said: `counts` of "plain ok", "streaming ok", and `failures` in its own words."""

    process: asyncio.subprocess.Process
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def least(self) -> int:
        """How many requests went well, of the way of which fewer did."""
        return min(self.counts["plain ok"], self.counts["streaming ok"])

    async def listen(self) -> None:
        """Until it ends."""
        assert self.process.stdout
        async for line in self.process.stdout:
            text = line.decode(errors="replace").strip()
            if text in {"plain ok", "streaming ok"}:
                self.counts[text] += 1
            else:
                self.failures.append(text)

    async def end(self) -> None:
        """Lets it finish what it began."""
        assert self.process.stdin
        self.process.stdin.close()


@asynccontextmanager
async def running(program: Program, base: str, retries: str, folder: Path) -> AsyncIterator[Told]:
    """It asks until the block ends; then all it has to tell is there. `folder` is its own."""
    process = await asyncio.create_subprocess_exec(
        *program.argv(folder),
        env=program.environment(base, retries),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told = Told(process)
    listening = asyncio.create_task(told.listen())
    try:
        yield told
        await told.end()
        await within(listening, 60)
        assert await process.wait() == 0, told.failures[-20:]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening
