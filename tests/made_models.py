"""Small random programs that have an optimum, and what tests of models of other packages ask of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeopt.model.program import Program


@dataclass(frozen=True)
class Made:
    """Arrays of a program; rows are equations, one-sided or ranges."""

    cost: NDArray[np.float64]
    matrix: NDArray[np.float64]
    row_lower: NDArray[np.float64]
    row_upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    integral: NDArray[np.bool_]
    maximize: bool
    offset: float

    @property
    def sense(self) -> str:
        return "maximize" if self.maximize else "minimize"

    @property
    def columns(self) -> range:
        return range(self.cost.size)

    @property
    def rows(self) -> range:
        return range(self.row_lower.size)

    def row(self, i: int, x: list[object]) -> object:
        """Left side of a row over variables of any package."""
        return sum(float(a) * x[j] for j, a in enumerate(self.matrix[i]) if a)

    def goal(self, x: list[object]) -> object:
        return sum(float(c) * x[j] for j, c in enumerate(self.cost)) + self.offset

    def program(self, columns: list[str], rows: list[str], name: str = "") -> Program:
        return Program(
            self.cost,
            self.matrix,
            self.row_lower,
            self.row_upper,
            self.lower,
            self.upper,
            self.integral,
            self.sense,
            self.offset,
            columns,
            rows,
            name,
        )


def made(seed: int, *, integer: bool = False) -> Made:
    """Return a random program with a feasible point and finite bounds."""
    draw = np.random.default_rng(seed)
    columns, rows = int(draw.integers(2, 6)), int(draw.integers(1, 6))
    matrix = (draw.integers(-5, 6, (rows, columns)) * (draw.random((rows, columns)) < 0.7)).astype(float)
    matrix[np.arange(rows), draw.integers(0, columns, rows)] = draw.choice([-3.0, 2.0, 4.0], rows)
    lower = draw.integers(-4, 3, columns).astype(float)
    upper = lower + draw.integers(1, 6, columns)
    point = np.floor(draw.uniform(lower, upper + 0.999))
    at = matrix @ point
    kind = draw.integers(0, 4, rows)
    row_lower = np.where(kind == 1, -np.inf, np.where(kind == 0, at, at - draw.integers(0, 4, rows)))
    row_upper = np.where(kind == 2, np.inf, np.where(kind == 0, at, at + draw.integers(0, 4, rows)))
    integral = np.ones(columns, bool) if integer else draw.random(columns) < 0.5
    cost = draw.integers(-6, 7, columns).astype(float)
    offset = float(draw.choice([0.0, 2.0, -7.0]))
    return Made(cost, matrix, row_lower, row_upper, lower, upper, integral, bool(draw.random() < 0.5), offset)


def assert_same_numbers(found: Program, expected: Program, *, order: bool = True) -> None:
    """Every number is the same; without `order`, columns are matched by name and rows by what they say."""
    place = list(range(expected.columns))
    if not order:
        place = [list(found.column_names).index(name) for name in expected.column_names]
    assert found.sense is expected.sense
    assert found.offset == expected.offset
    for field in ("cost", "lower", "upper", "integrality"):
        np.testing.assert_array_equal(getattr(found, field)[place], getattr(expected, field), err_msg=field)
    one = np.column_stack([found.row_lower, found.row_upper, found.matrix.toarray()[:, place]])
    two = np.column_stack([expected.row_lower, expected.row_upper, expected.matrix.toarray()])
    if not order:
        one, two = (rows[np.lexsort(rows.T)] for rows in (one, two))
    np.testing.assert_array_equal(one, two)
