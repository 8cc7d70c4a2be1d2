"""GLOP, PDLP and CP-SAT: optima worked by hand, duals by sign, and every way in which a solve can end."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgeopt.model.errors import InvalidOptionError, UnsupportedPairError
from edgeopt.model.outcome import Options, Outcome, Status
from edgeopt.model.program import Point, Program
from edgeopt.solvers import glop
from edgeopt.solvers.backends import adapter_outcome as claim
from edgeopt.solvers.backends import cp_sat_model
from edgeopt.solvers.cp_sat import cp_sat
from edgeopt.solvers.pdlp import pdlp
from edgeopt.solving.registry import find
from edgeopt.solving.repair import repaired
from edgeopt.solving.solve import conclude, solve
from edgeopt.verification.infeasibility import EmptyBox
from edgeopt.verification.linear_dual import LinearDual
from edgeopt.verification.solver_words import MixedIntegerBound

INF = np.inf
LINEAR = ["glop", "pdlp"]

# max 3 x + 2 y with x + y <= 4, x + 3 y <= 7, x <= 3: the vertex (3, 1), worked by hand; row prices 2 and 0.
TEXTBOOK = Program([3, 2], [[1, 1], [1, 3]], row_upper=[4, 7], upper=[3, INF], sense="maximize", offset=5)
# min x + 2 y with x + y = 3, -1 <= x - y <= 1: the vertex (2, 1); prices 1.5 (equality) and -0.5 (upper side).
TWO_SIDED = Program([1, 2], [[1, 1], [1, -1]], [3, -1], [3, 1])
INFEASIBLE = Program([1, 1], [[1, 1], [1, 1]], [3, -INF], [INF, 2])
UNBOUNDED = Program([-1, -1], [[1, -1]], [0], [1])
NEITHER = Program([-1, 0, -1], [[1, 1, 0], [1, 1, 0]], [3, -INF], [INF, 2])


def assignment(size: int, seed: int) -> Program:
    """Assignment problem: a linear program whose vertices are integer."""
    cost = np.random.default_rng(seed).random((size, size))
    rows = np.vstack([np.kron(np.eye(size), np.ones(size)), np.kron(np.ones(size), np.eye(size))])
    return Program(cost.ravel(), rows, 1.0, 1.0)


def market_split(seed: int, rows: int = 5, columns: int = 40) -> Program:
    """Equality knapsacks for which a first feasible point is hard to find (Cornuejols and Dawande 1999)."""
    matrix = np.random.default_rng(seed).integers(0, 100, (rows, columns)).astype(float)
    half = np.floor(matrix.sum(axis=1) / 2)
    return Program(np.ones(columns), matrix, half, half, upper=1.0, integrality=True)


def knapsack(columns: int, seed: int) -> Program:
    rng = np.random.default_rng(seed)
    weight = rng.integers(10, 1000, (8, columns)).astype(float)
    return Program(
        weight.sum(axis=0) + rng.integers(0, 50, columns),
        weight,
        row_upper=weight.sum(axis=1) / 3,
        upper=1.0,
        integrality=True,
        sense="maximize",
    )


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize(
    ("program", "point", "objective", "prices"),
    [(TEXTBOOK, (3, 1), 16, (2, 0)), (TWO_SIDED, (2, 1), 4, (1.5, -0.5))],
    ids=["maximise", "two-sided"],
)
def test_optimum_and_prices_worked_by_hand(name, program, point, objective, prices):
    solution = solve(program, name)
    assert solution.status is Status.OPTIMAL
    assert solution.objective == pytest.approx(objective, rel=1e-8)
    assert solution.decision.values == pytest.approx(point, abs=1e-6)
    assert solution.certificate.row_dual == pytest.approx(prices, abs=1e-6)
    assert solution.certificate.bound(program) == pytest.approx(objective, rel=1e-8)


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize(
    ("program", "status"),
    [(INFEASIBLE, "infeasible"), (UNBOUNDED, "unbounded"), (NEITHER, "infeasible")],
    ids=["infeasible", "unbounded", "infeasible-and-unbounded"],
)
def test_programs_without_optimum_are_told_apart(name, program, status):
    solution = solve(program, name, time_limit=20)
    assert solution.status == status
    assert solution.certificate.holds(program)


@pytest.mark.parametrize("name", [*LINEAR, "cp-sat", "pyomo", "cvxpy"])
@pytest.mark.parametrize(
    ("program", "status", "objective"),
    [
        (Program([1.0, 1.0], lower=1.0, upper=2.0, integrality=True), "optimal", 2.0),
        (Program([], np.zeros((1, 0)), [-1.0], [1.0], offset=7.0), "optimal", 7.0),
        (Program([], np.zeros((1, 0)), [1.0], [2.0]), "infeasible", None),
        (Program([1.0], [[0.0]], [1.0], [2.0], upper=1.0, integrality=True), "infeasible", None),
        (Program([1.0], [[0.0]], [-1.0], [0.0], upper=1.0, integrality=True), "optimal", 0.0),
        (Program([1.0], lower=2.0, upper=1.0, integrality=True), "infeasible", None),
        (Program([1.0], [[1.0]], [2.0], [1.0], upper=1.0, integrality=True), "infeasible", None),
        (Program([0.0, 0.0], [[1.0, 1.0]], [1.0], [1.0], upper=1.0, integrality=True), "optimal", 0.0),
        (Program([1.0], upper=0.0, integrality=True, offset=-3.0), "optimal", -3.0),
        (Program([1.0], [[1.0]], upper=1.0, lower=-1.0, integrality=True, sense="maximize"), "optimal", 1.0),
    ],
    ids=[
        "no-rows",
        "no-columns",
        "no-columns-infeasible",
        "empty-row-infeasible",
        "empty-row",
        "crossed-columns",
        "crossed-rows",
        "no-cost",
        "fixed",
        "free-row",
    ],
)
def test_degenerate_shapes(name, program, status, objective):
    if name in LINEAR:
        program = program.relaxation()
    solution = solve(program, name)
    assert solution.status == status
    assert solution.objective == (None if objective is None else pytest.approx(objective, abs=1e-7))


def test_glop_returns_the_optimal_basis():
    certificate = solve(TEXTBOOK, "glop").certificate
    # Both columns away from 0: x at its upper bound, y basic; row 0 at its upper side, row 1 basic.
    assert certificate.column_basis.dtype == np.int8
    assert np.count_nonzero(certificate.column_basis == 1) + np.count_nonzero(certificate.row_basis == 1) == 2


def test_pdlp_starts_from_the_optimum():
    program = assignment(12, 0)
    best = solve(program, "highs")
    cold, warm = (solve(program, "pdlp", warm_start=start) for start in (None, best))
    assert cold.objective == pytest.approx(best.objective, rel=1e-8)
    assert warm.statistics["iterations"] <= cold.statistics["iterations"]


@pytest.mark.parametrize("name", LINEAR)
def test_iteration_limit(name):
    limit = {
        "glop": {"max_number_of_iterations": 1, "use_preprocessing": False},
        "pdlp": {"termination_criteria": {"iteration_limit": 2}, "presolve_options": {"use_glop": False}},
    }[name]
    solution = solve(assignment(12, 0), name, **limit)
    assert solution.status in (Status.NO_SOLUTION, Status.FEASIBLE)
    assert solution.message


@pytest.mark.parametrize("name", LINEAR)
def test_time_limit(name):
    solution = solve(assignment(150, 1), name, time_limit=0.02)
    assert solution.status in (Status.NO_SOLUTION, Status.FEASIBLE)


@pytest.mark.parametrize("name", LINEAR)
def test_same_seed_same_answer_and_seed_is_taken(name):
    first, second = (solve(TEXTBOOK, name, seed=2**40 + 3, threads=1, relative_gap=1e-4) for _ in range(2))
    assert np.array_equal(first.decision.values, second.decision.values)


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("glop", {"max_number_of_iterations": "many"}),
        ("glop", {"no_such_option": 1}),
        ("glop", {"warm_start": Point([0.0, 0.0])}),
        ("pdlp", {"termination_criteria": {"no_such_field": 1}}),
        ("cp-sat", {"no_such_option": 1}),
    ],
)
def test_impossible_options_are_refused(name, extra):
    program = Program([1.0, 1.0], upper=1.0, integrality=True) if name == "cp-sat" else TEXTBOOK
    with pytest.raises(InvalidOptionError):
        solve(program, name, **extra)


def termination_reasons() -> list[str]:
    from ortools.math_opt.result_pb2 import TerminationReasonProto

    return list(TerminationReasonProto.keys())


@pytest.mark.parametrize("reason", termination_reasons())
@pytest.mark.parametrize("with_point", [True, False])
def test_every_termination_reason_has_a_meaning(monkeypatch, reason, with_point):
    from ortools.math_opt.result_pb2 import SolveResultProto, TerminationReasonProto

    real = glop.call

    def pretend(program, options, backend, parameters):
        result = real(program, options, backend, parameters)
        if not program.cost.any():  # the question that settles "infeasible or unbounded" is answered truly
            return result
        fake = SolveResultProto()
        if with_point:
            fake.CopyFrom(result)
        fake.termination.reason = TerminationReasonProto.Value(reason)
        return fake

    monkeypatch.setattr(glop, "call", pretend)
    outcome = find("glop")[0](TEXTBOOK, Options())
    solved = Status.OPTIMAL if with_point else Status.NO_SOLUTION
    assert outcome.claim is {
        "OPTIMAL": solved,
        "IMPRECISE": solved,
        "FEASIBLE": Status.FEASIBLE if with_point else Status.NO_SOLUTION,
        "NO_SOLUTION_FOUND": Status.FEASIBLE if with_point else Status.NO_SOLUTION,
        "INFEASIBLE": Status.INFEASIBLE,
        "UNBOUNDED": Status.UNBOUNDED,
        "INFEASIBLE_OR_UNBOUNDED": Status.UNBOUNDED,
    }.get(reason.removeprefix("TERMINATION_REASON_"), Status.FAILED)


def test_a_breakdown_in_the_library_is_a_failure(monkeypatch):
    from pybind11_abseil.status import StatusNotOk, internal_error

    def broken(*_):
        raise StatusNotOk(internal_error("ABNORMAL"))

    monkeypatch.setattr(glop, "call", broken)
    outcome = find("glop")[0](TEXTBOOK, Options())
    assert outcome.claim is Status.FAILED
    assert "ABNORMAL" in outcome.message


def small_linear_programs() -> st.SearchStrategy[Program]:
    whole = st.integers(-4, 4).map(float)

    def program(rows: int, columns: int) -> st.SearchStrategy[Program]:
        sides = st.tuples(st.integers(-6, 6), st.integers(0, 6), st.sampled_from(["both", "low", "high", "equal"]))
        return st.builds(
            lambda cost, matrix, sides, upper, sense: Program(
                cost,
                np.array(matrix).reshape(rows, columns),
                [-INF if kind == "high" else a for a, _, kind in sides],
                [INF if kind == "low" else a if kind == "equal" else a + b for a, b, kind in sides],
                upper=upper,
                sense=sense,
            ),
            st.lists(whole, min_size=columns, max_size=columns),
            st.lists(whole, min_size=rows * columns, max_size=rows * columns),
            st.lists(sides, min_size=rows, max_size=rows),
            st.lists(st.sampled_from([1.0, 5.0, INF]), min_size=columns, max_size=columns),
            st.sampled_from(["minimize", "maximize"]),
        )

    return st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(lambda shape: program(*shape))


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=60, deadline=None)
@given(program=small_linear_programs())
def test_agrees_with_highs_on_random_linear_programs(name, program):
    reference, solution = solve(program, "highs"), solve(program, name, time_limit=20)
    assume(reference.status is not Status.FAILED)
    assert solution.status is reference.status
    if reference.objective is not None:
        assert solution.objective == pytest.approx(reference.objective, rel=1e-6, abs=1e-7)


# CP-SAT


def brute_force(program: Program) -> float | None:
    """Best objective over all integer points, None if there is none."""
    ranges = [range(int(a), int(b) + 1) for a, b in zip(program.lower, program.upper, strict=True)]
    points = (Point(np.array(values, dtype=float)) for values in itertools.product(*ranges))
    values = [program.objective(p) for p in points if all(v <= 1e-6 for v in program.violations(p).values())]
    return None if not values else (min(values) if program.sense.sign > 0 else max(values))


@settings(max_examples=80, deadline=None)
@given(
    cost=st.lists(st.floats(-3, 3, width=16), min_size=1, max_size=4),
    data=st.data(),
    sense=st.sampled_from(["minimize", "maximize"]),
    decimals=st.integers(0, 3),
    offset=st.floats(-5, 5, width=16),
)
def test_cp_sat_agrees_with_enumeration(cost, data, sense, decimals, offset):
    columns = len(cost)
    entries = st.integers(-3000, 3000).map(lambda v: round(v / 1000, decimals))
    matrix = [data.draw(st.lists(entries, min_size=columns, max_size=columns)) for _ in range(2)]
    side = data.draw(st.floats(-4, 4, width=16))
    program = Program(cost, matrix, [-INF, -side], [side, INF], -1, 2, np.ones(columns), sense, offset)
    best, solution = brute_force(program), solve(program, "cp-sat")
    if best is None:
        assert solution.status is Status.INFEASIBLE
        return
    assert solution.status is Status.OPTIMAL
    assert solution.objective == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert program.sense.sign * (solution.bound - best) <= 1e-9 * max(1.0, abs(best))


@pytest.mark.parametrize("sense", ["minimize", "maximize"])
@pytest.mark.parametrize("seed", range(5))
def test_bound_allows_for_the_rounding_of_costs(monkeypatch, sense, seed):
    monkeypatch.setattr(cp_sat_model, "_cost_scale", lambda *_: 4.0)  # so coarse that the rounding shows
    cost = np.random.default_rng(seed).normal(size=8)
    program = Program(cost, np.ones((1, 8)), [3], [5], upper=1.0, integrality=True, sense=sense)
    outcome = cp_sat(program, Options())
    best = brute_force(program)
    assert outcome.claim is Status.FEASIBLE
    assert program.sense.sign * (best - outcome.bound) >= -1e-12
    assert "rounding leaves a gap" in outcome.message
    solution = solve(program, "cp-sat")
    assert solution.status is Status.FEASIBLE
    assert solution.claimed_bound == pytest.approx(outcome.bound)


def test_gap_is_stopped_at_and_reported():
    program = knapsack(25, 3)
    best, loose = solve(program, "cp-sat"), solve(program, "cp-sat", relative_gap=0.05)
    assert loose.status is best.status is Status.OPTIMAL
    assert loose.gap <= 0.05
    assert loose.bound >= best.objective - 1e-6


@pytest.mark.parametrize(
    ("row", "upper", "best"),
    [
        ([0.1, 0.2], 0.3, 2.0),
        ([0.125, 0.375], 0.45, 1.0),
        ([1e-3, 2.0], 2.0005, 1.0),
        ([1 / 3, 1 / 3], 0.5, 1.0),
        ([1 / 49, 48 / 49], 1.0, 2.0),
        ([1 / 7, 5 / 6], 0.9, 1.0),
    ],
    ids=["decimal", "dyadic", "mixed", "thirds", "forty-ninths", "sevenths and sixths"],
)
def test_fractional_rows_become_whole(row, upper, best):
    program = Program([1.0, 1.0], [row], row_upper=[upper], upper=1.0, integrality=True, sense="maximize")
    assert solve(program, "cp-sat").objective == best == brute_force(program)


@pytest.mark.parametrize("columns", [3, 6, 7, 49, 1001])
def test_the_mean_of_columns_may_be_bounded_whatever_their_number(columns):
    mean = np.full((1, columns), 1 / columns)
    for most in (0, 1, columns // 2, columns - 1, columns):
        program = Program(
            np.ones(columns), mean, row_upper=[most / columns], upper=1.0, integrality=True, sense="maximize"
        )
        assert solve(program, "cp-sat").objective == most


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (Program([1.0], [[np.pi]], row_upper=[4.0], upper=1.0, integrality=True), "coefficient 3.14"),
        (Program([-1.0, 0.0], [[1.0, -1.0]], row_upper=[1.0], integrality=True), "finite bounds"),
        (Program([1.0, 1.0], [[2.0**52, -(2.0**52)]], row_upper=[1.0], upper=2.0**40, integrality=True), "64 bits"),
    ],
    ids=["no fraction", "endless", "too-large"],
)
def test_what_whole_numbers_cannot_hold_is_refused(program, words):
    with pytest.raises(UnsupportedPairError, match=words):
        solve(program, "cp-sat")


def test_continuous_columns_are_refused():
    with pytest.raises(UnsupportedPairError, match="integer columns only"):
        solve(Program([1.0, 1.0], upper=1.0, integrality=[True, False]), "cp-sat")


@pytest.mark.parametrize(
    ("program", "objective"),
    [
        # A covering problem states no upper bounds: an optimal point never exceeds what its rows ask for.
        (Program([2, 3], [[2, 1], [1, 3]], [7, 8], integrality=True), 12.0),
        # A row bounds the columns: x <= 7 and y <= 3.
        (Program([1, 2], [[1, 2]], row_upper=[7], integrality=True, sense="maximize"), 7.0),
        # Free columns, bounded through each other.
        (Program([1, 1], [[1, -1], [1, 0]], [0, -3], [0, 3], -INF, INF, [1, 1]), -6.0),
        (Program([0, 1], [[1, 1]], [2.5], lower=-INF, upper=[INF, 4], integrality=True), None),
        (Program([0, 1], lower=[-INF, 1], integrality=True), 1.0),
    ],
    ids=["covering", "packing", "free", "endless", "unused"],
)
def test_missing_bounds_are_derived(program, objective):
    if objective is None:
        with pytest.raises(UnsupportedPairError, match="finite bounds"):
            solve(program, "cp-sat")
    else:
        assert solve(program, "cp-sat").objective == objective == solve(program, "highs").objective


@settings(max_examples=60, deadline=None)
@given(
    cost=st.lists(st.integers(-3, 3), min_size=3, max_size=3),
    entries=st.lists(st.integers(-2, 3), min_size=6, max_size=6),
    sides=st.lists(st.integers(-4, 4), min_size=2, max_size=2),
    upper=st.lists(st.sampled_from([3.0, INF]), min_size=3, max_size=3),
)
def test_derived_bounds_keep_the_optimum(cost, entries, sides, upper):
    program = Program(cost, np.reshape(entries, (2, 3)), sides, [INF, INF], -2.0, upper, np.ones(3))
    try:
        solution = solve(program, "cp-sat")
    except UnsupportedPairError:
        return
    reference = solve(program, "highs")
    assert solution.status is reference.status
    assert solution.objective == (None if reference.objective is None else pytest.approx(reference.objective))


def test_cp_sat_infeasible_rests_on_its_word_or_on_a_ray():
    parity = Program([0.0, 0.0], [[2.0, 2.0]], [3.0], [3.0], upper=5.0, integrality=True)
    assert solve(parity, "cp-sat").status is Status.INFEASIBLE
    outside = Program([0.0], [[1.0]], [3.0], [4.0], upper=1.0, integrality=True)
    solution = solve(outside, "cp-sat")
    assert solution.status is Status.INFEASIBLE
    assert isinstance(solution.certificate, EmptyBox)


def test_cp_sat_unbounded_is_refused_not_answered():
    with pytest.raises(UnsupportedPairError, match="finite bounds"):
        solve(Program([-1.0], integrality=True), "cp-sat")


def test_cp_sat_time_limit_without_incumbent():
    solution = solve(market_split(0), "cp-sat", time_limit=0.3)
    assert solution.status is Status.NO_SOLUTION


def test_cp_sat_limit_with_incumbent_keeps_bound_and_gap():
    program = knapsack(20, 1)
    solution = solve(program, "cp-sat", stop_after_first_solution=True, num_workers=1)
    assert solution.status is Status.FEASIBLE
    assert isinstance(solution.certificate, MixedIntegerBound)
    assert solution.bound >= solution.objective
    assert math.isfinite(solution.gap)


def test_cp_sat_warm_start_is_used():
    program = knapsack(20, 1)
    best = solve(program, "cp-sat")
    hinted = {"stop_after_first_solution": True, "fix_variables_to_their_hinted_value": True}
    again = solve(program, "cp-sat", warm_start=best, **hinted)
    assert again.objective == best.objective


@pytest.mark.slow
def test_cp_sat_same_seed_same_answer():
    program = knapsack(30, 2)
    first, second = (solve(program, "cp-sat", seed=5) for _ in range(2))
    assert np.array_equal(first.decision.values, second.decision.values)


def test_cp_sat_threads_and_enumerated_options():
    program = knapsack(20, 2)
    assert solve(program, "cp-sat", threads=2).status is Status.OPTIMAL
    assert solve(program, "cp-sat", ignore_names=True, linearization_level=1).status is Status.OPTIMAL
    with pytest.raises(InvalidOptionError, match="num_workers"):
        solve(program, "cp-sat", num_workers="all")


def test_cp_sat_invalid_model_is_a_failure(monkeypatch):
    from ortools.sat.python import cp_model

    from edgeopt.solvers import cp_sat as module

    monkeypatch.setattr(cp_model.CpSolver, "status_name", lambda *_: "MODEL_INVALID")
    assert module.cp_sat(knapsack(5, 0), Options()).claim is Status.FAILED


@pytest.mark.slow
@pytest.mark.parametrize("samples", [100_000])
def test_cp_sat_solves_a_wide_program_in_seconds(samples):
    benefit = np.random.default_rng(0).normal(size=samples)
    program = Program(benefit, np.ones((1, samples)), [0.7 * samples], upper=1.0, integrality=True)
    solution = solve(program, "cp-sat", time_limit=60)
    assert solution.status is Status.OPTIMAL
    assert solution.objective == pytest.approx(np.sort(benefit)[: round(0.7 * samples)].sum(), rel=1e-9)


# What adapters may claim


def test_a_violating_point_is_no_solution():
    outcome = claim.claimed(TEXTBOOK, np.array([3.0, 2.0]), finished=True)
    solution = conclude(TEXTBOOK, find("glop")[0], Options(), repaired(TEXTBOOK, outcome), 0.0)
    assert solution.status is Status.FAILED
    assert "row[1]" in solution.message
    stopped = claim.claimed(TEXTBOOK, np.array([3.0, 2.0]), finished=False)
    assert repaired(TEXTBOOK, stopped).claim is Status.NO_SOLUTION


def test_wrong_duals_do_not_make_an_optimum():
    outcome = claim.claimed(TEXTBOOK, np.array([1.0, 1.0]), finished=True, dual=np.array([0.0, 0.0]))
    solution = conclude(TEXTBOOK, find("glop")[0], Options(), outcome, 0.0)
    assert solution.status is Status.FAILED
    assert "its certificate proves only" in solution.message
    # The wrong duals of a right point are replaced by supplied ones.
    best = claim.claimed(TEXTBOOK, np.array([3.0, 1.0]), finished=True, dual=np.array([0.0, 0.0]))
    assert conclude(TEXTBOOK, find("glop")[0], Options(), best, 0.0).proved
    near = conclude(TEXTBOOK, find("pdlp")[0], Options(), replace(outcome, approximate=True), 0.0)
    assert near.status is Status.FEASIBLE
    assert "not proved optimal" in near.message


@pytest.mark.parametrize("values", [[np.nan, 1.0], [1.0]])
def test_a_malformed_point_is_no_solution(values):
    assert claim.claimed(TEXTBOOK, np.array(values), finished=True).claim is Status.NO_SOLUTION


def test_an_integer_program_without_bound_takes_the_back_end_at_its_word():
    program = Program([1.0], lower=1.0, upper=2.0, integrality=True)
    assert claim.claimed(program, np.ones(1), finished=True).bound == 1.0
    assert claim.claimed(program, np.ones(1), finished=True, relative_gap=0.25).bound == 0.75
    assert claim.claimed(program, np.ones(1), finished=False).bound is None


def test_false_rays_are_left_out():
    assert claim.infeasible(TEXTBOOK, np.ones(2)).certificate is None
    assert claim.unbounded(TEXTBOOK, np.zeros(2), np.ones(2)).certificate is None
    assert claim.unbounded(UNBOUNDED, np.zeros(2), np.ones(2)).certificate is not None


def test_pdlp_keeps_its_own_criteria():
    outcome: Outcome = pdlp(TEXTBOOK, Options(extra={"num_shards": 2, "termination_criteria": {"time_sec_limit": 5}}))
    assert outcome.claim is Status.OPTIMAL
    assert isinstance(outcome.certificate, LinearDual)
