"""Every registered solver meets every family of every formulation that it claims; nobody keeps a list.

A case is a problem and what an independent enumeration, or a hand, says about it. ``entry`` and ``case`` are
parametrised over all pairs that the registry allows, ``exact`` or ``heuristic`` and ``case`` over those of one kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from scipy import sparse

import edgeopt as eo
from edgeopt.core.problem import Problem
from edgeopt.core.registry import Solver, solvers


@dataclass(frozen=True)
class Case:
    """A problem with its status and, where it is optimal, its objective and the scale of its data."""

    name: str
    problem: Problem
    status: str
    objective: float | None = None
    scale: float = 1.0


def enumerated(name: str, problem: eo.OfflineOffloading) -> Case:
    """Return the case of a small offloading problem, its optimum found by trying everything."""
    local, remote = problem.local_cost, problem.remote_cost + problem.transmission_cost
    if local.ndim == 2 and not problem.independent_sites:
        local = local.sum(axis=1)
    local, remote = local.ravel(), np.broadcast_to(remote, problem.remote_cost.shape).ravel()
    able = np.ones(local.size, bool) if problem.local_available is None else problem.local_available.ravel()
    best = np.inf
    for choice in product((False, True), repeat=local.size):
        kept = np.array(choice)
        if kept.mean() >= problem.min_local_fraction * (1 - 1e-12) and not (kept & ~able).any():
            best = min(best, float(np.where(kept, local, remote).sum()) / problem.samples)
    scale = float(np.abs(local).sum() + np.abs(remote).sum()) / problem.samples
    return Case(name, problem, "optimal" if np.isfinite(best) else "infeasible", best, scale)


def offloading_cases() -> list[Case]:
    """Return the families of offline offloading."""
    rng = np.random.default_rng(7)
    drawn = lambda n: rng.gamma(2.0, 1.0, n)  # noqa: E731
    tied = lambda n: rng.integers(0, 3, n).astype(float)  # noqa: E731
    make = eo.OfflineOffloading
    return [
        enumerated("tiny", make([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 0.6)),
        enumerated("typical", make(drawn(10), drawn(10), 0.45)),
        enumerated("unconstrained", make(drawn(9), drawn(9), 0.0)),
        enumerated("all local", make(drawn(8), drawn(8), 1.0)),
        enumerated("degenerate", make(np.ones(6), np.zeros(6), 0.5)),
        enumerated("indifferent", make(np.ones(6), np.ones(6), 0.5)),
        enumerated("tied", make(tied(10), tied(10), 0.7)),
        enumerated("negative", make(-drawn(9), -drawn(9), 0.3)),
        enumerated("huge", make(1e300 * drawn(6), 1e300 * drawn(6), 0.5)),
        enumerated("small", make(1e-300 * drawn(6), 1e-300 * drawn(6), 0.5)),
        enumerated("single", make([2.0], [1.0], 1.0)),
        enumerated("single free", make([2.0], [1.0], 0.0)),
        enumerated("charged", make(drawn(9), drawn(9), 0.2, transmission_cost=0.8)),
        enumerated("two sites", make(drawn((8, 2)), drawn(8), 0.5)),
        enumerated("independent", make(drawn((5, 2)), drawn((5, 2)), 0.5, independent_sites=True)),
        enumerated("outage", make(drawn(8), drawn(8), 0.5, local_available=np.arange(8) % 3 > 0)),
        enumerated("infeasible", make(drawn(4), drawn(4), 0.9, local_available=np.array([True, True, False, True]))),
    ]


def program_cases() -> list[Case]:
    """Return bare programs whose optima were worked by hand."""
    inf = np.inf
    knapsack = eo.Program([5.0, 4.0, 3.0], [[2.0, 3.0, 1.0]], row_upper=[5.0], upper=1.0, integrality=True,
                          sense="maximize")  # fmt: skip
    return [
        Case("lp", eo.Program([-3.0, -5.0], [[1, 0], [0, 2], [3, 2]], row_upper=[4.0, 12.0, 18.0]), "optimal", -36.0),
        Case("maximise", eo.Program([3.0, 5.0], [[1, 0], [0, 2], [3, 2]], row_upper=[4.0, 12.0, 18.0],
                                    sense="maximize", offset=2.0), "optimal", 38.0),
        Case("equality", eo.Program([1.0, 2.0, 0.0], [[1.0, 1.0, 1.0]], [1.0], [1.0]), "optimal", 0.0),
        Case("free", eo.Program([1.0, 1.0], [[1.0, 2.0], [3.0, 1.0]], [4.0, 6.0], lower=-inf), "optimal", 2.8),
        Case("range", eo.Program([-1.0], [[1.0]], [2.0], [3.0], upper=[10.0]), "optimal", -3.0),
        Case("degenerate", eo.Program([-1.0, -1.0], [[1, 0], [1, 0], [1, 1]], row_upper=[1.0, 1.0, 2.0]),
             "optimal", -2.0),
        Case("tied", eo.Program([1.0, 1.0], [[1.0, 1.0]], [1.0]), "optimal", 1.0),
        Case("box", eo.Program([1.0, -1.0], lower=[-2.0, 0.0], upper=[3.0, 4.0]), "optimal", -6.0),
        Case("single", eo.Program([2.0], lower=[1.0]), "optimal", 2.0),
        Case("small costs", eo.Program([1e-200, 2e-200], [[1.0, 1.0]], [1.0]), "optimal", 1e-200, 1e-200),
        Case("large costs", eo.Program([1e200, 2e200], [[1.0, 1.0]], [1.0]), "optimal", 1e200, 1e200),
        Case("sparse", eo.Program(np.ones(40), sparse.eye_array(40), np.arange(40.0)), "optimal", 780.0),
        Case("infeasible", eo.Program([1.0], [[1.0], [1.0]], [2.0, -inf], [inf, 1.0]), "infeasible"),
        Case("crossed bounds", eo.Program([1.0], lower=[2.0], upper=[1.0]), "infeasible"),
        Case("unbounded", eo.Program([-1.0, 0.0], [[1.0, -1.0]], [0.0], [0.0]), "unbounded"),
        Case("knapsack", knapsack, "optimal", 9.0),
        Case("integers", eo.Program([-1.0, -1.0], [[2.0, 1.0], [1.0, 2.0]], row_upper=[4.0, 4.0], upper=9.0,
                                    integrality=True), "optimal", -2.0),
        Case("infeasible integers", eo.Program([1.0], [[2.0]], [1.0], [1.0], upper=[9.0], integrality=True),
             "infeasible"),
    ]  # fmt: skip


CASES = [*offloading_cases(), *program_cases()]
PAIRS = [(entry, case) for entry in solvers().values() for case in CASES if not entry.refusal(case.problem)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for a solver and a case every pair that the registry allows."""
    asked = set(metafunc.fixturenames)
    for name in asked & {"entry", "exact", "heuristic"} if "case" in asked else ():
        pairs = [(entry, case) for entry, case in PAIRS if name in ("entry", entry.kind)]
        ids = [f"{entry.name}-{type(case.problem).__name__}-{case.name}" for entry, case in pairs]
        metafunc.parametrize((name, "case"), pairs, ids=ids)
    if "entry" in asked and "case" not in asked:
        metafunc.parametrize("entry", list(solvers().values()), ids=lambda entry: entry.name)


@pytest.fixture(scope="session")
def close_enough():
    """Return the test that an exact solver's objective is the optimum: 1e-9, or its own proved gap."""

    def compare(entry: Solver, solution: eo.Solution, case: Case) -> bool:
        own_gap = 2 * (solution.gap or 0.0) if entry.general else 0.0
        allowed = max(1e-9, own_gap) * abs(case.objective) + 1e-12 * case.scale
        return abs(solution.objective - case.objective) <= allowed

    return compare
