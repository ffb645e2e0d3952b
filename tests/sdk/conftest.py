"""The provider, and a folder with its keys."""

from tests.relay.conftest import create, mounted, simulator

__all__ = ["create", "mounted", "simulator"]
