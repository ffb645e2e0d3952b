"""LiteLLM's proxy: installed from its lock file with Prisma's engine in WebAssembly, started on PostgreSQL."""

import json
import os
import shutil
from pathlib import Path

from keypool_lab.binaries import BinariesError
from keypool_lab.binaries.find import Say, say_on_stderr
from keypool_lab.controlplane.material import write_private
from keypool_lab.gateways.chat import DOLLARS_PER_TOKEN, MODEL
from keypool_lab.gateways.gateway import Gateway
from keypool_lab.gateways.installing import REQUIREMENTS, complete, install, place, step, virtual_environment
from keypool_lab.gateways.server import GatewayError, answers_ok

LOCK = REQUIREMENTS / "litellm.txt"
NAME = "litellm"
ENGINE = Path(__file__).parent / "litellm_engine"
ENGINE_FILES = sorted(path for path in ENGINE.iterdir() if path.is_file())
SCHEMA = "schema.sql"


def folder() -> Path:
    """Where it is installed, or will be."""
    return place(NAME, [LOCK, *ENGINE_FILES])


def at_hand() -> bool:
    """Whether it is installed: that takes a minute or two and 1 GB, so it is done when it is asked for."""
    return complete(folder())


def installed(say: Say = say_on_stderr) -> Path:
    """The folder it is installed in. Raises BinariesError."""
    return install(NAME, folder(), lambda to: _make(to, say), say)


def _make(to: Path, say: Say) -> None:
    npm, node = (shutil.which(program) for program in ("npm", "node"))
    if npm is None or node is None:
        raise BinariesError("LiteLLM's tests need Node.js 20 or newer with npm; install your system's packages")
    virtual_environment(NAME, to, LOCK, say)
    engine = to / "engine"
    engine.mkdir()
    for file in ENGINE_FILES:
        shutil.copy(file, engine)
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    step(NAME, to, [npm, "ci", "--prefix", str(engine), *quiet], say)
    packages = next((to / "venv" / "lib").glob("python*/site-packages"))
    cli = engine / "node_modules" / "prisma" / "build" / "index.js"
    schema = packages / "litellm" / "proxy" / "schema.prisma"
    step(NAME, to, [node, str(cli), "generate", "--schema", str(schema)], say, environment(to))
    migrations = sorted((packages / "litellm_proxy_extras" / "migrations").glob("*/migration.sql"))
    (to / SCHEMA).write_text("".join(f"{path.read_text()}\n;\n" for path in migrations))


def environment(to: Path) -> dict[str, str]:
    """What makes Prisma use our engine instead of downloading one, and LiteLLM call nobody and keep its schema."""
    engine = str(to / "engine" / "query-engine.cjs")
    return {
        "PATH": f"{to / 'venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PRISMA_HOME_DIR": str(to / "prisma"),
        "PRISMA_QUERY_ENGINE_BINARY": engine,
        "PRISMA_QUERY_ENGINE_LIBRARY": engine,
        "PRISMA_SCHEMA_ENGINE_BINARY": engine,
        "PRISMA_HIDE_UPDATE_MESSAGE": "1",
        "CHECKPOINT_DISABLE": "1",
        "DISABLE_SCHEMA_UPDATE": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
    }


class LiteLLM(Gateway):
    """A running LiteLLM proxy; its database is made from `schema()`."""

    name = NAME
    start_seconds = 300.0

    def prepare(self) -> tuple[list[str], dict[str, str]]:
        """Secrets are handed over in the environment: a command line would show them."""
        price = {"input_cost_per_token": DOLLARS_PER_TOKEN, "output_cost_per_token": DOLLARS_PER_TOKEN}
        upstream = {"model": f"openai/{MODEL}", "api_key": "none", "api_base": self._chat, **price}
        config = {
            "model_list": [{"model_name": MODEL, "litellm_params": upstream}],
            "litellm_settings": {"telemetry": False},
        }
        path = write_private(self.folder / "config.yaml", json.dumps(config))
        secrets = {"DATABASE_URL": self._database, "LITELLM_MASTER_KEY": self.master_key}
        to = installed()
        argv = [str(to / "venv" / "bin" / NAME), "--config", str(path), "--host", "127.0.0.1", "--port", str(self.port)]
        return argv, {**environment(to), **secrets}

    def ready(self) -> bool:
        """Whether it reaches its database."""
        return answers_ok(self.port, "/health/readiness")


def schema() -> str:
    """The SQL that makes LiteLLM's tables in an empty database. Raises GatewayError when LiteLLM is not installed."""
    if not at_hand():
        raise GatewayError("LiteLLM is not installed; run: make test-all")
    return (folder() / SCHEMA).read_text()
