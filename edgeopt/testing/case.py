"""A problem whose answer is known by other means than a solver."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ..model.outcome import Status
from ..model.problem import Problem


@dataclass(frozen=True)
class Case:
    """A problem with what is known of its answer.

    Attributes
    ----------
    name : str
        Of the case, for messages.
    problem : Problem
        What to solve; small, so that every solver takes it.
    status : str, optional
        ``"optimal"``, ``"infeasible"`` or ``"unbounded"``; None where it is not known.
    objective : float, optional
        Optimal objective, found by other means than a solver (by hand, by trying everything); None where not known.
    scale : float
        Sum of the absolute terms of the objective, by which its rounding errors are measured.
    """

    name: str
    problem: Problem
    status: str | None = None
    objective: float | None = None
    scale: float = 1.0

    def __str__(self) -> str:
        return f"{type(self.problem).__name__} {self.name!r}"


@lru_cache(maxsize=1)
def own_cases() -> tuple[Case, ...]:
    """Every case of edgeopt's own families."""
    from . import families

    found: list[Case] = []
    for module in pkgutil.iter_modules(families.__path__):
        found += importlib.import_module(f"{families.__name__}.{module.name}").cases()
    return tuple(found)


def as_cases(given: Iterable[Case | Problem]) -> list[Case]:
    """Return cases; a problem of which nothing is known becomes one by its number."""
    return [one if isinstance(one, Case) else Case(str(k), one) for k, one in enumerate(given)]


def is_answered(case: Case) -> bool:
    """Whether an optimum exists, as far as is known."""
    return case.status in (None, Status.OPTIMAL)
