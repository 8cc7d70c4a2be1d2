"""Answers to one problem that cannot all be true: a beaten optimum, a denial beside a point, bounds that cross.

Every answer was verified by itself, so each of these is a fault of a solver or of the judge, and none may go unseen. A
point was checked against the problem's own data: it refutes whatever denies it. Where no point decides, what is proved
refutes what rests on a solver's word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.batch_axis import batch_of
from ..model.outcome import Status
from ..model.problem import HasProgram
from ..model.tolerance import AGREEMENT, ROUNDOFF

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.problem import Problem
    from ..model.solution import Solution


@dataclass(frozen=True, slots=True)
class Answer:
    """What a solver says of a problem.

    Attributes
    ----------
    solver : str
        Who says it.
    status : str
        As in :class:`~edgeopt.model.outcome.Status`; an answer that is ``failed`` or ``no_solution`` says nothing.
    objective, bound, claimed_bound : float or (batch,) float, optional
        As in :class:`~edgeopt.model.solution.Solution`.
    proved : bool
        Whether the status is proved.
    rounding : float or (batch,) float
        Difference of objectives that is rounding.
    problem : Problem, optional
        What is answered; its costs excuse rounding where a decision of no cost leaves no scale.
    """

    solver: str
    status: str
    objective: Any = None
    bound: Any = None
    claimed_bound: Any = None
    proved: bool = False
    rounding: Any = 0.0
    problem: Problem | None = None

    @classmethod
    def of(cls, solver: str, solution: Solution, problem: Problem) -> Answer:
        """Return what a solution of `problem` says."""
        rounding: Any = 0.0
        if solution.found is not None:
            rounding = ROUNDOFF * np.asarray(problem.magnitude(solution.found), float)
        return cls(
            solver,
            str(solution.status),
            solution.objective,
            solution.bound,
            solution.claimed_bound,
            solution.proved,
            rounding,
            problem,
        )


@dataclass(frozen=True, slots=True)
class Conflict:
    """What contradicts an answer.

    Attributes
    ----------
    words : str
        Names the other solver and its value.
    refuted : bool
        Whether the answer is thereby shown to be wrong, or at least no better founded than the other one.
    """

    words: str = ""
    refuted: bool = False

    def __bool__(self) -> bool:
        return bool(self.words)


NONE = Conflict()
"""Nothing contradicts the answer."""


def conflicts(answers: Sequence[Answer], sign: float) -> list[Conflict]:
    """Return for each answer to one and the same problem what contradicts it: :data:`NONE` where nothing does.

    Parameters
    ----------
    answers : sequence of Answer
        In any order.
    sign : float
        1 where the problem minimises, -1 where it maximises.
    """
    said = _Said(answers, sign)
    return [next(filter(None, (look(place) for look in said.looks)), NONE) for place in range(len(answers))]


class _Said:
    """The answers as arrays (answers, instances), in terms of costs, and the extremes of each instance."""

    def __init__(self, answers: Sequence[Answer], sign: float) -> None:
        self.answers, self.sign = answers, sign
        width = max((np.size(a.objective) for a in answers if a.objective is not None), default=1)
        decided = [a.status in (Status.OPTIMAL, Status.FEASIBLE) and a.objective is not None for a in answers]
        self.decided = np.array(decided, bool)
        self.cost = _rows([sign * np.asarray(a.objective, float) if d else np.inf for a, d in self._pairs()], width)
        self.least = _rows([_least(a, sign) if d else -np.inf for a, d in self._pairs()], width)
        self.rounding = _rows([np.nan_to_num(np.asarray(a.rounding, float)) for a in answers], width)
        self.looks: tuple[Callable[[int], Conflict], ...] = (
            self._beaten,
            self._denied,
            self._beyond,
            self._beats,
            self._denies,
        )

    def _pairs(self) -> list[tuple[Answer, bool]]:
        return list(zip(self.answers, self.decided.tolist(), strict=True))

    def _beaten(self, i: int) -> Conflict:
        """Find a point of another answer for which this one leaves no room."""
        found = self._crossing(self.cost.argmin(axis=0), i, lambda j, k: (j, i, k))
        if found is None:
            return NONE
        j, k = found
        mine, other = self.answers[i], self.answers[j]
        value = f"{other.solver} found {self.sign * self.cost[j, k]:.10g}{self._where(k)}"
        if mine.status == Status.OPTIMAL:
            return Conflict(f"says optimal, but {value}", True)
        return Conflict(f"says that nothing is better than {self.sign * self.least[i, k]:.10g}, but {value}", True)

    def _beats(self, i: int) -> Conflict:
        """Find another answer that leaves no room for the point of this one."""
        found = self._crossing(self.least.argmax(axis=0), i, lambda j, k: (i, j, k))
        if found is None:
            return NONE
        j, k = found
        says = "says optimal with" if self.answers[j].status == Status.OPTIMAL else "says that nothing is better than"
        value = self.cost[j, k] if self.answers[j].status == Status.OPTIMAL else self.least[j, k]
        return Conflict(f"{self.answers[j].solver} {says} {self.sign * value:.10g}{self._where(k)}")

    def _crossing(
        self, others: NDArray[np.intp], i: int, ordered: Callable[[int, int], tuple[int, int, int]]
    ) -> tuple[int, int] | None:
        """Return the other answer and the first instance in which a point is better than is said to be possible."""
        if not self.decided[i]:
            return None
        for k, j in enumerate(others.tolist()):
            point, bounded, _ = ordered(j, k)
            cost, least = float(self.cost[point, k]), float(self.least[bounded, k])
            if j == i or not np.isfinite([cost, least]).all():
                continue
            rounding = max(self.rounding[point, k], self.rounding[bounded, k])
            beyond = least - cost - AGREEMENT * max(abs(cost), abs(least)) - rounding
            if beyond > 0 and beyond > self._floor(self.answers[i].problem):
                return j, k
        return None

    @staticmethod
    def _floor(problem: Problem | None) -> float:
        """Return the rounding of bounds, which are summed from all costs; asked for last: it takes the program."""
        if not isinstance(problem, HasProgram) or batch_of(problem) is not None:
            return 0.0
        return ROUNDOFF * float(np.abs(problem.program().cost).max(initial=0.0))

    def _where(self, k: int) -> str:
        return f" for instance {k}" if self.cost.shape[1] > 1 else ""

    def _denied(self, i: int) -> Conflict:
        """Find a point that an answer `infeasible` denies."""
        if self.answers[i].status != Status.INFEASIBLE or not self.decided.any():
            return NONE
        j = int(self.cost.min(axis=1).argmin())
        return Conflict(
            f"says infeasible, but {self.answers[j].solver} found {self.sign * self.cost[j].mean():.10g}", True
        )

    def _denies(self, i: int) -> Conflict:
        """Find an answer `infeasible` that denies the point of this one."""
        j = self._first(Status.INFEASIBLE)
        return NONE if j is None or not self.decided[i] else Conflict(f"{self.answers[j].solver} says infeasible")

    def _beyond(self, i: int) -> Conflict:
        """Compare `unbounded` with bounded and infeasible answers: each contradicts the other."""
        mine = self.answers[i]
        if mine.status == Status.UNBOUNDED:
            j = self._most_bounded()
            if j is None:
                return NONE
            return Conflict(f"says unbounded, but {self._told(j)}", self._proves(j) or not mine.proved)
        j = self._first(Status.UNBOUNDED)
        if j is None or not (mine.status == Status.INFEASIBLE or np.isfinite(self.least[i]).any()):
            return NONE
        words = f"says {mine.status}, but {self.answers[j].solver} says unbounded"
        return Conflict(words, self.answers[j].proved or not self._proves(i))

    def _proves(self, i: int) -> bool:
        """Whether an answer proves that the problem is bounded or infeasible; a finite bound is a proof of that."""
        bound = self.answers[i].bound
        return self.answers[i].proved or (bound is not None and bool(np.isfinite(bound).all()))

    def _most_bounded(self) -> int | None:
        """Return the answer that says most clearly that the problem is not unbounded."""
        bounded = [
            i
            for i, answer in enumerate(self.answers)
            if answer.status == Status.INFEASIBLE or np.isfinite(self.least[i]).any()
        ]
        return max(bounded, key=lambda i: (self.answers[i].proved, self._proves(i)), default=None)

    def _told(self, j: int) -> str:
        other = self.answers[j]
        if other.status == Status.INFEASIBLE:
            return f"{other.solver} says infeasible"
        if other.status == Status.OPTIMAL:
            return f"{other.solver} says optimal with {self.sign * self.cost[j].mean():.10g}"
        return f"{other.solver} says that nothing is better than {self.sign * self.least[j].max():.10g}"

    def _first(self, status: Status) -> int | None:
        """Return the first answer of a status; a proved one where there is one."""
        places = [i for i, answer in enumerate(self.answers) if answer.status == status]
        return max(places, key=lambda i: self.answers[i].proved, default=None)


def _least(answer: Answer, sign: float) -> NDArray[np.float64]:
    """Cost below which nothing can be, as far as the answer says: by proof, by the solver's word, as an optimum."""
    known = [np.asarray(b, float) for b in (answer.bound, answer.claimed_bound) if b is not None]
    if not known and answer.status == Status.OPTIMAL:
        known = [np.asarray(answer.objective, float)]
    costs = [np.where(np.isnan(bound), -np.inf, sign * bound) for bound in known]
    most: Any = -np.inf
    for cost in costs:
        most = np.maximum(most, cost)
    # A bound beyond the answer's own objective is rounding, which the judge has weighed.
    return np.asarray(np.minimum(most, sign * np.asarray(answer.objective, float)))


def _rows(values: Sequence[Any], width: int) -> NDArray[np.float64]:
    """(answers, width) array; a number stands for every instance."""
    table: NDArray[np.float64] = np.empty((len(values), width))
    for place, value in enumerate(values):
        table[place] = value
    return table
