"""Lanes for tests: a key says by its letters whose it is, and whether it is urgent."""

from keypool.watch.lanes import Lane


def lane(total: int, each: int) -> Lane:
    """A lane in which a key's group is its first letter."""
    return Lane(total, each, lambda key: key[0])


def take_all(from_: Lane) -> list[str]:
    """Keys until there is none, or no room."""
    taken: list[str] = []
    while (key := from_.take()) is not None:
        taken.append(key)
    return taken


def in_capitals(total: int, each: int) -> Lane:
    """A lane in which what is written in capitals is urgent."""
    return Lane(total, each, lambda key: key[0].lower(), str.isupper)


def owned(total: int, each: int | None = None, most: int | None = None) -> Lane:
    """A lane in which a key's owner is its first letter, its group the second; what ends in ! is urgent."""
    return Lane(total, each, lambda key: key[1], lambda key: key.endswith("!"), owner_of=lambda key: key[0], most=most)
