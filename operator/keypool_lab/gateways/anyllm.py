"""any-llm-gateway: installed from its lock file, started on PostgreSQL."""

import json
from pathlib import Path

from keypool_lab.binaries.find import Say, say_on_stderr
from keypool_lab.controlplane.material import write_private
from keypool_lab.gateways.chat import DOLLARS_PER_TOKEN, MODEL
from keypool_lab.gateways.gateway import Gateway
from keypool_lab.gateways.installing import REQUIREMENTS, install, place, virtual_environment
from keypool_lab.gateways.server import answers_ok

LOCK = REQUIREMENTS / "anyllm-gateway.txt"
NAME = "any-llm-gateway"


def installed(say: Say = say_on_stderr) -> Path:
    """The folder it is installed in: seconds the first time. Raises BinariesError."""
    return install(NAME, place(NAME, [LOCK]), lambda folder: virtual_environment(NAME, folder, LOCK, say), say)


class AnyLLM(Gateway):
    """A running any-llm-gateway."""

    name = NAME
    model = f"openai:{MODEL}"

    def prepare(self) -> tuple[list[str], dict[str, str]]:
        """The configuration is a file: a command line would show the master key and the database's password."""
        dollars = DOLLARS_PER_TOKEN * 1_000_000
        config = {
            "host": "127.0.0.1",
            "port": self.port,
            "database_url": self._database.replace("postgresql://", "postgresql+psycopg2://"),
            "master_key": self.master_key,
            "bootstrap_api_key": False,
            "providers": {"openai": {"api_key": "none", "api_base": self._chat}},
            "pricing": {self.model: {"input_price_per_million": dollars, "output_price_per_million": dollars}},
        }
        path = write_private(self.folder / "config.yaml", json.dumps(config))
        return [str(installed() / "venv" / "bin" / NAME), "serve", "--config", str(path)], {}

    def ready(self) -> bool:
        """Whether it reaches its database."""
        return answers_ok(self.port, "/health/readiness")
