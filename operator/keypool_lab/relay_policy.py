"""The page that says what the relay does on which answer; its table is made from the rows that the relay runs on."""

from collections.abc import Iterable

from keypool_client.policy.rows import ROWS
from keypool_client.policy.rows.row import Row

CLASSES = """\
The relay gives each answer that is no success a class. It reads the body first and the status second, because statuses
alone mislead: a bad key of Gemini is a 400, a spent quota of OpenAI a 429."""

_CLASSES = (
    ("class", "means", "what happens to the key", "what happens to this request"),
    ("---",) * 4,
    (
        "`credential`",
        "the provider knows no such key, or ended it",
        "It is set aside. One request tries it after 30 seconds, then after 1, 2, 4, 5, 5 … minutes. A success brings "
        "it back.",
        "the next key, at once",
    ),
    (
        "`exhausted`",
        "no credit, quota or budget is left",
        "Its credit group is left alone until the reset that the provider names, an hour at most; else for a minute.",
        "a key of another credit group, else the answer as it came",
    ),
    (
        "`rate_limited`",
        "too many requests just now",
        "Its rate group is left alone, for this model, for the time that the provider names, an hour at most; else for "
        "0.5, 1, 2, 4, 8 seconds.",
        "a key of another rate group, at once; else it waits for the end of the limit where the client waits as long; "
        "else the answer as it came",
    ),
    (
        "`transient`",
        "the provider or the way to it failed",
        "nothing. Five in a row close the endpoint for a minute; then one request tries it.",
        "the next endpoint, at once; else the same one once more, after half a second",
    ),
    (
        "`forbidden`",
        "the key is good, but not for this model, scope or region",
        "nothing",
        "the answer as it came",
    ),
    ("`caller`", "the request is wrong", "nothing", "the answer as it came"),
    (
        "`unknown`",
        "a 401 that no row knows",
        "nothing, and it is reported",
        "the next key once, then the answer as it came",
    ),
)

RULES = """\
## Rules that hold for all of them

- **Nothing refuses the last alternative.** What is set aside comes last, and is used when nothing else is left: then
  half as many requests are under way as before. Others wait for a second at most, and are sent. Only a pool without
  keys is answered with 503 `keypool_no_usable_key`.
- **A request has 4 attempts at most**, whatever the pool's size. In any ten seconds the relay repeats at most a fifth
  of the requests, plus ten. No attempt and no wait goes beyond the client's own time limit. What is over a bound is
  answered with what the provider said.
- **No attempt follows when content of an answer has gone to the client.**
- **A lost connection** leaves open whether the request was carried out. What can be asked twice without harm (an
  inference call without state, a GET) is repeated once, as every SDK does. `x-keypool-retry: safe` turns that off. All
  other calls, such as those for files and batches, are then not repeated.
- **A connection that was used before and closes without one byte** is replaced by a fresh one for such calls, and
  counts for nothing.
- **Three keys rejected within ten seconds without a success**: rather the provider's sign-in fails than three keys are
  dead. No more of the pool's keys is set aside until a call succeeds, and this is reported.
- **Calls that began before the last change do not count**: a hundred calls under way that are refused together are one
  refusal.
- **Calls with state stay in the first pool**: files, batches, conversations and caches belong to its account. Only
  inference calls without state fall back to the next pool of the same dialect.
- A new value begins anew: what was known of a key ends when its value leaves the file.

## Which key

The key with the lowest score serves: `error rate * 1000 + milliseconds to the first byte * 0.1`. Both roll (nine tenths
old, one tenth new); the caller's own errors do not count, and an answer later than 5 seconds counts as 5 seconds.
Scores within 50 points are equal: then the key with fewer requests in flight serves, then chance decides. A score
without news moves to the mean, half the way in 30 seconds and 70 requests, so that a key is tried again. A key that
failed last gets one request at a time until one succeeds. A key has a score for each endpoint; endpoints are used in
the order of the spec.

## The rows

The first row that matches decides. All that is given has to hold: the provider's kind or the dialect, the status, one
of the names as the error's code, type, status or reason, one of the words in its message. An error event before a
stream's content is matched in the same way. No row is invented: its body was recorded here or printed in public, or
the provider's documentation names it."""


def parts() -> tuple[str, ...]:
    """The page's parts, the title left out."""
    return CLASSES, _table(_CLASSES), RULES, rows()


def rows() -> str:
    """The table of rows."""
    head = ("row", "class", "provider or dialect", "status", "names", "words", "source")
    return _table((head, ("---",) * len(head), *(_cells(row) for row in ROWS)))


def _table(lines: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    words = _code(row.words)
    return (
        f"`{row.id}`",
        row.failure.value,
        _code((*row.kinds, *row.dialects)) or "any",
        _statuses(row.statuses),
        _code(row.names),
        f"begins: {words}" if row.begins else words,
        row.source,
    )


def _statuses(statuses: tuple[int, ...]) -> str:
    if len(statuses) > 2:
        return f"{statuses[0]} to {statuses[-1]}"
    return ", ".join(map(str, statuses)) or "any"


def _code(texts: tuple[str, ...]) -> str:
    return ", ".join(f"`{text}`" for text in texts)
