"""Cuts a JSON listing into batches of whole entries while it arrives, so that none of it is kept that is not wanted.

It finds where entries end, and no more: by brackets outside of strings. Whether a batch is JSON is for pydantic to say,
which parses it afterwards, and so never more of it at a time than a piece and an entry.
"""

import re

MOST_ENTRY = 256 * 1024
"""Bytes of one entry, and of what stands around the entries."""
MOST_DEPTH = 100
"""Brackets within brackets."""
_PLAIN = rb'[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"'
_TO_BRACKET = re.compile(b"(?:%s)*+" % _PLAIN, re.DOTALL)
_INNER = rb"\{(?:%s)*+\}|\[(?:%s)*+\]" % (_PLAIN, _PLAIN)
_ENTRIES = re.compile(rb"(?:[\s,]*+\{(?:%s|%s)*+\})*+" % (_PLAIN, _INNER), re.DOTALL)
"""Whole entries without brackets in brackets in them, which most are: ten times as fast as bracket by bracket."""
_SPACE = b" \t\r\n"
_NEAR = 200
"""Bytes before a bracket in which the name of its field has to be."""


class NotAListing(ValueError):
    """It is no JSON, or not such a listing. The text says why, without anything of it."""


class OutOfBounds(ValueError):
    """It may be a listing, but not one that is read. The text says why."""


class Scanner:
    """Of one document: an object whose `field` is the array of entries, or that array itself where it is "".

    `feed` returns a batch: entries with the commas between them. `around` is the document without entries.
    """

    def __init__(self, field: str) -> None:
        self._list_depth = 2 if field else 1
        self._named = f"list {field}" if field else "list of entries"
        self._field = re.compile(rb'[{,]\s*"%s"\s*:\s*\Z' % re.escape(field.encode())) if field else re.compile(b"")
        self._rest, self._at, self._from, self._to = bytearray(), 0, 0, 0
        self._depth = 0
        self._inside = self._done = self._any = False
        self.around = bytearray()

    def feed(self, piece: bytes) -> bytes:
        """The entries that ended within this piece. Raises NotAListing and OutOfBounds."""
        self._rest += piece
        batch = b""
        while (bracket := self._next()) is not None:
            if bracket in b"[{":
                self._open(bracket)
            elif self._close():
                batch = self._entries(self._at - 1)
                self._inside, self._done = False, True
        if self._inside and self._to > self._from:
            batch = self._entries(self._to)
        elif not self._inside:
            self._pass_by(self._at)
        self._forget()
        return batch

    def close(self) -> None:
        """There is no more. Raises NotAListing."""
        if self._depth or not self._done:
            raise NotAListing("it ends too early" if self._depth else f"it has no {self._named}")
        self.around += self._rest

    def _next(self) -> int | None:
        """The next bracket outside of a string, None while there is none."""
        if self._inside and self._depth == self._list_depth:
            entries = _ENTRIES.match(self._rest, self._at)
            if entries is not None and entries.end() > self._at:
                self._at = self._to = entries.end()
        found = _TO_BRACKET.match(self._rest, self._at)
        self._at = found.end() if found is not None else self._at
        if self._at == len(self._rest) or self._rest[self._at] == ord('"'):
            return None
        self._at += 1
        return self._rest[self._at - 1]

    def _open(self, bracket: int) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise OutOfBounds(f"nests brackets more than {MOST_DEPTH} deep")
        if self._depth == self._list_depth and bracket == ord("[") and self._is_the_field():
            if self._done:
                raise NotAListing(f"it has the {self._named} twice")
            self._inside = True
            self._pass_by(self._at)
            self._to = self._at

    def _is_the_field(self) -> bool:
        before = self._rest[max(self._from, self._at - 1 - _NEAR) : self._at - 1]
        return self._field.search(bytes(self.around[-_NEAR:] + before)) is not None

    def _close(self) -> bool:
        """Whether the list ends with it."""
        self._depth -= 1
        if self._depth < 0:
            raise NotAListing("it closes more brackets than it opens")
        if self._inside and self._depth == self._list_depth:
            self._to = self._at
        return self._inside and self._depth < self._list_depth

    def _entries(self, end: int) -> bytes:
        """Those before `end` that were not returned yet, without the comma that divides them from the ones before."""
        entries = bytes(self._rest[self._from : end]).strip(_SPACE)
        self._from = end
        if not entries or not self._any:
            self._any = bool(entries)
            return entries
        if not entries.startswith(b",") or not entries[1:].strip(_SPACE):
            raise NotAListing(f"its {self._named} has entries without a comma between them, or none after one")
        return entries[1:]

    def _pass_by(self, end: int) -> None:
        self.around += self._rest[self._from : end]
        self._from = end

    def _forget(self) -> None:
        """Drops what was read, but for the entry or the string that goes on."""
        del self._rest[: self._from]
        self._at, self._to, self._from = self._at - self._from, self._to - self._from, 0
        if len(self._rest) > MOST_ENTRY or len(self.around) > MOST_ENTRY:
            where = "an entry" if self._inside else "what stands around the entries"
            raise OutOfBounds(f"has {where} of more than {MOST_ENTRY // 1024} KiB")
