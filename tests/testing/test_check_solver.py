"""``check_solver`` and ``check_formulation`` pass what is right and name what is wrong, one line in a plug-in's tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.model.problem import Decision, HasProgram, Sense
from edgeopt.testing import Case, check_formulation, check_solver
from edgeopt.testing.case import own_cases

OFFLOADING = [case for case in own_cases() if isinstance(case.problem, eo.OfflineOffloading)]


@eo.solver("keep-first", solves=eo.OfflineOffloading, exact=False, options=("time_limit", "threads"))
def keep_first(problem, options):
    """Keep the first that may stay, as many as are demanded."""
    if problem.infeasibility_certificate():
        return eo.Outcome(eo.Status.INFEASIBLE, certificate=problem.infeasibility_certificate())
    local = np.zeros(problem.local_totals.size, bool)
    local[np.flatnonzero(problem.available)[: problem.min_local]] = True
    return eo.Outcome.feasible(eo.OffloadingDecision(local.reshape(problem.shape)))


def test_a_sound_solver_passes():
    assert check_solver(keep_first) == len(OFFLOADING)
    assert check_solver("selection", OFFLOADING) == len(OFFLOADING)
    assert check_solver(keep_first, [eo.OfflineOffloading([1.0, 2.0], [2.0, 1.0], 0.5)]) == 1


def test_a_solver_that_is_not_exact_is_told_on_which_cases():
    liar = replace(keep_first, exact=True)
    with pytest.raises(AssertionError, match=r"finds_and_proves on OfflineOffloading 'typical'"):
        check_solver(liar)


def test_a_solver_that_changes_the_data_or_ignores_its_seed_is_told():
    count = [0]

    @eo.solver("restless", solves=eo.OfflineOffloading, exact=False)
    def restless(problem, options):
        """Decide otherwise each time."""
        count[0] += 1
        local = np.ones(problem.shape, bool)
        local.flat[: count[0] % 2] = False
        return eo.Outcome.feasible(eo.OffloadingDecision(local))

    with pytest.raises(AssertionError, match="repeats_itself"):
        check_solver(restless, [eo.OfflineOffloading([1.0, 2.0], [2.0, 1.0], 0.0)])


def test_a_solver_that_supports_nothing_that_it_says_is_told():
    stubborn = replace(keep_first, options=("warm_start",), own_options=("no_such_option",))
    with pytest.raises(AssertionError, match=r"an unknown option: no_such_option is neither supported nor refused"):
        check_solver(stubborn)


def test_a_solver_that_takes_no_case_is_not_called_checked():
    with pytest.raises(ValueError, match="takes none of the cases"):
        check_solver("selection", [eo.Program([1.0])])


@dataclass(frozen=True, eq=False)
class Chosen(Decision):
    """Which one was chosen."""

    index: int


@dataclass(frozen=True, eq=False)
class Cheapest(HasProgram):
    """Choose one of several costs; `slip` is added to the objective of a decision, and not to the program's."""

    sense: ClassVar[Sense] = Sense.MINIMIZE
    cost: list[float]
    slip: float = 0.0

    @property
    def integral(self):
        return True

    def check(self, decision):
        if not isinstance(decision, Chosen) or not 0 <= decision.index < len(self.cost):
            raise eo.InvalidProblemError(f"decision is {decision!r}; expected a Chosen within 0 to {len(self.cost)}")

    def objective(self, decision):
        return float(self.cost[decision.index]) + self.slip

    def magnitude(self, decision):
        return abs(self.objective(decision))

    def violations(self, decision):
        return {}

    def program(self):
        one = np.ones((1, len(self.cost)))
        return eo.Program(self.cost, one, [1.0], [1.0], 0.0, 1.0, integrality=True)

    def decode(self, point):
        return Chosen(int(np.argmax(point)))

    def encode(self, decision):
        return np.eye(len(self.cost))[decision.index]


def test_a_formulation_of_ones_own_is_checked_with_all_general_solvers():
    family = [Case("three", Cheapest([3.0, 1.0, 2.0]), "optimal", 1.0), Cheapest([2.0]), Cheapest([1.0, 1.0])]
    assert check_formulation(family, with_solvers=["highs", "cp-sat", "exhaustive"]) == 3
    assert check_formulation(lambda: family, with_solvers=["scipy"], most=1) == 1


def test_an_objective_that_is_not_the_programs_is_told():
    with pytest.raises(AssertionError, match=r"program of Cheapest 'slips': the decision's objective is 1\.5"):
        check_formulation([Case("slips", Cheapest([3.0, 1.0], 0.5))], with_solvers=[])


def test_a_wrong_answer_that_is_called_known_is_told():
    with pytest.raises(AssertionError, match=r"highs: finds_and_proves on Cheapest 'wrong': the optimum is 7\.0"):
        check_formulation([Case("wrong", Cheapest([3.0, 1.0]), "optimal", 7.0)], with_solvers=["highs"])


def test_an_empty_family_is_not_called_checked():
    with pytest.raises(ValueError, match="holds no problem"):
        check_formulation([])
