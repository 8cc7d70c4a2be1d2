"""Programs made of a program, whose optimal bases prove what the program itself has no optimum to show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from ..model.problem import Sense
from ..model.program import IndexedNames, Program
from ..model.scaling import matrix_scaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Box = tuple[NDArray[np.float64], NDArray[np.float64]]


def without_cost(program: Program) -> Program:
    """Return the program with zero cost: never unbounded, so it tells infeasible from unbounded."""
    return replace(program, cost=np.zeros(program.columns), offset=0.0, sense=Sense.MINIMIZE, squares=None)


def equilibrated(program: Program) -> Program:
    """Return the linear relaxation as back ends get it, costs aside: bases of programs made of it refer to this one."""
    relaxed = program.relaxation() if program.integral else program
    return matrix_scaling(relaxed).apply(relaxed)


def least_violation(program: Program) -> Program:
    """Return the program of the least total violation of the rows; it is positive where they cannot all hold."""
    rows, columns = program.rows, program.columns
    violation = sparse.eye_array(rows, format="csc")
    return Program(
        np.concatenate([np.zeros(columns), np.ones(2 * rows)]),
        sparse.hstack([program.matrix, violation, -violation]),
        program.row_lower,
        program.row_upper,
        np.concatenate([program.lower, np.zeros(2 * rows)]),
        np.concatenate([program.upper, np.full(2 * rows, np.inf)]),
    )


def with_square_rows(program: Program) -> Program:
    """Return the linear program in which the expressions that are squared are rows, at the values at which they are 0.

    Its rows, with prices and slopes, are those of the dual of a quadratic program; and a direction along which these
    rows keep their activity is one along which no square grows.
    """
    squares = program.squares
    if squares is None:
        return program
    return replace(
        program,
        matrix=sparse.vstack([program.matrix, squares.matrix]),
        row_lower=np.concatenate([program.row_lower, -squares.offset]),
        row_upper=np.concatenate([program.row_upper, -squares.offset]),
        row_names=IndexedNames("row", program.rows + squares.count),
        squares=None,
    )


def recession(program: Program) -> Program:
    """Return the program of the best direction, of entries up to 1, along which no bound is ever left, no square grows.

    Its rows are those of the program and one for each square.
    """
    program = with_square_rows(program)
    limits = {"row_lower": -np.inf, "row_upper": np.inf, "lower": -1.0, "upper": 1.0}
    bounds = {name: np.where(np.isfinite(getattr(program, name)), 0.0, free) for name, free in limits.items()}
    return replace(program.relaxation(), offset=0.0, **bounds)  # type: ignore[arg-type]
