"""Colours and type of the picture, for light and dark surroundings."""

from collections.abc import Iterable
from string import ascii_uppercase

COLOURS = ("#3b82f6", "#d97706", "#0d9488", "#8b5cf6", "#db2777", "#65a30d")

STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 12px; fill: #1f2937 }
.title { font-size: 17px; font-weight: 600 }
.quiet, .tick { fill: #6b7280 }
.tick { font-size: 11px }
.key { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }
.step { font-weight: 500 }
.bad, .quiet { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
.number { font-size: 11px; font-weight: 600; fill: #ffffff }
.bad { fill: #dc2626 }
.card { fill: #ffffff; stroke: #d1d5db }
.badge { fill: #4b5563 }
.mark { stroke: #9ca3af; stroke-dasharray: 2 4 }
.axis { stroke: #9ca3af }
.cap { stroke: #6b7280; stroke-width: 2 }
.lost { stroke: #dc2626; stroke-width: 1.5; stroke-dasharray: 4 3 }
.cross { stroke: #dc2626; stroke-width: 2.5; fill: none; stroke-linecap: round }
.failed { stroke: #dc2626; stroke-width: 3 }
.refused { stroke: #dc2626; stroke-width: 1.8 }
@media (prefers-color-scheme: dark) {
text { fill: #e5e7eb }
.bad, .quiet { stroke: #0d1117 }
.quiet, .tick { fill: #9ca3af }
.card { fill: #0d1117; stroke: #30363d }
.mark, .axis { stroke: #6b7280 }
.bad { fill: #f87171 }
.lost, .cross, .failed, .refused { stroke: #f87171 }
}
"""


def colour(letter: str) -> str:
    """The colour of the key with this letter; after six they come again."""
    return COLOURS[ascii_uppercase.index(letter[0]) % len(COLOURS)]


def hatches(letters: Iterable[str]) -> str:
    """A hatched paint for each key, named after its letter: replaced, but still working."""
    return "".join(_hatch(letter) for letter in letters)


def _hatch(letter: str) -> str:
    paint = colour(letter)
    return (
        f'<pattern id="hatch-{letter}" width="6" height="6" patternUnits="userSpaceOnUse"'
        f' patternTransform="rotate(45)"><rect width="6" height="6" fill="{paint}" opacity="0.18"/>'
        f'<rect width="2.4" height="6" fill="{paint}"/></pattern>'
    )
