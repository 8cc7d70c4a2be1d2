"""The oracle against hand-worked programs, enumeration of points and vertices, and CP-SAT in exact integers."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from .data import Data
from .families import FAMILIES, drawn
from .known import known
from .oracle import rights, truth
from .raw import cp_sat, exactly_whole
from .right import Answer, Right, false_claims, optimal, supports

inf = math.inf


def program(cost, rows, low, high, lower, upper, integer, sense=1):
    return Data(cost, rows, low, high, lower, upper, [bool(k) for k in integer], sense)


HAND = [
    ("one binding row", program([3, 2], [[1, 1]], [-inf], [4], [0, 0], [3, 3], [0, 0], -1), "optimal", 11),
    ("a third", program([1, 0], [[3, 1]], [1], [1], [0, 0], [inf, 0], [0, 0]), "optimal", Fraction(1, 3)),
    ("rounded up", program([1], [[3]], [1], [inf], [0], [inf], [1]), "optimal", 1),
    ("free column", program([1], [[1]], [-5], [inf], [-inf], [inf], [0]), "optimal", -5),
    ("free and without a row", program([1], [], [], [], [-inf], [inf], [0]), "unbounded", None),
    ("ray along two columns", program([-1, 0], [[1, -1]], [-inf], [1], [0, 0], [inf, inf], [0, 0]), "unbounded", None),
    ("crossed rows", program([0], [[1], [1]], [2, -inf], [inf, 1], [0], [inf], [0]), "infeasible", None),
    ("crossed bounds", program([0], [], [], [], [2], [1], [0]), "infeasible", None),
    ("no integer between", program([1], [], [], [], [0.25], [0.75], [1]), "infeasible", None),
    ("parity", program([1, 1], [[2, 2]], [3], [3], [0, 0], [inf, inf], [1, 1]), "infeasible", None),
    ("integers and a ray", program([-1, 0], [[2, -2]], [0], [0], [0, 0], [inf, inf], [1, 1]), "unbounded", None),
    (
        "parity beside a ray",
        program([-1, 0, 0], [[0, 2, 2]], [3], [3], [0, 0, 0], [inf, 9, 9], [0, 1, 1]),
        "infeasible",
        None,
    ),
    (
        "Beale's cycle",
        program(
            [-0.75, 150, -0.02, 6],
            [[0.25, -60, -0.04, 9], [0.5, -90, -0.02, 3], [0, 0, 1, 0]],
            [-inf] * 3,
            [0, 0, 1],
            [0] * 4,
            [inf] * 4,
            [0] * 4,
        ),
        "optimal",
        -0.05,
    ),
    ("empty row unmet", program([1], [[0]], [1], [2], [0], [1], [0]), "infeasible", None),
    ("no columns", program([], [], [], [], [], [], []), "optimal", 0),
]


@pytest.mark.parametrize(("data", "status", "value"), [case[1:] for case in HAND], ids=[case[0] for case in HAND])
def test_hand_worked_programs(data, status, value):
    found = truth(data)
    assert found.status == status
    if isinstance(value, float):
        assert float(found.objective) == pytest.approx(value, rel=1e-15)
    else:
        assert found.objective == value


def fits(data: Data, point: tuple[Fraction, ...]) -> bool:
    """Whether a point meets every row and bound, exactly."""
    inside = all(low <= x <= high for low, x, high in zip(data.lower, point, data.upper, strict=True))
    return inside and all(
        low <= sum((Fraction(a) * x for a, x in zip(row, point, strict=True)), Fraction(0)) <= high
        for row, low, high in zip(data.rows, data.row_lower, data.row_upper, strict=True)
    )


def value(data: Data, point: tuple[Fraction, ...]) -> Fraction:
    return sum((Fraction(c) * x for c, x in zip(data.cost, point, strict=True)), Fraction(0))


def small_integers(seed: int) -> Data:
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    rows = np.round(rng.uniform(-3, 3, (m, n)), 1).tolist()
    low = np.where(rng.random(m) < 0.3, -inf, np.round(rng.uniform(-6, 1, m), 1))
    high = np.where(rng.random(m) < 0.3, inf, np.round(rng.uniform(0, 6, m), 1))
    lower = np.round(rng.uniform(-3, 1, n), 1)
    cost = np.round(rng.uniform(-5, 5, n), 1)
    return program(cost.tolist(), rows, low.tolist(), high.tolist(), lower.tolist(), (lower + 4.5).tolist(), [1] * n, 1)


@pytest.mark.parametrize("seed", range(60))
def test_integer_programs_by_enumeration(seed):
    data = small_integers(seed)
    ranges = [range(math.ceil(low), math.floor(high) + 1) for low, high in zip(data.lower, data.upper, strict=True)]
    points = [tuple(map(Fraction, point)) for point in itertools.product(*ranges)]
    best = min((value(data, point) for point in points if fits(data, point)), default=None)
    found = truth(data)
    assert found.objective == best
    assert found.status == ("infeasible" if best is None else "optimal")


def solved(matrix: list[list[Fraction]], side: list[Fraction]) -> list[Fraction] | None:
    """Solve a small square system by elimination; None where it is singular."""
    n = len(side)
    work = [[*row, b] for row, b in zip(matrix, side, strict=True)]
    for j in range(n):
        pivot = next((i for i in range(j, n) if work[i][j]), None)
        if pivot is None:
            return None
        work[j], work[pivot] = work[pivot], work[j]
        for i in range(n):
            if i != j and work[i][j]:
                factor = work[i][j] / work[j][j]
                work[i] = [a - factor * b for a, b in zip(work[i], work[j], strict=True)]
    return [work[i][n] / work[i][i] for i in range(n)]


def best_vertex(data: Data) -> Fraction | None:
    """Least cost over all vertices of a bounded program: every choice of as many tight sides as there are columns."""
    n = len(data.cost)
    sides = [
        ([Fraction(a) for a in row], Fraction(side))
        for row, pair in zip(data.rows, zip(data.row_lower, data.row_upper, strict=True), strict=True)
        for side in pair
        if math.isfinite(side)
    ]
    for j in range(n):
        unit = [Fraction(int(i == j)) for i in range(n)]
        sides += [(unit, Fraction(data.lower[j])), (unit, Fraction(data.upper[j]))]
    values = []
    for chosen in itertools.combinations(sides, n):
        point = solved([row for row, _ in chosen], [side for _, side in chosen])
        if point is not None and fits(data, tuple(point)):
            values.append(value(data, tuple(point)))
    return min(values, default=None)


@pytest.mark.parametrize("seed", range(40))
def test_linear_programs_by_their_vertices(seed):
    data = small_integers(seed)
    if len(data.cost) > 3:
        data = replace(
            data, cost=data.cost[:3], rows=[row[:3] for row in data.rows], lower=data.lower[:3], upper=data.upper[:3]
        )
    data = replace(data, integer=[False] * len(data.cost))
    found = truth(data)
    best = best_vertex(data)
    assert found.objective == best
    assert found.status == ("infeasible" if best is None else "optimal")


@pytest.mark.parametrize("family", [name for name in FAMILIES if name.endswith("mip")])
def test_integer_programs_by_cp_sat(family):
    for seed in range(25):
        data = drawn(family, seed)
        found = truth(data)
        if not exactly_whole(data) or found.status == "unknown":
            continue
        answer = cp_sat(data)
        assert answer.status == found.status, (family, seed)
        assert found.objective is None or answer.objective == found.objective, (family, seed)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_point_of_the_optimum_fits_and_has_its_value(family):
    for seed in range(10):
        data = drawn(family, seed)
        found = truth(data)
        if found.status == "optimal":
            assert fits(data, found.point)
            assert value(data, found.point) == found.objective
            assert all(x.denominator == 1 for x, whole in zip(found.point, data.integer, strict=True) if whole)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_family_is_of_one_kind_only_unless_it_says_so(family):
    statuses = {known(drawn(family, seed)).status for seed in range(40)} - {"unknown"}
    assert statuses, family
    if not family.startswith(("mean-rows", "redundant", "free", "near", "infeasible", "unbounded")):
        assert len(statuses) >= 2, family


def test_a_member_is_the_same_for_ever():
    assert drawn("units-lp", 3) == drawn("units-lp", 3)
    assert drawn("units-lp", 3) != drawn("units-lp", 4)


def test_a_row_may_move_by_its_rounding():
    # 3 times the float64 0.1 is below 0.30000000000000004 by less than a part in 10^16.
    data = program([1], [[0.1]], [0.30000000000000004], [inf], [0], [10], [1])
    assert truth(data).objective == 4
    accepted = rights(data, truth(data))
    assert supports(accepted, Answer("optimal", 3.0))
    assert supports(accepted, Answer("optimal", 4.0))
    assert not supports(accepted, Answer("optimal", 2.0))


def test_a_decimal_is_the_float64_that_it_is():
    # Read as decimals the side is out of reach of 5; as float64 numbers it is not.
    data = program([1], [[0.07]], [0.35000000000000003], [inf], [0], [10], [1])
    assert truth(data).objective == 5


def test_rows_in_whole_numbers_do_not_move():
    data = program([1, 1], [[2, 2]], [3000000001], [3000000001], [0, 0], [2e9, 2e9], [1, 1])
    assert rights(data, truth(data)) == (Right("infeasible"),)


def test_equations_that_only_rounding_breaks_may_be_solved():
    data = program(
        [1, 2], [[0.1, 0.2], [0.1 * 3, 0.2 * 3]], [0.3, 0.9 - 1e-16], [0.3, 0.9 - 1e-16], [0, 0], [9, 9], [0, 0]
    )
    assert truth(data).status == "infeasible"
    accepted = rights(data, truth(data))
    assert supports(accepted, Answer("infeasible"))
    assert supports(accepted, Answer("optimal", 3.0))
    assert not supports(accepted, Answer("optimal", 2.9))


def test_what_counts_as_a_false_claim():
    accepted = (optimal(10.0),)
    assert not false_claims(accepted, 1, Answer("optimal", 10.0, bound=10.0))
    assert not false_claims(accepted, 1, Answer("feasible", 12.0, bound=9.0))
    assert not false_claims(accepted, 1, Answer("failed"))
    assert false_claims(accepted, 1, Answer("optimal", 12.0))
    assert false_claims(accepted, 1, Answer("optimal", 8.0))
    assert false_claims(accepted, 1, Answer("feasible", 8.0))
    assert false_claims(accepted, 1, Answer("feasible", 12.0, bound=11.0))
    assert not false_claims(accepted, -1, Answer("feasible", 8.0, bound=12.0))
    assert false_claims(accepted, -1, Answer("feasible", 12.0))
    assert false_claims(accepted, -1, Answer("feasible", 8.0, bound=9.0))
    assert false_claims(accepted, 1, Answer("infeasible"))
    assert false_claims(accepted, 1, Answer("unbounded"))
    assert false_claims((Right("infeasible"),), 1, Answer("feasible", 3.0))


def test_a_member_is_kept_as_it_is(tmp_path):
    data = drawn("units-mip", 1)
    data.write(tmp_path / "member.json")
    assert Data.read(tmp_path / "member.json") == data
