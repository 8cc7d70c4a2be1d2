"""The judge, asked directly: forged numbers, forged files, and claims that no certificate can carry."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.model.certificate import OptimalityCertificate, StatusCertificate
from edgeopt.verification.judge import judge, relative_gap_of
from edgeopt.verification.linear_dual import LinearDual
from edgeopt.verification.solver_words import MixedIntegerBound, SolverClaim

inf = np.inf
PROBLEM = eo.OfflineOffloading([3.0, 1.0, 2.0, 5.0], [1.0, 1.5, 1.0, 1.0], min_local_fraction=0.5)
BEST = eo.OffloadingDecision(np.array([False, True, True, False]))
LINEAR = eo.Program([1.0, 1.0], [[1.0, 1.0]], [1.0], upper=[5.0, 5.0])
INTEGER = replace(LINEAR, integrality=np.ones(2, bool))
CORNER = eo.Point([5.0, 5.0])


@dataclass(frozen=True, eq=False)
class Breaks(OptimalityCertificate):
    """A certificate whose check fails."""

    def optimality_gap(self, problem, decision):
        raise ZeroDivisionError("no slack today")


@dataclass(frozen=True, eq=False)
class FindsAllProved(OptimalityCertificate):
    """A certificate of a class that a solver brings, to which everything is proved."""

    def optimality_gap(self, problem, decision):
        return 0.0


class DualOfItsOwn(LinearDual):
    """The same, behind a name that is trusted."""

    def optimality_gap(self, problem, decision):
        return 0.0


@dataclass(frozen=True, eq=False)
class BreaksToo(StatusCertificate):
    """A certificate whose check fails."""

    def holds(self, problem):
        raise ZeroDivisionError("no proof today")


def answer(outcome, problem):
    """Return what ``solve`` makes of a solver that answers `outcome`."""
    solves = eo.Program if isinstance(problem, eo.Program) else eo.OfflineOffloading
    return eo.solve(problem, eo.Solver("liar", lambda problem, options: outcome, solves, True))


@pytest.mark.parametrize(
    ("problem", "outcome", "reason"),
    [
        (LINEAR, eo.Outcome.optimal(CORNER, MixedIntegerBound(10.0, "liar")), "proves only 1.0"),
        (LINEAR, eo.Outcome.optimal(CORNER, LinearDual(np.ones(2))), "proves only 1.0"),
        (LINEAR, eo.Outcome.optimal(CORNER, Breaks()), "its certificate proves only 1.0"),
        (LINEAR, eo.Outcome.optimal(CORNER, FindsAllProved()), "its certificate proves only 1.0"),
        (LINEAR, eo.Outcome.optimal(CORNER, DualOfItsOwn(np.zeros(1))), "its certificate proves only 1.0"),
        (LINEAR, eo.Outcome.optimal(CORNER, "trust me"), "its certificate proves only 1.0"),
        (LINEAR, eo.Outcome(eo.Status.INFEASIBLE, certificate=BreaksToo()), "no certificate"),
        (PROBLEM, eo.Outcome(eo.Status.INFEASIBLE, certificate=BreaksToo()), "has a point"),
        (LINEAR, eo.Outcome(eo.Status.UNBOUNDED, certificate=SolverClaim("unbounded", "liar")), "no certificate"),
        (INTEGER, eo.Outcome.optimal(CORNER, bound=inf), "bound inf contradicts"),
        (INTEGER, eo.Outcome.optimal(CORNER, bound=np.nan), "bound nan contradicts"),
        (INTEGER, eo.Outcome.optimal(CORNER, MixedIntegerBound(10.0, "liar")), "has a point of objective 1.0"),
        (INTEGER, eo.Outcome.optimal(CORNER, bound="ten"), "bound 'ten' contradicts"),
        (INTEGER, eo.Outcome.optimal(CORNER), "has a point of objective 1.0"),
        (INTEGER, eo.Outcome(eo.Status.INFEASIBLE), "says infeasible"),
        (INTEGER, eo.Outcome(eo.Status.INFEASIBLE, certificate=SolverClaim("infeasible", "liar")), "says infeasible"),
        (INTEGER, eo.Outcome(eo.Status.UNBOUNDED), "says unbounded"),
        (INTEGER, eo.Outcome(eo.Status.UNBOUNDED, certificate=SolverClaim("unbounded", "liar")), "says unbounded"),
        (PROBLEM, eo.Outcome(eo.Status.INFEASIBLE), "says infeasible"),
        (PROBLEM, eo.Outcome.feasible(BEST, objective=inf), "reports objective inf"),
        (PROBLEM, eo.Outcome.feasible(BEST, objective="low"), "reports objective 'low'"),
        (PROBLEM, eo.Outcome.feasible(BEST, objective=1.4), "reports objective 1.4"),
        (PROBLEM, eo.Outcome.feasible(BEST, bound=1.3), "bound 1.3 contradicts"),
    ],
)
def test_no_false_claim_stands(problem, outcome, reason):
    solution = answer(outcome, problem)
    assert solution.status == "failed", solution
    assert reason in solution.message
    assert solution.certificate is None


@pytest.mark.parametrize("error", [eo.InvalidProblemError("nonsense"), BaseException("panic"), ImportError("symbol")])
def test_whatever_a_solver_raises_costs_that_call_only(error):
    def throw(problem, options):
        raise error

    solution = eo.solve(PROBLEM, eo.Solver("breaks", throw, eo.OfflineOffloading, True))
    assert solution.status == "failed"
    assert f"{type(error).__name__}: {error}" in solution.message


@pytest.mark.parametrize("error", [KeyboardInterrupt(), eo.InvalidOptionError("level is 9; expected 1 to 3")])
def test_what_the_caller_must_see_is_raised(error):
    def throw(problem, options):
        raise error

    with pytest.raises(type(error)):
        eo.solve(PROBLEM, eo.Solver("breaks", throw, eo.OfflineOffloading, True))


def test_an_objective_that_lives_off_the_feasibility_tolerance_is_no_optimum():
    # x + z >= 1 is missed by less than 1e-9 of its own size, which a price of 1e6 turns into 0.001 of an optimum of 1.
    program = eo.Program([1e6, 1.0, 1e6], [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], [1.0, 1.0], offset=-1e6)
    outcome = eo.Outcome.optimal(eo.Point([1.0 - 1e-9, 1.0, 0.0]), LinearDual(np.array([1e6, 1.0])))
    found = judge(program, outcome)
    assert (found.status, found.proved) == ("feasible", False)
    assert found.objective == pytest.approx(0.999)
    assert found.bound == pytest.approx(1.0)
    # A bound on one column has no terms but its own.
    program = eo.Program([1.0], upper=[1e-9], sense="maximize")
    found = judge(program, eo.Outcome.optimal(eo.Point([1e-6]), LinearDual(np.zeros(0))))
    assert "bound of x[0] is violated" in found.message
    assert judge(program, eo.Outcome.optimal(eo.Point([1e-9]), LinearDual(np.zeros(0)))).status == "optimal"


def test_a_budget_of_three_tenths_takes_a_tenth_and_two_tenths():
    program = eo.Program([-1.0, -1.0], [[1.0, 1.0]], row_upper=[0.3], upper=[0.1, 0.2])
    solution = answer(eo.Outcome.optimal(eo.Point([0.1, 0.2]), LinearDual(np.array([0.0]))), program)
    assert solution.status == "optimal"


def test_a_row_that_overflows_is_violated():
    program = eo.Program([0.0, 0.0], [[1e300, -1e300], [1.0, 0.0]], [1.0, 0.0], [1.0, 1e99])
    assert program.violations(eo.Point([1e10, 1e10])) == {"row row[0]": inf}
    assert answer(eo.Outcome.feasible(eo.Point([1e10, 1e10])), program).status == "failed"


def test_violations_name_the_worst_row_bound_and_integer():
    program = eo.Program(
        [0.0, 0.0],
        [[1.0, 1.0], [1.0, 0.0]],
        [4.0, 200.0],
        upper=[1.0, 1.0],
        integrality=True,
        column_names=["a", "b"],
        row_names=["sum", "first"],
    )
    found = program.violations(eo.Point([0.5, 3.0]))
    assert found["row sum"] == 1.0  # a row in whole numbers: it holds or it does not
    assert found["bound of b"] == pytest.approx(2 / 4)  # relative to bound and value
    assert found["integrality of a"] == 1.0
    assert program.relaxation().violations(eo.Point([1.0, 1.0])) == {"row first": pytest.approx(199 / 201)}


def test_rows_in_whole_numbers_are_judged_exactly():
    capacity = eo.Program([-1.0], [[1e9 + 900]], row_upper=[1e9], upper=1.0, integrality=True)
    assert capacity.violations(eo.Point([1.0])) == {"row row[0]": 1.0}
    huge = eo.Program([1.0, 1.0], [[2.0**53, 1.0]], 2.0**54, 2.0**54, 0, 10, True)
    assert huge.violations(eo.Point([2.0, 0.0])) == {}
    assert huge.violations(eo.Point([2.0, 1.0])) == {"row row[0]": 1.0}  # float64 adds nothing here
    mixed = eo.Program([-1.0], [[1e9 + 900]], row_upper=[1e9], upper=1.0)
    assert mixed.violations(eo.Point([1e9 / (1e9 + 900)])) == {}
    assert mixed.violations(eo.Point([1.0]))["row row[0]"] == pytest.approx(900 / 2e9, rel=1e-3)


def test_a_claim_is_relative_to_the_gap_that_was_asked_for():
    outcome = eo.Outcome.optimal(eo.OffloadingDecision(np.array([True, True, False, False])), PROBLEM.certify(None))
    assert not judge(PROBLEM, outcome)
    assert judge(PROBLEM, outcome, relative_gap=0.5)
    assert judge(PROBLEM, replace(outcome, claim=eo.Status.FEASIBLE)).gap == pytest.approx(0.25 / 1.5)
    assert relative_gap_of(0.0, 0.0) == 0.0
    assert relative_gap_of(-2.0, -4.0) == relative_gap_of(4.0, 2.0) == 0.5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"objective": 1.2}, "reports objective 1.2"),
        ({"objective": None, "bound": 1.3}, "states the bound 1.3"),
        ({"bound": np.nan}, "states the bound nan"),
        ({"found": eo.OffloadingDecision(np.array([True] * 4))}, "reports objective"),
        ({"found": eo.OffloadingDecision(np.array([True]))}, "malformed"),
        ({"found": None}, "malformed: decision is a NoneType"),
        ({"certificate": PROBLEM.certify(None).__class__(0.0)}, "gap"),
        ({"status": eo.Status.INFEASIBLE}, "says infeasible"),
        ({"status": eo.Status.FAILED, "message": "broke"}, "broke"),
        ({"status": eo.Status.NO_SOLUTION, "message": ""}, "no answer to verify"),
    ],
)
def test_a_forged_solution_is_found_out(change, reason):
    solution = eo.solve(PROBLEM)
    assert eo.verify(PROBLEM, solution)
    found = eo.verify(PROBLEM, replace(solution, **change))
    assert not found
    assert reason in found.message


def test_a_formulation_with_a_proof_of_its_own_needs_none_from_the_file():
    assert eo.verify(PROBLEM, replace(eo.solve(PROBLEM), certificate=None))


def test_a_forged_gap_is_found_out():
    solution = eo.solve(PROBLEM, "local-only")
    assert solution.gap > 0.5
    assert eo.verify(PROBLEM, solution)
    assert "states the gap 0.0" in eo.verify(PROBLEM, replace(solution, gap=0.0)).message


def test_a_solution_of_another_problem_is_found_out():
    solution = eo.solve(PROBLEM)
    other = eo.OfflineOffloading(PROBLEM.local_cost, PROBLEM.remote_cost, 0.75)
    assert "min_local_fraction is violated" in eo.verify(other, solution).message
    assert "malformed" in eo.verify(LINEAR, solution).message


def test_verification_reports_what_it_recomputed():
    found = eo.verify(PROBLEM, eo.solve(PROBLEM))
    assert (found.status, found.objective, found.bound, found.gap) == ("optimal", 1.25, 1.25, 0.0)
    assert found.violations == {}
    assert not found.exact
    infeasible = eo.OfflineOffloading([1.0], [1.0], 1.0, local_available=np.array([False]))
    assert "only 0 can be" in eo.verify(infeasible, eo.solve(infeasible)).message


def test_a_certificate_is_checked_by_code_that_is_not_the_solvers():
    worse = eo.OffloadingDecision(np.array([True, True, False, False]))
    assert judge(PROBLEM, eo.Outcome.optimal(worse, FindsAllProved())).message.endswith("which proves nothing")
    assert answer(eo.Outcome.optimal(worse, FindsAllProved()), PROBLEM).status == "failed"
    found = answer(eo.Outcome.optimal(BEST, FindsAllProved()), PROBLEM)
    assert (found.status, type(found.certificate)) == ("optimal", type(PROBLEM.certify(BEST)))
