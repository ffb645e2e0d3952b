"""`up` and `down`: a lab that stays until it is ended."""

import os
import sys
from typing import Annotated

import typer

from keypool_lab.commands.failing import told
from keypool_lab.lab import LabError, background
from keypool_lab.lab.holding import OPERATOR, hold
from keypool_lab.lab.standing import AlreadyUp, Standing, StateFile, state_folder
from keypool_lab.lab.usage import usage
from keypool_lab.narrator import Narrator


def up(
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay until Ctrl-C ends the lab.")] = False,
) -> None:
    """Leave a cluster with provider simulator, operator and a provider object running; `down` ends it."""
    state, narrator = StateFile(state_folder(os.environ)), Narrator()
    with told():
        if state.sweep():
            narrator.say("cleaned up after a lab that was killed")
        _in_foreground(state, narrator) if foreground else _in_background(state, narrator)


def down() -> None:
    """End the lab that `up` started, and leave nothing of it."""
    state, narrator = StateFile(state_folder(os.environ)), Narrator()
    with told():
        if background.stop(state):
            narrator.say("the lab is gone")
        elif state.sweep():
            narrator.say("cleaned up after a lab that was killed")
        else:
            narrator.say("no lab is up")


def _in_foreground(state: StateFile, narrator: Narrator) -> None:
    try:
        hold(state, narrator, lambda standing: narrator.say(usage(standing, _python())))
    except AlreadyUp:
        raise LabError("a lab is up already; `down` ends it") from None


def _in_background(state: StateFile, narrator: Narrator) -> None:
    standing = state.standing()
    if standing is not None and not standing.ready:
        raise LabError("a lab is being started by another process")
    if standing is None:
        standing = background.start(state, narrator.say)
    elif ended := standing.ended():
        standing = _mended(state, standing, ended, narrator)
    else:
        narrator.say("a lab is up already.")
    narrator.say(usage(standing, _python()))


def _mended(state: StateFile, standing: Standing, ended: dict[str, str], narrator: Narrator) -> Standing:
    """A lab is never ended unasked: pools may be in it that somebody works with."""
    if others := sorted(ended.keys() - {OPERATOR}):
        raise LabError(
            f"a lab is up, but of its parts {', '.join(others)} ended by themselves and cannot be started again; logs "
            f"are in {standing.folder}. End it, with all that is in its cluster, by `down`; then `up` starts another"
        )
    narrator.say(f"a lab is up; its operator has ended (status {ended[OPERATOR]}), and another one is started")
    return background.restart_operator(state, standing)


def _python() -> str:
    """The interpreter as one would type it here."""
    return os.path.relpath(sys.executable) if sys.executable.startswith(os.getcwd() + os.sep) else sys.executable
