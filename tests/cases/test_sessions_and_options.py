"""Repeated solves and odd options: the answer to a changed program is that to a fresh one, whatever is asked beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numerics.families import drawn
from numerics.known import known
from numerics.right import Right, false_claims
from numerics.told import judged, told

import edgeopt as eo

FAMILIES = ["fractional-bounds-mip", "penalties-mip", "degenerate-lp", "two-scales-mip"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(3))
def test_a_session_answers_a_changed_program_as_it_is(family, seed):
    rng = np.random.default_rng(seed)
    data = drawn(family, 100 + seed)
    session = eo.HighsSession(data.program())
    for _ in range(8):
        factor, shift = rng.integers(-2, 3, len(data.cost)), rng.integers(-1, 2, len(data.cost))
        data = replace(
            data,
            family="",
            cost=[c * float(f) for c, f in zip(data.cost, factor, strict=True)],
            upper=[max(low, high + float(s)) for low, high, s in zip(data.lower, data.upper, shift, strict=True)],
        )
        solution = session.solve(cost=data.cost, upper=data.upper)
        found = known(data)
        if found.rights:
            assert not false_claims(found.rights, data.sense, judged(session.program, solution)), solution


OPTIONS = [
    {"threads": 1},
    {"threads": 2},
    {"relative_gap": 0.0},
    {"relative_gap": 1e-3},
    {"seed": 2**31},
    {"time_limit": 0.0},
    {"time_limit": 1e-9},
    {"time_limit": 1e12},
    {"time_limit": float("inf")},
    {"presolve": "on"},
    {"presolve": "off"},
    {"presolve": "choose"},
    {"mip_feasibility_tolerance": 1e-4},
    {"primal_feasibility_tolerance": 1e-4},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("solver", ["highs", "scipy", "cp-sat", "cvxpy", "pyomo"])
def test_no_option_makes_a_claim_false(solver, options):
    for family, seed in (("fractional-bounds-mip", 0), ("infeasible-mip", 1), ("whole-numbers-mip", 2)):
        data = drawn(family, seed)
        try:
            answer = told(data.program(), solver, **options)
        except (eo.InvalidOptionError, eo.UnsupportedPairError):
            continue  # a clear refusal
        widened = [_widened(right, options.get("relative_gap", 0.0)) for right in known(data).rights]
        assert not false_claims(widened, data.sense, answer), answer


def _widened(right: Right, gap: float) -> Right:
    """Return the answers that a solver may stop at if a gap is allowed."""
    if right.low is None:
        return right
    room = 2 * gap * max(abs(right.low), abs(right.high))
    return Right(right.status, right.low - room, right.high + room, right.reach)


@pytest.mark.parametrize("time_limit", [-1.0, float("nan"), "5"])
def test_an_impossible_time_limit_is_refused(time_limit):
    with pytest.raises(eo.InvalidOptionError, match="time_limit"):
        eo.solve(drawn("infeasible-mip", 0).program(), "highs", time_limit=time_limit)


START = {"feasible": [3, 1], "half": [0.5, 0.5], "far": [1e9, -1e9]}


@pytest.mark.parametrize("start", START)
@pytest.mark.parametrize("solver", ["highs", "cp-sat"])
def test_no_warm_start_makes_a_claim_false(solver, start):
    program = eo.Program([-2, -3], [[2, 3], [1, -1]], -np.inf, [12.5, 4], 0, 5, [1, 1])
    warm = eo.Point(np.array(START[start], float))
    try:
        solution = eo.solve(program, solver, warm_start=warm)
    except eo.InvalidOptionError:
        return
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(-12.0)
