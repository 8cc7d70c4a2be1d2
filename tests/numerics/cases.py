"""Programs from public reports about LP and MIP packages, and from edgeopt's own faults, each with its right answer.

Numbers of issues name the public repository they come from; inputs are written anew. A right answer is known by hand,
by enumeration, or from exact integers; where it comes from another solver the comment says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

import edgeopt as eo

from .right import INFEASIBLE, UNBOUNDED, Right, optimal

inf = math.inf


@dataclass(frozen=True)
class Case:
    """A program and what is right about it.

    Attributes
    ----------
    name : str
        Where it comes from.
    build : callable
        Makes the problem.
    rights : tuple of Right
        Acceptable answers.
    settled : bool
        Whether ``auto`` must find one of them; where not, it may say that it does not know.
    """

    name: str
    build: Callable[[], eo.Program]
    rights: tuple[Right, ...]
    settled: bool = True


def _case(name: str, build: Callable[[], eo.Program], *rights: Right, settled: bool = True) -> Case:
    return Case(name, build, rights, settled)


def _big_knapsack() -> eo.Program:
    weight = np.random.default_rng(1).integers(1, 2**50, 8).astype(float)
    return eo.Program(weight, [weight], -inf, weight.sum() // 2, 0, 1, np.ones(8, bool), sense="maximize")


def _set_cover(penalty: float) -> eo.Program:
    """14 sets, 10 elements, and for each element a slack at a price that no cover pays; optimum 17 or so."""
    rng = np.random.default_rng(3)
    member = rng.random((10, 14)) < 0.3
    member[np.arange(10), np.arange(10)] = True
    cost = np.r_[rng.integers(1, 19, 14).astype(float), np.full(10, penalty)]
    matrix = np.hstack([member.astype(float), np.eye(10)])
    return eo.Program(
        cost, matrix, 1.0, inf, 0.0, np.r_[np.ones(14), np.full(10, inf)], np.r_[np.ones(14), np.zeros(10)]
    )


def _cover_optimum() -> float:
    program = _set_cover(1e6)
    cost, matrix = program.cost[:14], program.matrix.toarray()[:, :14]
    choices = (np.arange(2**14)[:, None] >> np.arange(14)) & 1
    covered = (choices @ matrix.T >= 1).all(axis=1)
    return float((choices @ cost)[covered].min())


def _six_integers(penalty: float, seed: int) -> eo.Program:
    """Six integers and three columns with a penalty in three covering rows."""
    rng = np.random.default_rng(seed)
    matrix = np.hstack([rng.integers(0, 4, (3, 6)) + np.eye(3, 6), np.eye(3)])
    cost = np.r_[rng.integers(1, 20, 6), np.full(3, penalty)]
    return eo.Program(
        cost, matrix, rng.integers(4, 12, 3), inf, 0, np.r_[np.full(6, 5.0), np.full(3, inf)], [1] * 6 + [0] * 3
    )


def _six_optimum(seed: int) -> float:
    program = _six_integers(1e8, seed)
    grid = np.stack(np.meshgrid(*[np.arange(6)] * 6, indexing="ij"), -1).reshape(-1, 6)
    fits = (grid @ program.matrix.toarray()[:, :6].T >= program.row_lower).all(axis=1)
    return float((grid @ program.cost[:6])[fits].min())


def _logarithms() -> eo.Program:
    logs = np.log2([2.0, 3.0, 5.0, 7.0, 11.0, 13.0])
    limit = math.log2(1e9)
    return eo.Program(logs, [logs], -inf, limit, 0, np.floor(limit / logs), np.ones(6, bool), sense="maximize")


def _beale() -> eo.Program:
    rows = [[0.25, -60, -1 / 25, 9], [0.5, -90, -1 / 50, 3], [0, 0, 1, 0]]
    return eo.Program([-0.75, 150, -1 / 50, 6], rows, -inf, [0, 0, 1])


def _mean(columns: int) -> eo.Program:
    """Ones in [0, 1] whose mean must reach 0.6: coefficients of 1/K."""
    cost = np.random.default_rng(0).normal(size=columns)
    return eo.Program(cost, np.full((1, columns), 1.0 / columns), 0.6, inf, 0, 1)


def _mean_optimum(columns: int) -> float:
    cost = np.sort(_mean(columns).cost)
    count = max(int(np.count_nonzero(cost < 0)), round(0.6 * columns))
    return math.fsum(cost[:count])


def _small_units() -> eo.Program:
    return eo.RevenueMaximization([3, 2], [[1, 1]], [[1, 0.5]], [1e-9], [0.8e-9], [5e-9, 4e-9]).program()


REPORTS = [
    _case("1-highs-3043", lambda: eo.Program([2, 3], [[1, 1]], 4.5, None, 0, 10, [0, 1]), optimal(9)),
    _case(
        "2-highs-3094",
        lambda: eo.Program(
            [0, 0, 0, 0, 10, 8],
            [
                [-1000, 0, 1, 0, 0, 0],
                [0, -1000, 0, 1, 0, 0],
                [0, 0, 1, 0, 1, 0],
                [0, 0, 0, 1, 0, 1],
                [1, 1, 0, 0, 0, 0],
            ],
            [-inf, -inf, 1000, 1000, -inf],
            [0, 0, 1000, 1000, 1],
            0,
            [1, 1] + [1000] * 4,
            [1, 1, 0, 0, 0, 0],
        ),
        optimal(8000),
    ),
    _case("3-highs-1191", lambda: eo.Program([1, 1], [[1, 1]], -inf, 1, 0.5, inf, [1, 1]), INFEASIBLE),
    _case(
        "4-highs-1704",
        lambda: eo.Program([0, 1], [[100.4534, 1e12], [100.4534, -1e12]], -inf, [1e12, 0], 0, 1, [1, 1]),
        optimal(0),
    ),
    _case(
        "5-highs-1721-integers",
        lambda: eo.Program([0, 0, 1], [[1e9, 100, 1e9]], 999999998, 999999998, 0, 1, [1, 1, 1]),
        INFEASIBLE,
    ),
    _case(
        "5-highs-1721-continuous",
        lambda: eo.Program([1, 0], [[1e9, 100]], 999999998, 999999998, 0, [1, 0]),
        optimal(0.999999998),
    ),
    _case(
        "6-highs-2432",
        lambda: eo.Program(
            [-93, 25, 17],
            [[-89, -40.7, -12], [-0.1, 77.2, -23.7], [-8.6, -6.5, 72.78]],
            [3994.5, -4878.3, -4930],
            inf,
            -100,
            [120, 10, 0],
            [1, 0, 1],
        ),
        optimal(-3777.5712, rel=2e-8),
    ),
    _case(
        "7-highs-2585",
        lambda: eo.Program(
            [-24, 5, 7.4, 9],
            [
                [96.55, 0, -32.45, 88.78],
                [-3.14, -78.02, 0, 0],
                [0, 11.8, -21.94, 0],
                [0, 0, 91.59, -10.58],
                [79.17, 1.73, 0, -73.23],
                [-10.61, -94.66, 0, 76.88],
            ],
            -inf,
            [1216.06, -50.5404, 3.422, -35.25, 411.403, 195.69],
            -100,
            100,
            [0, 0, 1, 1],
        ),
        optimal(-175.91),
    ),
    _case(
        "8-highs-3274",
        lambda: eo.Program(
            [0, 1, 0, 0],
            [[0, 1, -1, 0], [1, 0, 1, -1], [0, 0, -68, -1]],
            [0, 0, -12],
            [inf, 0, inf],
            [-inf, -inf, 0, 0],
            inf,
            [1, 1, 0, 1],
        ),
        optimal(0),
    ),
    _case(
        "9-scipy-24141",
        lambda: eo.Program(
            np.ones(8),
            [
                [0, 1, 1, 0, 1, 0, 0, 0],
                [0, 0, 1, 1, 1, 0, 1, 1],
                [1, 1, 1, 1, 1, 1, 0, 1],
                [0, 1, 0, 1, 1, 1, 0, 0],
                [0, 1, 0, 0, 1, 1, 0, 1],
                [0, 1, 1, 1, 0, 1, 1, 0],
            ],
            [42, 252, 277, 41, 222, 48],
            [42, 252, 277, 41, 222, 48],
            integrality=np.ones(8, bool),
        ),
        optimal(277),
    ),
    _case(
        "10-scipy-22812",
        lambda: eo.Program(
            [0, 0, 0, 0, 0, -1],
            [[3, 2, 2, -2, 0, 1], [-3, -2, -4, 2, 0, 1], [1, 1, 1, 1, -1, 0]],
            [-inf, -inf, 1],
            [0, 0, 1],
            0,
            [3, 3, 3, 3, 2, 1],
            [1, 1, 1, 1, 1, 0],
        ),
        optimal(0),
    ),
    _case("11-scipy-16609", lambda: eo.Program([1, 0], [[0, 1]], 0.5, 0.5, 0, inf, [0, 1]), INFEASIBLE),
    # Whoever drops the coefficient reads the program as unbounded; a refusal is as good.
    _case("13-highs.jl-73", lambda: eo.Program([1], [[1e-9]], -inf, 1, sense="maximize"), optimal(1e9)),
    _case(
        "14-or-tools-3721",
        lambda: eo.Program(
            [8.77, -1],
            [[-4.29, 5.14], [1.36, 8.76], [-4.45, -2.4], [0.65, 4.37]],
            -inf,
            [828.8, 271.2, -430.23, -281.35],
            -inf,
            inf,
            sense="maximize",
        ),
        UNBOUNDED,
    ),
    _case("15-or-tools-3654", lambda: eo.Program([11, -9.5, 7.27], [[1, -1, 1]], 0, 0, 1, inf), UNBOUNDED),
    _case("16-highs-2152", lambda: eo.Program([1], [[1]], -10, inf, -inf, 1, [1]), optimal(-10)),
    _case(
        "17-highs-2997-a",
        lambda: eo.Program(
            [15, -11, 3, 16, -2],
            [[9585, -6629, 4716, -6714, 0], [0, 0, 0, 0, -2821]],
            [41129, -43339],
            [41129, -35649],
            0,
            [10, 1e5, 1e5, 1e5, 1e5],
            [1] * 5,
        ),
        optimal(-481968, rel=1e-9),
    ),
    _case(
        "17-highs-2997-b",
        lambda: eo.Program(
            [11, 7, -8, 11, -6],
            [[7, 0, -2, 0, 6], [7, -5, 0, 0, 0]],
            [-699903, -inf],
            [-699903, -699989],
            [-1e5, 0, 0, -1e5, 0],
            [10, 1e5, 10, 3, 1e5],
            [1] * 5,
        ),
        optimal(-2200169, rel=1e-9),
    ),
    _case(
        "20-highs-771",
        lambda: eo.Program([1, 0], [[0, 1], [-1e6, 1]], [1, -inf], [1, 0], [0, -inf], [1, inf], [1, 0]),
        optimal(1),
    ),
    _case(
        "21-pulp-354",
        lambda: eo.Program(
            [0, 0, 0, 0, 1],
            [
                [-1, 1, -1e8, 0, 0],
                [-1, 1, -1e8, 0, 0],
                [1, -1, 0, -1e8, 0],
                [1, -1, 0, -1e8, 0],
                [-1, 0, 0, 0, 1],
                [0, -1, 0, 0, 1],
                [-1, 1, 0, 0, 0],
            ],
            [1 - 1e8, -inf, 1 - 1e8, -inf, 0, 0, 1],
            [inf, 0, inf, 0, inf, inf, inf],
            [1, 1, 0, 0, 1],
            [8, 8, 1, 1, 8],
            [1] * 5,
            offset=-1.0,
        ),
        optimal(1),
    ),
    _case(
        "22-cvxpy-781",
        lambda: eo.Program([3.9, 958.39, 9.00719925e15], [[1, 1, 0], [0, 1, 1]], 1, inf, 0, 1, [1, 1, 1]),
        optimal(958.39),
    ),
    _case(
        "23-python-mip-273",
        lambda: eo.Program(
            [0, 0, 0, -1],
            [[2, 1, 2, 0], [0, 0.66667, 1.33333, -1], [1.33333, 0, 0, -1]],
            [-inf, 0, 0],
            [3, inf, inf],
            0,
            1,
            [1, 1, 1, 0],
        ),
        optimal(-0.66667, rel=1e-8),
    ),
    _case("24-highs-2883", lambda: eo.Program([1e25], [[1]], 0.5, inf), optimal(5e24)),
    _case("25-highs-2158", _logarithms, optimal(math.log2(1e9), rel=1e-9)),
    # Both terms are 1e6, so the rounding of one float64 in the objective is 1e-10 and more.
    _case(
        "26-two-scales-of-cost",
        lambda: eo.Program([1e6, -1e-6, 0], [[0, 1, 1]], -inf, 1e12, [1, 0, 0], inf),
        optimal(4.5e-11, slack=2e-3),
    ),
    _case(
        "28-highs-1510", lambda: eo.Program([1000, 0], [[-1e7, 1]], -inf, 0, [0, 5], [1, inf], [1, 0]), optimal(1000)
    ),
    _case(
        "29-three-sites",
        lambda: eo.Program(
            [1000, 1000, 1000, 1, 2, 3],
            [[-1e8, 0, 0, 1, 0, 0], [0, -1e8, 0, 0, 1, 0], [0, 0, -1e8, 0, 0, 1], [0, 0, 0, 1, 1, 1]],
            [-inf] * 3 + [30],
            [0] * 3 + [30],
            0,
            [1] * 3 + [inf] * 3,
            [1] * 3 + [0] * 3,
        ),
        optimal(1030),
    ),
    _case(
        "30-whole-numbers",
        lambda: eo.Program([0, 1000], [[1e9, 1]], 2e9 + 2, 2e9 + 2, 0, [10, 100], [1, 1]),
        optimal(2000),
    ),
    _case("32-parity", lambda: eo.Program([1, 1], [[2, 2]], 3000000001, 3000000001, 0, 2e9, [1, 1]), INFEASIBLE),
    _case("33-capacity-of-1e9", lambda: eo.Program([-1], [[1e9 + 900]], -inf, 1e9, 0, 1, [1]), optimal(0)),
    _case(
        "34-coefficient-1e-10",
        lambda: eo.Program([1000, 1e-9], [[1, 1e-10]], 1, inf, 0, [1, 1e10], [1, 0]),
        optimal(10),
    ),
    _case(
        "35-coefficient-1e-13",
        lambda: eo.Program([1000, 1e-12], [[1, 1e-13]], 1, inf, 0, [1, 1e13], [1, 0]),
        optimal(10),
    ),
    _case("36-coefficient-1e15", lambda: eo.Program([1], [[1e15]], 1, inf, 0, 10, [1]), optimal(1)),
    _case("36-coefficient-1e16", lambda: eo.Program([1], [[1e16]], 1, inf, 0, 10, [1]), optimal(1)),
    _case("37-knapsack-1e15", _big_knapsack, optimal(2520867763431740, rel=0.0, slack=0.5)),
    _case("38-bound-1e25", lambda: eo.Program([1], upper=1e25, sense="maximize"), optimal(1e25)),
    _case(
        "46-first-bounds", lambda: eo.Program([1, 2], [[1, 1], [1, 1]], [-inf, 2], [10, inf], 0, [1, inf]), optimal(3)
    ),
    _case("52-empty-row", lambda: eo.Program([-11, 8], [[0, 0], [-1, 0]], [0, 2], [0, 2], [-10, 0], 10), optimal(22)),
    # Infeasible as the numbers stand; with rows to within 1e-6 of their size any one of the columns is enough.
    _case(
        "53-fractional-equation",
        lambda: eo.Program([1, 1, 1], [[1, 1, 1]], 1.0000005, 1.0000005, 0, 1, [1, 1, 1]),
        INFEASIBLE,
        optimal(1),
    ),
    _case("54-no-columns", lambda: eo.Program([], offset=3.0), optimal(3)),
    _case("54-no-rows", lambda: eo.Program([1, -1], upper=[inf, 4.0]), optimal(-4)),
    _case("54-no-rows-endless", lambda: eo.Program([1, -1]), UNBOUNDED),
    _case("54-empty-row-unmet", lambda: eo.Program([1.0], [[0.0]], 1.0, 2.0), INFEASIBLE),
    _case("54-empty-row-met", lambda: eo.Program([1.0], [[0.0]], -1.0, 2.0, 3.0), optimal(3)),
    _case("54-no-cost", lambda: eo.Program([0.0, 0.0], [[1.0, 1.0]], 1.0, 2.0), optimal(0)),
    _case("54-fixed", lambda: eo.Program([2.0], lower=4.0, upper=4.0), optimal(8)),
    _case("55-beale", _beale, optimal(-0.05)),
    _case(
        "56-penalty",
        lambda: eo.Program([3, 2, 1, 1e6], [[1, 1, 1, 1]], 1, inf, 0, [1, 1, 1, inf], [1, 1, 1, 0]),
        optimal(1),
    ),
    *(
        _case(f"56-set-cover-{penalty:g}", lambda p=penalty: _set_cover(p), optimal(_cover_optimum()))
        for penalty in (1e6, 1e8, 1e10, 1e12)
    ),
    _case(
        "57-fractional-bounds",
        lambda: eo.Program(
            [40, 170, -160, 140],
            [[1.1, 0, 0.3, -0.3], [-1.4, -0.1, 2.5, -1.8], [1.4, -1.5, -1.8, -1.1]],
            -5,
            [1.9, 7.5, 1.7],
            [-1.5, -2, -3.6, -1],
            4,
            [1, 0, 0, 0],
        ),
        optimal(-832),
    ),
]

FOUND = [
    _case("small-units", _small_units, optimal(2.6e-9, slack=0.0)),
    _case("mean-of-20000", lambda: _mean(20_000), optimal(_mean_optimum(20_000))),
    _case("unbounded-beside-1e9", lambda: eo.Program(cost=[1e9, -1.0], matrix=[[1.0, 0]], row_upper=[1e6]), UNBOUNDED),
    *(
        _case(
            f"six-integers-{penalty:g}-{seed}",
            lambda p=penalty, s=seed: _six_integers(p, s),
            optimal(_six_optimum(seed)),
        )
        for penalty in (1e6, 1e8, 1e9)
        for seed in (0, 1)
    ),
    # No integer lies in [0.5, 0.999995]; 1 is within 5e-6 of it.
    _case("integer-just-below-1", lambda: eo.Program([1], lower=0.5, upper=0.999995, integrality=[1]), INFEASIBLE),
    _case(
        "parallel-to-1e-9",
        lambda: eo.Program([1, 1], [[1, -1], [1, -1 - 1e-9]], [1e-6, -inf], [inf, 0], 0, inf),
        # x >= y + 1e-6 and x <= (1 + 1e-9) y meet at y = 1000 and a little.
        optimal(2000, rel=5e-3),
    ),
    # x >= y + 1 and x <= (1 + d) y meet at y = 1 / d: a ray that drops terms of 1e-9 "proves" that they do not. With
    # rows to within 10^-12 of their size they meet a little earlier.
    _case(
        "parallel-to-1e-10",
        lambda: eo.Program([1, 1], [[1, -1], [1, -1 - 1e-10]], [1, -inf], [inf, 0], 0, inf),
        Right("optimal", 1.91e10, 2.0001e10),
    ),
    _case(
        "parallel-to-1e-11",
        lambda: eo.Program([1, 1], [[1, -1], [1, -1 - 1e-11]], [1, -inf], [inf, 0], 0, inf),
        Right("optimal", 1.19e11, 2.0001e11),
    ),
    _case(
        "parallel-apart",
        lambda: eo.Program([1, 1], [[1, -1], [1, -1]], [1e-5, -inf], [inf, 0], 0, inf),
        INFEASIBLE,
    ),
    _case(
        "parallel-endless",
        lambda: eo.Program([-1, 0], [[1, -1], [1, -1 + 1e-9]], [-inf, 0], [1, inf], 0, inf),
        UNBOUNDED,
    ),
    # Traps of a pipeline that rounds and rescales.
    _case(
        "trap-1-row-missed-by-an-ulp",
        lambda: eo.Program([1], [[0.07]], 0.35000000000000003, inf, 0, 10, [1]),
        optimal(5),
    ),
    _case("trap-2-coefficient-1e16", lambda: eo.Program([1], [[1e16]], 1, inf, 0, inf, [1]), optimal(1)),
    _case("trap-3-divisor", lambda: eo.Program([1, 1], [[2, 2]], 3000000001, 3000000001, 0, inf, [1, 1]), INFEASIBLE),
    _case(
        "trap-4-reduced-cost-1e-17",
        lambda: eo.Program([1.0, 1.0 - 2**-53], [[1.0, 1.0]], 1.0, inf),
        optimal(1.0),
    ),
    _case(
        "trap-4-endless-by-1e-12",
        lambda: eo.Program([1.0, -1.0 - 1e-12], [[1.0, -1.0]], 0.0, 0.0),
        UNBOUNDED,
        settled=False,
    ),
    # 0.1 * 3 is not 0.3: the second row is the first one times 3, rounded. Exactly the rows meet where the objective is
    # 5 / 3; with each to within its rounding the optimum is 9 / 7.
    _case(
        "trap-5-scaled-equations",
        lambda: eo.Program(
            [1, 2, 3], [[0.1, 0.2, 0.7], [0.1 * 3, 0.2 * 3, 0.7 * 3]], [0.3, 0.3 * 3], [0.3, 0.3 * 3], 0, 10
        ),
        Right("optimal", 9 / 7 - 2e-6, 5 / 3 + 2e-6),
    ),
    _case(
        "trap-6-float-point-of-no-integer",
        lambda: eo.Program([1, 1, 0], [[1e6, 1e6, -2e6]], 1e6 + 1e-1, 1e6 + 1e-1, 0, 1e3, [1, 1, 1]),
        INFEASIBLE,
    ),
]

STALLS = _case(
    "19-highs-3241",
    lambda: eo.Program(
        [0, -16, 0, 3, 2],
        [[61, 78, 96, -95, 0]],
        -234999999998910,
        -234999999998910,
        [-1e12, -1e12, -1e12, 0, 0],
        [1e12, 6, 1e12, 1e12, 10],
        [1] * 5,
    ),
    optimal(2463157894638, rel=0.0, slack=0.5),
)
"""HiGHS 1.14 does not return from this one at its time limit."""

CASES = [*REPORTS, *FOUND]


def negated(case: Case) -> Case:
    """Return the same program as a maximisation: what is right is right with the other sign."""

    def build() -> eo.Program:
        program = case.build()
        other = "minimize" if program.sense == "maximize" else "maximize"
        return replace(program, cost=-program.cost, offset=-program.offset, sense=other)

    rights = tuple(right if right.low is None else Right("optimal", -right.high, -right.low) for right in case.rights)
    return Case(f"{case.name}-negated", build, rights, case.settled)
