"""A verdict does not depend on the units in which a problem is written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.formulations.revenue import AdmissionDecision
from edgeopt.formulations.slot import SlotDecision
from edgeopt.model.tolerance import FEASIBILITY

POWERS = [-12, -9, -6, 0, 6, 9, 12]
SMALL = eo.RevenueMaximization([3, 2], [[1, 1]], [[1, 0.5]], [1e-9], [0.8e-9], [5e-9, 4e-9])


def revenue(power: int, seed: int = 0) -> eo.RevenueMaximization:
    """Capacities and traffic in units of ``10**power``."""
    rng, unit = np.random.default_rng(seed), 10.0**power
    compute, links = rng.uniform(0.5, 2, (3, 6)), rng.uniform(0.5, 2, (2, 6)) * (rng.random((2, 6)) < 0.7)
    return eo.RevenueMaximization(
        rng.uniform(1, 3, 6),
        compute,
        links,
        unit * rng.uniform(2, 6, 3),
        unit * rng.uniform(1, 4, 2),
        unit * rng.uniform(1, 3, 6),
    )


def broken(problem, decision) -> set[str]:
    return {name for name, excess in problem.violations(decision).items() if excess > FEASIBILITY}


def kinds(names: set[str]) -> set[str]:
    """What kind is broken: which of several tied resources is the worst is rounding."""
    return {name.split()[0] for name in names}


def test_an_overloaded_link_in_small_units_is_refused():
    decision = AdmissionDecision([5e-9, 4e-9])
    assert broken(SMALL, decision) == {"capacity of server[0]"}
    honest = eo.solve(SMALL)
    assert honest.status == "optimal"
    assert honest.objective == pytest.approx(2.6e-9)
    false = replace(honest, found=decision, objective=SMALL.objective(decision), bound=None, gap=None)
    assert not eo.verify(SMALL, false)
    slightly = AdmissionDecision(1.25 * honest.decision.admitted)
    assert not eo.verify(SMALL, replace(false, found=slightly, objective=SMALL.objective(slightly)))


@pytest.mark.parametrize("solver", eo.solvers_for(SMALL).query("installed").solver.tolist())
def test_every_solver_is_right_or_honest_in_small_units(solver):
    solution = eo.solve(SMALL, solver)
    # A first-order method may stop at a point that does not hold, and then says that it found none.
    assert solution.status in ("optimal", "feasible") or (solver, solution.status) == ("pdlp", "no_solution")
    if solution.status.has_decision:
        assert not broken(SMALL, solution.decision)
    if solution.status == "optimal":
        assert solution.objective == pytest.approx(2.6e-9, rel=1e-6)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("seed", range(3))
def test_the_revenue_problems_verdicts_are_the_same_in_all_units(power, seed):
    plain, scaled = revenue(0, seed), revenue(power, seed)
    base = eo.solve(plain, "simplex").decision.admitted
    rng = np.random.default_rng(seed)
    for factor in (1.0, 1.0 + 1e-12, 1.0 + 1e-7, 1.25):
        for candidate in (base * factor, base * np.where(rng.random(6) < 0.5, factor, 1.0), base - (factor - 1.0)):
            verdicts = [
                kinds(broken(problem, AdmissionDecision(candidate * unit)))
                for problem, unit in ((scaled, 10.0**power), (plain, 1.0))
            ]
            assert verdicts[0] == verdicts[1]


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("solver", ["simplex", "greedy", "lagrangian", "highs"])
def test_heuristics_and_solvers_stay_within_in_all_units(power, solver):
    for seed in range(3):
        problem = revenue(power, seed)
        solution = eo.solve(problem, solver)
        assert not broken(problem, solution.decision)
        assert solution.status.has_decision
        reference = eo.solve(revenue(0, seed), solver).objective
        assert solution.objective == pytest.approx(10.0**power * reference, rel=1e-6)


def test_nothing_is_admitted_through_a_resource_that_is_not_there():
    for seed in range(30):
        problem = replace(revenue(0, seed), link_capacity=np.zeros(2))
        solution = eo.solve(problem, "simplex")
        assert solution.status == "optimal"
        assert not broken(problem, solution.decision)


def test_a_negative_admission_is_measured_by_itself():
    assert broken(SMALL, AdmissionDecision([-1e-15, 0.0])) == {"sign of admitted[0]"}


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_a_rate_is_measured_against_the_bound_that_it_leaves(unit):
    problem = eo.SlotProblem(
        [0, 1e9],
        [1e9, 0],
        [1e6, 0],
        [0, 0.1],
        10,
        1e-9,
        1e6 * unit,
        1e-18,
        1e9,
        1e12,
        (1.0 * unit, 1e6 * unit),
        delay_queue=1.0,
        outage_queue=1.0,
        tradeoff=1.0,
        max_delay=1.0,
    )
    assert broken(problem, SlotDecision(0, 0.5 * unit)) == {"rate_bounds"}
    assert problem.violations(SlotDecision(0, 0.999 * unit))["rate_bounds"] == pytest.approx(1e-3)
    assert broken(problem, SlotDecision(0, 1.001e6 * unit)) == {"rate_bounds"}
    assert not broken(problem, SlotDecision(0, unit))
