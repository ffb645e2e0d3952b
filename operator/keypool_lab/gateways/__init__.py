"""Real gateways for the tests, on PostgreSQL and with a stand-in for a language model behind them."""

from keypool_lab.gateways.anyllm import AnyLLM
from keypool_lab.gateways.gateway import Gateway
from keypool_lab.gateways.litellm import LiteLLM
from keypool_lab.gateways.postgres import PostgreSQL
from keypool_lab.gateways.server import GatewayError

__all__ = ["AnyLLM", "Gateway", "GatewayError", "LiteLLM", "PostgreSQL"]
