"""What is right about a program, and which claims of a solution contradict it.

A `Right` is one acceptable answer. A program has several where the rounding of its data decides: infeasible as the
numbers stand, say, and feasible once each row may move by a part in 10^12 of its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

DECISIVE = ("optimal", "infeasible", "unbounded")
"""Statuses that say something about the program, not only about a point or a limit."""


@dataclass(frozen=True)
class Right:
    """One acceptable answer: a status, and for ``optimal`` the smallest and largest acceptable objective.

    `reach` is how far a bound can lie; by default as far as the worse end of the two.
    """

    status: str
    low: float | None = None
    high: float | None = None
    reach: float | None = None

    def __str__(self) -> str:
        if self.low is None:
            return self.status
        return f"optimal {self.low!r}" if self.low == self.high else f"optimal {self.low!r} to {self.high!r}"


@dataclass(frozen=True)
class Answer:
    """What somebody says of a program: edgeopt, or a back end called by hand."""

    status: str
    objective: float | None = None
    bound: float | None = None
    proved: bool | None = None
    verified: bool | None = None
    exact: bool | None = None
    message: str = ""


def optimal(value: float, rel: float = 1e-6, slack: float = 1e-9) -> Right:
    """Return the answer ``optimal`` with this objective, give or take `rel` of it or `slack`."""
    room = max(rel * abs(value), slack)
    return Right("optimal", value - room, value + room)


INFEASIBLE = Right("infeasible")
UNBOUNDED = Right("unbounded")


def false_claims(rights: Sequence[Right], sign: int, answer: Answer) -> list[str]:
    """Say which claims of `answer` no acceptable answer supports; `sign` is 1 for a minimum, -1 for a maximum."""
    return [reason for claim in (_status, _point, _bound) if (reason := claim(rights, sign, answer))]


def supports(rights: Sequence[Right], answer: Answer) -> bool:
    """Whether `answer` settles the program, and rightly."""
    return any(_agrees(right, answer) for right in rights)


def _agrees(right: Right, answer: Answer) -> bool:
    if right.status != answer.status:
        return False
    if right.low is None or right.high is None:
        return True
    return answer.objective is not None and right.low <= answer.objective <= right.high


def _status(rights: Sequence[Right], sign: int, answer: Answer) -> str:
    if answer.status not in DECISIVE or supports(rights, answer):
        return ""
    value = "" if answer.objective is None else f" {answer.objective!r}"
    return f"it says {answer.status}{value}; right is {' or '.join(map(str, rights))}"


def _point(rights: Sequence[Right], sign: int, answer: Answer) -> str:
    """A feasible point must exist, and cannot be better than the optimum."""
    if answer.status != "feasible" or any(right.status == "unbounded" for right in rights):
        return ""
    best = _best(rights, sign)
    if best is None:
        return f"it has a point of objective {answer.objective!r}; right is {' or '.join(map(str, rights))}"
    if answer.objective is None or sign * answer.objective >= sign * best:
        return ""
    return f"its point of objective {answer.objective!r} is better than the optimum, {best!r}"


def _bound(rights: Sequence[Right], sign: int, answer: Answer) -> str:
    """A bound cannot be beyond the optimum."""
    worst = _worst(rights, sign)
    if answer.bound is None or worst is None or sign * answer.bound <= sign * worst:
        return ""
    return f"its bound {answer.bound!r} is beyond the optimum, {worst!r}"


def _best(rights: Sequence[Right], sign: int) -> Any:
    ends = [right.low if sign > 0 else right.high for right in rights if right.low is not None]
    return (min(ends) if sign > 0 else max(ends)) if ends else None


def _worst(rights: Sequence[Right], sign: int) -> Any:
    ends = [_reach(right, sign) for right in rights if right.low is not None]
    return (max(ends) if sign > 0 else min(ends)) if ends else None


def _reach(right: Right, sign: int) -> Any:
    if right.reach is not None:
        return right.reach
    return right.high if sign > 0 else right.low
