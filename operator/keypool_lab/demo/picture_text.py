"""Each key's life as a bar of characters, and the requests beneath. Pure."""

from collections.abc import Iterator

from keypool_lab.demo.story import Life, Story

WIDTH = 100
LABEL = 18
END = 18
BAR = WIDTH - LABEL - END
CREATED, PUBLISHED, DRAINING, LOST, REVOKED, NOTHING, FAILED = "·█▒╌✕ !"
LEGEND = (
    f"{CREATED} created   {PUBLISHED} published   {DRAINING} draining   {LOST} lost, not noticed yet   {REVOKED} gone",
    f"requests: the letter of the key that served them, {FAILED} where one failed",
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
    """Lines of at most 100 columns: the steps, a bar for each key, the requests, a time axis, a legend."""
    scale = Scale(story)
    return [
        _line("step", _steps(story, scale)),
        *(_line(f"{life.letter:<2} {life.fingerprint}", _bar(life, scale), _end(life)) for life in story.lives),
        _line("requests", _requests(story, scale), f"{len(story.requests)} sent"),
        _line("seconds", _axis(scale)),
        "",
        *(f"{'':{LABEL}}{text}" for text in LEGEND),
        *(f"{'':{LABEL}}{mark.number} {mark.text}" for mark in story.marks),
    ]


def _line(label: str, bar: str, end: str = "") -> str:
    return f"{label:<{LABEL}}{bar:<{BAR}} {end}".rstrip()


def _steps(story: Story, scale: Scale) -> str:
    row = [NOTHING] * BAR
    for mark in story.marks:
        row[scale.column(mark.time)] = str(mark.number)
    return "".join(row)


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


def _requests(story: Story, scale: Scale) -> str:
    row = [NOTHING] * BAR
    for request in story.requests:
        column = scale.column(request.time)
        if row[column] != FAILED:
            row[column] = request.letter[:1] if request.ok else FAILED
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
