"""`demo`: see keypool do its job."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

from keypool.cluster.errors import KubeError
from keypool_lab.commands.failing import told
from keypool_lab.controlplane import KubectlError
from keypool_lab.controlplane.failures import log_tail
from keypool_lab.demo import picture_text
from keypool_lab.demo.figures import Check, Observed, checks
from keypool_lab.demo.picture_svg import svg
from keypool_lab.demo.story import Story
from keypool_lab.lab import Lab
from keypool_lab.lab.holding import stoppable
from keypool_lab.narrator import Narrator

INTERRUPTED = 130
LATENCY = 0.2
"""Seconds that the provider takes for each call: some requests are always under way."""


def demo(
    svg_path: Annotated[Path, typer.Option("--svg", help="Where the picture goes.")] = Path("build/demo.svg"),
) -> None:
    """Create, rotate, repair, replace and revoke keys on a cluster of its own, while a program uses them."""
    narrator, started = Narrator(), time.monotonic()
    narrator.say("keypool here: a real control plane, a simulated provider, the operator, the relay, a program", "bold")
    narrator.say()
    try:
        with told(), stoppable(), Lab.running(narrator, endpoints=2, latency=LATENCY) as lab:
            story, seen = _played(lab, narrator)
    except KeyboardInterrupt:
        narrator.say("interrupted; everything is cleaned up")
        raise SystemExit(INTERRUPTED) from None
    svg_path.parent.mkdir(parents=True, exist_ok=True)
    svg_path.write_text(svg(story))
    right = _summary(narrator, story, checks(story, seen))
    narrator.say(f"The picture is in {svg_path}. It took {time.monotonic() - started:.0f} s; nothing is left running.")
    raise SystemExit(0 if right else 1)


def _played(lab: Lab, narrator: Narrator) -> tuple[Story, Observed]:
    # These bring clients along that would make every other command slow to start.
    from keypool_lab.demo.play import play  # noqa: PLC0415
    from keypool_lab.demo.stage import DemoFailed  # noqa: PLC0415

    try:
        return asyncio.run(play(lab, narrator))
    except (DemoFailed, KubectlError, KubeError) as error:
        narrator.say(f"failed: {error}", "bold red")
        narrator.say(f"The end of the operator's log:\n{log_tail(lab.plane.folder / 'operator.log')}")
        raise SystemExit(1) from None


def _summary(narrator: Narrator, story: Story, found: list[Check]) -> bool:
    """Show the pictures and what was counted; whether all of it is right."""
    narrator.say()
    narrator.say("Each key's life and the requests that it served, by the simulator's record", "bold")
    narrator.say()
    for line in picture_text.picture(story):
        narrator.say(line)
    narrator.say()
    return _verdict(narrator, found)


def _verdict(narrator: Narrator, found: list[Check]) -> bool:
    narrator.say("Summary", "bold")
    narrator.say()
    name, value = max(len(check.name) for check in found), max(len(check.found) for check in found)
    for check in found:
        verdict = "right" if check.right else "WRONG"
        narrator.say(f"{check.name:<{name}}  {check.found:<{value}}  {verdict}", "" if check.right else "red")
    narrator.say()
    wrong = [check.name for check in found if not check.right]
    narrator.say(f"WRONG: {'; '.join(wrong)}" if wrong else "Everything is as it should be.", "bold")
    return not wrong
