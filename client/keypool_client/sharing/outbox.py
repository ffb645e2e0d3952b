"""What is still to be told: a bounded queue, whose writer never waits."""

from collections.abc import Iterable

from keypool_client.policy.verdicts import About, Verdict

MOST_WAITING = 256
Subject = tuple[About, str, str, str, str]


class Outbox:
    """One verdict of each subject, the one that ends last. Of too many the oldest is dropped."""

    def __init__(self) -> None:
        self._waiting: dict[Subject, Verdict] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, verdict: Verdict) -> None:
        """One more."""
        self._waiting[verdict.subject] = _later(self._waiting.pop(verdict.subject, verdict), verdict)
        self._shorten()

    def take(self) -> list[Verdict]:
        """All of them; the queue is empty then."""
        taken, self._waiting = list(self._waiting.values()), {}
        return taken

    def give_back(self, verdicts: Iterable[Verdict]) -> None:
        """These could not be told: they are the oldest ones again."""
        newer, self._waiting = self._waiting, {verdict.subject: verdict for verdict in verdicts}
        for verdict in newer.values():
            self.put(verdict)
        self._shorten()

    def _shorten(self) -> None:
        while len(self._waiting) > MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
            self.dropped += 1


def _later(one: Verdict, other: Verdict) -> Verdict:
    return max(one, other, key=lambda verdict: verdict.until)
