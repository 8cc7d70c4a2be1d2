"""One process that answers: reads what to solve as lines of JSON, writes each answer as a line.

It is killed from outside when an answer does not come: back ends may not return at their time limit.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from dataclasses import asdict
from typing import IO

from .data import Data
from .families import drawn
from .known import known
from .raw import BY_HAND
from .right import Answer

LIMIT = 5.0
"""Time limit that edgeopt's solvers are told."""


def answer(who: str, data: Data) -> Answer | None:
    """Return what `who` says: a solver of edgeopt, or ``by hand NAME``; None where it takes no such program."""
    if who.startswith("by hand "):
        return BY_HAND[who.removeprefix("by hand ")](data)
    import edgeopt as eo
    from edgeopt.solving.registry import find

    from .told import told

    program = data.program()
    if who != "auto" and find(who)[0].refusal(program):
        return None
    try:
        return told(program, who, exact=not program.integral, time_limit=LIMIT)
    except eo.UnsupportedPairError:
        return None


def _said(who: str, data: Data) -> dict[str, object] | None:
    if who == "truth":
        return asdict(known(data))
    if who == "exit now":  # a test's stand-in for a back end that dies
        os._exit(3)
    try:
        given = answer(who, data)
    except Exception as error:  # a raw error of edgeopt, or of a back end called by hand
        given = Answer("raised", message=f"{type(error).__name__}: {error}")
    return None if given is None else asdict(given)


def serve(lines: IO[str], out: IO[str]) -> None:
    """Answer each line ``{"family", "seed", "who"}`` by one line."""
    for line in lines:
        asked = json.loads(line)
        data = drawn(asked["family"], asked["seed"])
        for who in asked["who"]:
            out.write(json.dumps(_said(who, data)) + "\n")
            out.flush()


if __name__ == "__main__":
    channel = os.fdopen(os.dup(1), "w")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # HiGHS prints at times, whatever it is told
    os.dup2(quiet, 2)
    warnings.simplefilter("ignore")
    serve(sys.stdin, channel)
