"""A stand-in for a language model behind a gateway: OpenAI's chat completions, as far as a gateway uses them."""

import sys

from keypool_lab.gateways.server import Server, answers_ok

MODEL = "small"
ANSWER = "pong from the small server"
PROMPT_TOKENS = 10
COMPLETION_TOKENS = 5
DOLLARS_PER_TOKEN = 0.001
"""What the gateways are told a token costs, so that limits are reached with few calls."""


class Chat(Server):
    """The stand-in in a process of its own."""

    name = "chat"

    @property
    def base_url(self) -> str:
        """What an OpenAI client calls the base URL."""
        return f"{self.url}/v1"

    def prepare(self) -> tuple[list[str], dict[str, str]]:
        """The program beside this module."""
        return [sys.executable, "-m", "keypool_lab.gateways.chat_program", str(self.port)], {}

    def ready(self) -> bool:
        """Whether it lists its model."""
        return answers_ok(self.port, "/v1/models")
