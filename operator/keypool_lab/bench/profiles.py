"""What the profiles of a run say, as text."""

import pstats
from io import StringIO
from pathlib import Path

TOP = 40


def summarize(profile: Path) -> Path:
    """Writes the top functions by their own and by cumulated time beside a profile; returns that file's path."""
    text = StringIO()
    stats = pstats.Stats(str(profile), stream=text)
    for order in ("tottime", "cumulative"):
        stats.sort_stats(order).print_stats(TOP)
    target = profile.with_suffix(".txt")
    target.write_text(text.getvalue())
    return target
