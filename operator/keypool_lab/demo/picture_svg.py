"""Each key's life as a bar in an SVG picture, with the requests that it served beneath, and the same for endpoints.
Pure."""

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from keypool_lab.demo.figures import figures
from keypool_lab.demo.story import Call, Life, Story
from keypool_lab.demo.svg_style import COLOURS, STYLE, colour, hatches

WIDTH = 960
LEFT, RIGHT = 168, 812
TOP = 126
MARK = 22
ROW, BAR, TICK = 50, 16, 11
LANE = 24


def svg(story: Story) -> str:
    """A picture for light and dark surroundings, with a title for those who cannot see it."""
    return "\n".join([*_Picture(story).lines(), ""])


class _Picture:
    def __init__(self, story: Story) -> None:
        self.story = story
        self.seconds = max(story.end - story.start, 1.0)
        self.lane_top = TOP + ROW * len(story.lives) + 14
        self.axis = self.lane_top + 2 * LANE + 10
        self.height = self.axis + 40 + 56

    def lines(self) -> Iterator[str]:
        found = figures(self.story)
        title = f"{found.created} keys, {found.sent} requests, {found.failed or 'none'} failed"
        box = f'viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" height="{self.height}"'
        yield f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-label="{escape(title)}">'
        yield f"<title>{escape(title)}</title>"
        yield f"<style>{STYLE}</style>"
        yield f"<defs>{hatches(sorted({'A', *(life.letter for life in self.story.lives)}))}</defs>"
        yield f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{self.height - 1}" rx="10"/>'
        yield _text(24, 34, title, "title")
        yield _text(24, 54, "A program knows the relay's address and no key; which key served which request", "quiet")
        yield from self._marks()
        for index, life in enumerate(self.story.lives):
            yield from self._life(life, TOP + ROW * index)
        yield from self._endpoints()
        yield from self._failures()
        yield from self._time_axis()
        yield from self._legend()
        yield "</svg>"

    def x(self, time: float) -> float:
        """Where a moment is."""
        share = (time - self.story.start) / self.seconds
        return round(LEFT + min(max(share, 0.0), 1.0) * (RIGHT - LEFT), 1)

    def _marks(self) -> Iterator[str]:
        """In two rows by turns, so that short steps have room for their names."""
        marks = self.story.marks
        for index, mark in enumerate(marks):
            x, y = self.x(mark.time), TOP - 22 - MARK * (1 - index % 2)
            end = self.x(marks[index + 2].time) if index + 2 < len(marks) else WIDTH - 24
            yield f'<line class="mark" x1="{x}" y1="{y + 10}" x2="{x}" y2="{self.axis}"/>'
            yield f'<circle class="badge" cx="{x}" cy="{y}" r="9.5"/>'
            yield _text(x, y + 4, str(mark.number), "number", anchor="middle")
            yield _text(x + 15, y + 4, _fitting(mark.text, end - x - 26), "step")

    def _life(self, life: Life, top: float) -> Iterator[str]:
        y = top + 4
        middle, end = y + BAR / 2, life.ended or self.story.end
        yield f"<g><title>{escape(_told(life, self.story.start))}</title>"
        yield f'<circle cx="32" cy="{middle}" r="5" fill="{colour(life.letter)}"/>'
        yield _text(46, middle + 4, life.fingerprint, "key")
        yield self._bar(life.created, end, y, f'fill="none" stroke="{colour(life.letter)}" stroke-width="1.5"')
        if life.published is not None:
            replaced = min(life.replaced or end, end)
            yield self._bar(life.published, replaced, y, f'fill="{colour(life.letter)}"')
            if replaced < end:
                yield self._bar(replaced, end, y, f'fill="url(#hatch-{life.letter})"')
        if life.outside and life.withdrawn is not None:
            yield _line("lost", self.x(end) + 9, middle, self.x(life.withdrawn))
        yield from self._end(life, middle)
        yield "</g>"
        calls = [call for call in self.story.calls if call.letter == life.letter]
        yield from self._ticks(calls, y + BAR + 4)

    def _ticks(self, calls: Iterable[Call], y: float) -> Iterator[str]:
        """A stroke for each request that was served, in its key's colour, and one that stands out for each refusal."""
        served: dict[str, list[str]] = {}
        for call in calls:
            if call.served:
                served.setdefault(call.letter, []).append(f"M{self.x(call.time)} {y}v{TICK}")
            else:
                yield f'<path class="refused" d="M{self.x(call.time)} {y - 1}v{TICK + 4}"/>'
        for letter, strokes in sorted(served.items()):
            yield f'<path d="{"".join(strokes)}" stroke="{colour(letter)}" stroke-width="1.4"/>'

    def _bar(self, start: float, end: float, y: float, paint: str) -> str:
        left, right = self.x(start), self.x(end)
        return f'<rect x="{left}" y="{y}" width="{max(right - left, 1.5):.1f}" height="{BAR}" rx="3" {paint}/>'

    def _end(self, life: Life, y: float) -> Iterator[str]:
        if life.ended is None:
            return
        x = self.x(life.ended)
        if life.outside:
            yield f'<path class="cross" d="M{x - 5} {y - 5}l10 10m0 -10l-10 10"/>'
            until = self.x(life.withdrawn) if life.withdrawn is not None else x
            yield _text(max(until, x) + 8, y + 4, "revoked behind our back", "bad")
        else:
            yield f'<line class="cap" x1="{x}" y1="{y - 12}" x2="{x}" y2="{y + 12}"/>'
            yield _text(x + 8, y + 4, "revoked", "quiet")

    def _endpoints(self) -> Iterator[str]:
        for number in (1, 2):
            y = self.lane_top + (number - 1) * LANE
            yield _text(24, y + TICK, f"endpoint {number}", "quiet")
            yield from self._ticks((call for call in self.story.calls if call.served and call.endpoint == number), y)

    def _failures(self) -> Iterator[str]:
        """What failed for the program, over both lanes."""
        for time in self.story.failures:
            yield f'<path class="failed" d="M{self.x(time)} {self.lane_top - 6}v{2 * LANE + 8}"/>'

    def _time_axis(self) -> Iterator[str]:
        yield _line("axis", LEFT, self.axis, RIGHT)
        for second in range(0, int(self.seconds) + 1, 5):
            x = self.x(self.story.start + second)
            yield f'<line class="axis" x1="{x}" y1="{self.axis}" x2="{x}" y2="{self.axis + 4}"/>'
            yield _text(x, self.axis + 18, f"{second} s", "tick", anchor="middle")

    def _legend(self) -> Iterator[str]:
        y, sample = self.height - 32, f'width="26" height="12" y="{self.height - 42}" rx="2"'
        first = COLOURS[0]
        yield f'<rect x="24" {sample} fill="none" stroke="{first}" stroke-width="1.5"/>'
        yield _text(58, y, "created", "quiet")
        yield f'<rect x="120" {sample} fill="{first}"/>'
        yield _text(154, y, "published", "quiet")
        yield f'<rect x="232" {sample} fill="url(#hatch-A)"/>'
        yield _text(266, y, "draining: replaced, still works", "quiet")
        yield _line("lost", 458, y - 4, 484)
        yield _text(492, y, "lost, not noticed yet", "quiet")
        yield f'<path d="M634 {y - 10}v{TICK}" stroke="{first}" stroke-width="1.4"/>'
        yield _text(642, y, "a request", "quiet")
        yield f'<path class="refused" d="M718 {y - 11}v{TICK + 4}"/>'
        yield _text(726, y, "refused or lost: asked again", "quiet")


def _line(kind: str, x: float, y: float, to: float) -> str:
    return f'<line class="{kind}" x1="{x}" y1="{y}" x2="{to}" y2="{y}"/>'


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _fitting(text: str, room: float) -> str:
    """The text, or as many of its words as there is room for (pixels)."""
    letters = int(room / 6.2)
    return text if len(text) <= letters else text[: max(letters, 0)].rpartition(" ")[0]


def _told(life: Life, start: float) -> str:
    """What a pointer over a bar tells."""
    moments = {
        "created": life.created,
        "published": life.published,
        "replaced": life.replaced,
        "revoked": life.ended,
        "noticed": life.withdrawn,
    }
    return ", ".join(f"{name} at {time - start:.1f} s" for name, time in moments.items() if time is not None)
