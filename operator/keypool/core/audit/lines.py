"""The lines of the audit log, field by field: the JSON schema and docs/audit-format.md are made from these types. Pure.

No field is for a value. Texts that others wrote are bounded, and what looks like a key is not repeated.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

LONGEST, LONGEST_NAME, MOST = 500, 253, 32
"""Characters of a sentence, and of a name; and entries of a list. A line stays below the 16 KiB at which container
runtimes cut lines."""
_WORDS = re.compile(r"[^A-Za-z0-9]")
_BEGINS = re.compile(r"(?:^|[^A-Za-z0-9])sk-")
_LONG = 20
"""Characters of a word with letters and digits from which it may be a key."""


def _is(text: str) -> object:
    return Field(description=text)


Text = Annotated[str, Field(max_length=LONGEST)]
Name = Annotated[str, Field(max_length=LONGEST_NAME)]
Names = Annotated[tuple[Name, ...], Field(max_length=MOST + 1)]


@dataclass(frozen=True, slots=True)
class By:
    """Who asked, as `metadata.managedFields` of the object tells."""

    manager: Annotated[Name, _is("the field manager: a program such as kubectl-annotate, never a person")]
    operation: Annotated[Name, _is("Update, or Apply for server-side apply")]
    time: Annotated[Name, _is("when that manager last changed what it owns of the object")]
    resource_version: Annotated[Name, _is("of the object as keypool saw it: joins with the API server's audit log")]


@dataclass(frozen=True, slots=True)
class Spend:
    """What may be spent."""

    amount: Annotated[Name, _is("US dollars")]
    period: Annotated[Name, _is("Daily, Weekly or Monthly; empty: altogether")] = ""
    shared: Annotated[bool, _is("by all keys of the pool together")] = False


@dataclass(frozen=True, slots=True)
class May:
    """What a key may do at the provider, as it was asked for. What is absent is the provider's default."""

    expires: Annotated[Name, _is("when it is to end at the latest")]
    scopes: Annotated[Names, _is("as the spec has them")] = ()
    models: Annotated[Names, _is("the only models; none given: any")] = ()
    requests_per_minute: Annotated[int | None, _is("the limit of requests")] = None
    spend: Annotated[Spend | None, _is("the spending limit")] = None


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """Something happened to a key, or a call about it came to nothing."""

    audit: ClassVar[str] = "key"

    event: Annotated[
        Name,
        _is(
            "the state that the key came into; how it left the ledger (`revoked`, `gone`, `outlived`, `cleared`, "
            "`abandoned`, `removed`, `acknowledged`, `left`, `not created`); `limits changed`; `not adopted`; or the "
            "call that failed (`revoke failed`)"
        ),
    ]
    namespace: Annotated[Name, _is("of the pool")]
    pool: Annotated[Name, _is("its name")]
    pool_uid: Annotated[Name, _is("its UID: a pool that is made anew has another one")]
    key: Annotated[Name, _is("the key's name, which keypool gave it")]
    fingerprint: Annotated[Name, _is("12 hex digits of the value's SHA-256; empty while there is no value")]
    provider: Annotated[Name, _is("UID of the provider object")]
    why: Annotated[Text, _is("the evidence for it")]
    made_for: Annotated[Text, _is("why the key was made, or is to be replaced")] = ""
    outcome: Annotated[Text, _is("`ok`, or what went wrong")] = "ok"
    handle: Annotated[Name, _is("the provider's own id of the key; empty while it is not known")] = ""
    slot: Annotated[int | None, _is("the slot that it serves")] = None
    may: Annotated[May | None, _is("what it may do: with `created` and `limits changed`")] = None
    by: Annotated[By | None, _is("who asked for it, where an annotation or the spec did")] = None


Decision = Literal[
    "taken", "taken in part", "names nothing", "taken for done", "postponed", "waits", "refused", "unknown"
]


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """What somebody asked for by annotation, and what was decided."""

    audit: ClassVar[str] = "order"

    kind: Annotated[Name, _is("ApiKeyPool, KeyProvider or ClusterKeyProvider")]
    namespace: Annotated[Name, _is("of the object; empty for a ClusterKeyProvider")]
    name: Annotated[Name, _is("of the object")]
    uid: Annotated[Name, _is("of the object")]
    annotation: Annotated[Name, _is("such as keypool.dev/rotate")]
    value: Annotated[
        Name, _is("its text where that is a plain token or names of keys, else its length alone: it may be a key")
    ]
    decision: Annotated[
        Decision,
        _is(
            "`taken`; `taken in part`: some of it names no key; `names nothing`: it was read and nothing is done; "
            "`taken for done`: it stood there when a lost ledger was made anew; `postponed`: taken, and begins later; "
            "`waits`: not read yet; `refused`: never carried out as things are; `unknown`: no such annotation"
        ),
    ]
    outcome: Annotated[Text, _is("why, or what follows")] = ""
    keys: Annotated[Names, _is("the keys that it was carried out on")] = ()
    by: Annotated[By | None, _is("who wrote the annotation")] = None


@dataclass(frozen=True, slots=True)
class CredentialEvent:
    """A provider's admin credential came into use, or cannot be used."""

    audit: ClassVar[str] = "credential"

    event: Annotated[Literal["in use", "changed", "unusable"], _is("`changed`: another one than before is in use")]
    kind: Annotated[Name, _is("KeyProvider or ClusterKeyProvider")]
    namespace: Annotated[Name, _is("of the object; empty for a ClusterKeyProvider")]
    name: Annotated[Name, _is("of the object")]
    uid: Annotated[Name, _is("of the object")]
    fingerprint: Annotated[Name, _is("of the credential that this is about; empty where none could be read")] = ""
    before: Annotated[Name, _is("fingerprint of the one that was, or still is, in use")] = ""
    reason: Annotated[Name, _is("of the condition")] = ""
    why: Annotated[Text, _is("what is wrong")] = ""
    by: Annotated[By | None, _is("who last changed the object's spec")] = None


@dataclass(frozen=True, slots=True)
class SecretEvent:
    """A published Secret was put right after somebody changed or deleted it."""

    audit: ClassVar[str] = "secret"

    event: Annotated[Literal["repaired", "fought over"], _is("`fought over`: again and again, with growing pauses")]
    namespace: Annotated[Name, _is("of the pool and the Secrets")]
    pool: Annotated[Name, _is("the pool's name")]
    pool_uid: Annotated[Name, _is("its UID")]
    secrets: Annotated[Names, _is("names of the Secrets")]
    managers: Annotated[Names, _is("field managers that wrote there, where that is known")] = ()


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """The ledger of a pool, keypool's own record, is not as keypool left it."""

    audit: ClassVar[str] = "ledger"

    event: Annotated[
        Literal["tampered", "rebuilt", "restored", "unreadable", "missing"],
        _is(
            "`tampered`: somebody changed or deleted it, and it was written back; `rebuilt`: it was gone and was made "
            "anew; `restored`: an older one was brought up to date; `missing`: it was gone as the pool went"
        ),
    ]
    namespace: Annotated[Name, _is("of the pool")]
    pool: Annotated[Name, _is("its name")]
    pool_uid: Annotated[Name, _is("its UID")]
    why: Annotated[Text, _is("what was found")] = ""


@dataclass(frozen=True, slots=True)
class Began:
    """The first line of a leadership."""

    audit: ClassVar[str] = "began"

    version: Annotated[Name, _is("of keypool")]


@dataclass(frozen=True, slots=True)
class Ended:
    """The last line of a leadership. Where it is missing the process was killed, or lines are cut off."""

    audit: ClassVar[str] = "ended"


@dataclass(frozen=True, slots=True)
class Lost:
    """Lines before this one could not be written."""

    audit: ClassVar[str] = "lost"

    lines: Annotated[int, _is("how many")]


@dataclass(frozen=True, slots=True)
class Opened:
    """The log could be written when the process started; in no leadership. With KEYPOOL_AUDIT_REQUIRED alone."""

    audit: ClassVar[str] = "opened"


Line = KeyEvent | OrderEvent | CredentialEvent | SecretEvent | LedgerEvent | Began | Ended | Lost | Opened
LINES: tuple[type[Line], ...] = get_args(Line)


@dataclass(frozen=True, slots=True)
class Header:
    """What every line has."""

    time: Annotated[str, _is("when it was recorded, UTC")]
    audit: Annotated[str, _is("which kind of line it is")]
    v: Annotated[Literal[1], _is("version of the format: another one where a field changes its meaning or goes")]
    epoch: Annotated[Name, _is("the leadership: replica, slash, number in the Lease; empty for `opened`")]
    seq: Annotated[int, Field(ge=0, description="1, 2, 3 … in each leadership; 0 for `opened`")]
    prev: Annotated[
        str,
        Field(pattern="^[0-9a-f]{64}$", description="`hash` of the leadership's line before; zeros in its first one"),
    ]
    hash: Annotated[
        str,
        Field(
            pattern="^[0-9a-f]{64}$",
            description="SHA-256 of the line as JSON without `hash`: keys sorted, no spaces, ASCII",
        ),
    ] = field(default="")


def body(line: Line) -> dict[str, object]:
    """A line's own fields, as they are written."""
    return {"audit": line.audit, **_plain_fields(line)}


def _plain_fields(each: object) -> dict[str, object]:
    told = {one.name: getattr(each, one.name) for one in fields(each)}  # type: ignore[arg-type]
    return {name: _plain(value, name) for name, value in told.items() if value is not None and value != ()}


_SENTENCES = frozenset({"why", "outcome", "made_for"})


def _plain(value: object, name: str) -> object:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return cut(value, LONGEST if name in _SENTENCES else LONGEST_NAME)
    if isinstance(value, tuple):
        more = (f"and {len(value) - MOST} more",) if len(value) > MOST else ()
        return [cut(str(each), LONGEST_NAME // 2) for each in (*value[:MOST], *more)]
    return _plain_fields(value)


def cut(text: str, most: int) -> str:
    """So many characters, and no more in JSON: there, what has to be escaped takes up to twelve times the room."""
    text = text[:most]
    if len(json.dumps(text)) - 2 <= most:
        return text
    escaped = text.encode("unicode_escape").decode("ascii")[:most]
    return escaped if len(json.dumps(escaped)) - 2 <= most else escaped[: most // 2]


def named(text: str) -> str:
    """A word that people wrote where no key belongs: repeated unless it may be one."""
    words = (word for word in _WORDS.split(text) if len(word) >= _LONG)
    odd = any(not word.isalpha() and not word.isdigit() for word in words) or _BEGINS.search(text)
    return f"({len(text)} characters)" if odd else text


def all_named(texts: Iterable[str]) -> tuple[str, ...]:
    """The same for several."""
    return tuple(named(text) for text in texts)
