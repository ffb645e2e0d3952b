"""What of an answer does not fit, in words: where, what kind of thing stands there, and what was expected. Never the
thing itself: it may be a key."""

from typing import Any

from pydantic import ValidationError

MOST = 200
"""Characters that are told."""


def unfit(error: ValidationError, within: str = "", skip: int = 0) -> str:
    """The first thing that does not fit. `within`: where the model begins, such as keys[3]; `skip`: how many steps lead
    to it. Names are the model's own, so that nothing of the answer is repeated."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"][skip:])
    place = f"{within}{where}".lstrip(".") or "it"
    if first["type"] == "missing":
        return f"{place} is missing"[:MOST]
    if first["type"] == "json_invalid":
        return f"{place} is no JSON"[:MOST]
    expected = str(first["msg"]).removeprefix("Value error, ")
    expected = expected.removeprefix("Input ").removeprefix("String ").removeprefix("Number ")
    return f"{place} is {_kind(first['input'])} and {expected[:1].lower()}{expected[1:]}"[:MOST]


def _kind(value: Any) -> str:  # noqa: ANN401
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return f"a text of {len(value)} characters"
        case list():
            return "a list"
        case _:
            return "an object"
