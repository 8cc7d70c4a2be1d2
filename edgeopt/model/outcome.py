"""What passes between ``solve`` and a solver: the options that go in, the outcome that comes out.

A solver returns what it found and why it should be believed. It does not time itself, compute its objective, judge its
status or print: ``solve`` does that once for all.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InvalidOptionError

if TYPE_CHECKING:
    from .certificate import Certificate


class Status(StrEnum):
    """How a call of ``solve`` ended."""

    OPTIMAL = "optimal"
    """Proved within tolerance; the certificate was checked."""
    FEASIBLE = "feasible"
    """A heuristic's answer, or a limit hit with a feasible decision; bound and gap where known."""
    INFEASIBLE = "infeasible"
    """No decision satisfies the constraints."""
    UNBOUNDED = "unbounded"
    """The objective improves for ever."""
    NO_SOLUTION = "no_solution"
    """A limit was hit before the first feasible decision."""
    FAILED = "failed"
    """The solver broke, or its answer did not verify; the message says which."""

    @property
    def has_decision(self) -> bool:
        """Whether a solution of this status carries a decision."""
        return self in (Status.OPTIMAL, Status.FEASIBLE)


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller asks of a solver; None means that nothing is asked.

    Attributes
    ----------
    time_limit : float, optional
        Wall-clock seconds.
    relative_gap : float, optional
        Stop once ``|objective - bound| / |objective|`` is proved to be this small.
    warm_start : optional
        For general solvers a (columns,) array, for special ones a decision.
    seed : int
        Seed of every random draw.
    threads : int, optional
        Most threads to use.
    log : bool
        Whether the solver may write its own log to standard output.
    variant : str, optional
        The part behind the colon of ``"pyomo:NAME"``.
    extra : mapping
        Options of this solver alone, by name.
    """

    time_limit: float | None = None
    relative_gap: float | None = None
    warm_start: Any = None
    seed: int = 0
    threads: int | None = None
    log: bool = False
    variant: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.time_limit is not None and not _real(self.time_limit, 0.0):
            raise InvalidOptionError(f"time_limit is {self.time_limit!r}; expected seconds >= 0, or None")
        if self.relative_gap is not None and not _real(self.relative_gap, 0.0):
            raise InvalidOptionError(f"relative_gap is {self.relative_gap!r}; expected a number >= 0, or None")
        if self.threads is not None and (not _integer(self.threads) or self.threads < 1):
            raise InvalidOptionError(f"threads is {self.threads!r}; expected an integer >= 1, or None")
        if not _integer(self.seed) or self.seed < 0:
            raise InvalidOptionError(f"seed is {self.seed!r}; expected an integer >= 0")

    def remaining(self) -> float:
        """Seconds left of the time limit, never negative; inf without one."""
        if self.time_limit is None:
            return math.inf
        return max(0.0, self.time_limit - (time.monotonic() - self.started))

    def generator(self) -> np.random.Generator:
        """Return a fresh random generator made from the seed."""
        return np.random.default_rng(self.seed)

    def recorded(self) -> dict[str, Any]:
        """Return what a solution keeps of these options: those that were asked for."""
        asked = {
            "time_limit": self.time_limit,
            "relative_gap": self.relative_gap,
            "warm_start": None if self.warm_start is None else True,
            "threads": self.threads,
            "log": self.log or None,
            **self.extra,
        }
        return {name: value for name, value in asked.items() if value is not None}


def _real(value: object, low: float) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and float(value) >= low


def _integer(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a solver found and claims; ``solve`` believes none of it before it is recomputed.

    Attributes
    ----------
    claim : Status
        What the solver says.
    decision : optional
        A :class:`~edgeopt.model.program.Point` from a general solver, the formulation's decision from a special one.
    certificate : Certificate, optional
        Why the claim should be believed.
    objective : float, optional
        Objective that the solver reports.
    bound : float, optional
        Bound that the solver reports.
    message : str
        The solver's own words, where they help.
    statistics : dict
        Nodes, iterations and the like.
    approximate : bool
        Whether the back end stopped near a solution: then a point that breaks a row, or is not proved optimal, is what
        its tolerances or its limit left, and no false claim.
    """

    claim: Status
    decision: Any = None
    certificate: Certificate | None = None
    objective: float | None = None
    bound: float | None = None
    message: str = ""
    statistics: dict[str, Any] = field(default_factory=dict)
    approximate: bool = False

    @classmethod
    def optimal(cls, decision: Any, certificate: Certificate | None = None, **rest: Any) -> Outcome:
        """Return the outcome of an exact solver that finished."""
        return cls(Status.OPTIMAL, decision, certificate, **rest)

    @classmethod
    def feasible(cls, decision: Any, certificate: Certificate | None = None, **rest: Any) -> Outcome:
        """Return the outcome of a heuristic, or of an exact solver that hit a limit."""
        return cls(Status.FEASIBLE, decision, certificate, **rest)

    @classmethod
    def failed(cls, message: str) -> Outcome:
        """Return the outcome of a solver that broke."""
        return cls(Status.FAILED, message=message)
