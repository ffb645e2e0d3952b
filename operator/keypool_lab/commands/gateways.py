"""`gateways`: have what the tests' real gateways need ready."""

from typing import Annotated

import typer

from keypool_lab.commands.failing import told
from keypool_lab.gateways import anyllm, litellm
from keypool_lab.gateways.postgres_programs import programs


def gateways(
    with_litellm: Annotated[bool, typer.Option("--litellm", help="LiteLLM, too: a minute or two, 0.8 GB.")] = False,
) -> None:
    """Find or install PostgreSQL and any-llm-gateway; print where they are."""
    with told():
        print(programs())
        print(anyllm.installed())
        if with_litellm:
            print(litellm.installed())
