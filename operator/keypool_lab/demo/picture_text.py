"""Each key's life as a bar of characters, with the requests that it served beneath. Pure."""

from collections.abc import Iterable, Iterator

from keypool_lab.demo.figures import figures
from keypool_lab.demo.story import Call, Life, Story

WIDTH = 100
LABEL = 18
END = 18
BAR = WIDTH - LABEL - END
CREATED, PUBLISHED, DRAINING, LOST, REVOKED, NOTHING, REFUSED = "·█▒╌✕ !"
LEGEND = (
    f"{CREATED} created   {PUBLISHED} published   {DRAINING} draining   {LOST} lost, not noticed yet   {REVOKED} gone",
    f"digits: how many requests; {REFUSED} refused or lost, and asked again by the relay",
)


class Scale:
    """Which column a moment is in."""

    def __init__(self, story: Story) -> None:
        self.start = story.start
        self.seconds = max(story.end - story.start, 1.0)

    def column(self, time: float) -> int:
        """0 to BAR - 1."""
        return min(max(int((time - self.start) / self.seconds * BAR), 0), BAR - 1)


def picture(story: Story) -> list[str]:
    """Lines of at most 100 columns: the steps, for each key its life and its requests, the same for each endpoint, what
    failed, a time axis, a legend."""
    scale, found = Scale(story), figures(story)
    repeated = f", {found.twice} carried out twice" if found.twice else ""
    return [
        _line("step", _steps(story, scale)),
        *(line for life in story.lives for line in _key(life, story, scale)),
        *(_endpoint(number, story, scale) for number in (1, 2)),
        _line("failed", _failures(story, scale), f"{found.failed} of {found.sent}"),
        _line("seconds", _axis(scale)),
        "",
        *(f"{'':{LABEL}}{text}" for text in LEGEND),
        f"{'':{LABEL}}{found.sent} requests{repeated}",
        *(f"{'':{LABEL}}{mark.number} {mark.text}" for mark in story.marks),
    ]


def _line(label: str, bar: str, end: str = "") -> str:
    return f"{label:<{LABEL}}{bar:<{BAR}} {end}".rstrip()


def _steps(story: Story, scale: Scale) -> str:
    row = [NOTHING] * BAR
    for mark in story.marks:
        row[scale.column(mark.time)] = str(mark.number)
    return "".join(row)


def _key(life: Life, story: Story, scale: Scale) -> Iterator[str]:
    calls = [call for call in story.calls if call.letter == life.letter]
    yield _line(f"{life.letter:<2} {life.fingerprint}", _bar(life, scale), _end(life))
    yield _line("", _counted(calls, scale), f"{_served(calls)} served")


def _endpoint(number: int, story: Story, scale: Scale) -> str:
    calls = [call for call in story.calls if call.endpoint == number and call.served]
    return _line(f"endpoint {number}", _counted(calls, scale), f"{_served(calls)} served")


def _served(calls: Iterable[Call]) -> int:
    return sum(call.served for call in calls)


def _counted(calls: Iterable[Call], scale: Scale) -> str:
    """How many were served in each column; a refusal is never hidden by them."""
    served, refused = [0] * BAR, [False] * BAR
    for call in calls:
        column = scale.column(call.time)
        served[column] += call.served
        refused[column] = refused[column] or call.status != 200
    return "".join(
        REFUSED if bad else str(min(count, 9)) if count else NOTHING for count, bad in zip(served, refused, strict=True)
    )


def _bar(life: Life, scale: Scale) -> str:
    row = [NOTHING] * BAR
    for start, end, sign in _phases(life, scale.start + scale.seconds):
        first, last = scale.column(start), scale.column(end)
        row[first : last + 1] = sign * (last + 1 - first)
    row[scale.column(life.created)] = CREATED
    if life.ended is not None:
        row[scale.column(life.ended)] = REVOKED
    return "".join(row)


def _phases(life: Life, end: float) -> Iterator[tuple[float, float, str]]:
    """From when to when, and its sign; a later one covers an earlier one."""
    last = life.ended or end
    yield life.created, last, CREATED
    if life.published is not None:
        yield life.published, min(life.replaced or last, last), PUBLISHED
    if life.replaced is not None and life.replaced < last:
        yield life.replaced, last, DRAINING
    if life.outside and life.withdrawn is not None:
        yield last, life.withdrawn, LOST


def _end(life: Life) -> str:
    if life.ended is None:
        return "still live"
    return "revoked outside" if life.outside else "revoked"


def _failures(story: Story, scale: Scale) -> str:
    row = [NOTHING] * BAR
    for time in story.failures:
        row[scale.column(time)] = REFUSED
    return "".join(row)


def _axis(scale: Scale) -> str:
    step = 10 if scale.seconds > 25 else 5
    row = [NOTHING] * BAR
    for second in range(0, int(scale.seconds) + 1, step):
        column = scale.column(scale.start + second)
        text = str(second)
        if column + len(text) <= BAR:
            row[column : column + len(text)] = text
    return "".join(row)
