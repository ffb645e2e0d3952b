"""What an attack is."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tests.abuse.attacker import Attacker

Begin = Callable[[Attacker], AbstractAsyncContextManager[None]]


async def harmless(_: Attacker) -> list[str]:
    """Nothing to look for at the end."""
    return []


@dataclass(frozen=True)
class Attack:
    """`begin` makes all of it and keeps it up until its block ends. `weighs`: whether it puts any load on the API
    server, which the comparison is to have, too. `names`: it needs names that are never answered. `ends`: what went
    wrong for the attacker himself, who keeps some rights."""

    name: str
    begin: Begin
    weighs: bool = True
    names: bool = False
    ends: Callable[[Attacker], Awaitable[list[str]]] = harmless

    def __str__(self) -> str:
        return self.name
