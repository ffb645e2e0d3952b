"""What the gateways have in common."""

import secrets
from abc import ABC

from keypool_lab.gateways.chat import MODEL
from keypool_lab.gateways.server import Server


class Gateway(Server, ABC):
    """A gateway with the small server behind it. `database`: URL of a database of its own, which it keeps its keys in.

    Several instances may share a database and a master key.
    """

    model: str = MODEL

    def __init__(self, database: str, chat: str, master_key: str | None = None) -> None:
        super().__init__()
        self.master_key = master_key or f"sk-{secrets.token_hex(16)}"
        self._database = database
        self._chat = chat

    @property
    def database_name(self) -> str:
        """The database's name on its server."""
        return self._database.rpartition("/")[2]

    @property
    def chat_url(self) -> str:
        """The base URL that clients of the OpenAI API are given."""
        return f"{self.url}/v1"
