"""The acceptable answers to a member of a family; those that took long are kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from .data import Data
from .oracle import SECONDS, Truth, rights, truth
from .raw import cp_sat
from .right import Right
from .simplex import OutOfTimeError

SLOW = 0.05
"""Seconds from which on an answer is kept."""


@dataclass(frozen=True)
class Known:
    """What is exactly so, and what is acceptable; nothing of either where it is not known in time."""

    status: str
    objective: float | None = None
    rights: tuple[Right, ...] = ()


def known(data: Data, seconds: float = SECONDS) -> Known:
    """Return what is known of `data`: by the oracle, else in exact integers by CP-SAT, else nothing."""
    path = _folder() / data.family / f"{data.seed}.json"
    if data.family and path.exists():
        kept = json.loads(path.read_text())
        return Known(kept["status"], kept["objective"], tuple(Right(**right) for right in kept["rights"]))
    begun = time.monotonic()
    found = _asked(data, seconds)
    if data.family and time.monotonic() - begun > SLOW:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(asdict(found)))
        fresh.replace(path)
    return found


def _asked(data: Data, seconds: float) -> Known:
    exact = truth(data, seconds)
    if exact.status == "unknown":
        exact = _in_integers(data)
    try:
        accepted = rights(data, exact, seconds)
    except OutOfTimeError:
        return Known("unknown")
    return Known(exact.status, None if exact.objective is None else float(exact.objective), accepted)


def _in_integers(data: Data) -> Truth:
    """Return CP-SAT's answer where the program is one in whole numbers."""
    answer: Any = cp_sat(data, seconds=10.0)
    if answer is None or answer.status not in ("optimal", "infeasible"):
        return Truth("unknown")
    if answer.status == "infeasible":
        return Truth("infeasible")
    value = Fraction(answer.objective)
    return Truth("optimal", value, tuple(Fraction(0) for _ in data.cost))


@cache
def _folder() -> Path:
    """Answers are kept by the text of the code that gave them, so a changed oracle or family asks afresh."""
    here = Path(__file__).parent
    text = b"".join((here / name).read_bytes() for name in ("families.py", "oracle.py", "simplex.py", "right.py"))
    return Path(tempfile.gettempdir()) / f"edgeopt-truth-{os.getuid()}" / hashlib.sha256(text).hexdigest()[:12]
