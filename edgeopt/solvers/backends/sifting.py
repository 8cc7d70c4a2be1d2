"""Linear programs with many more bounded columns than rows: prices of the rows tell which columns matter (sifting).

At the optimal prices all but about as many columns as there are rows stand at a bound. Prices that are nearly right
come from smoothing, as for binary columns, of which this is the relaxation. The columns nearest to their threshold are
a small linear program, all others held where their reduced cost puts them; its duals tell which of those stand wrongly,
and these join it, until none does (Bixby, Gregory, Lustig, Marsten and Shanno 1992). What is left is an optimum of the
whole program, with a basis of it.

References
----------
R. E. Bixby, J. W. Gregory, I. J. Lustig, R. E. Marsten and D. F. Shanno, "Very large-scale linear programming: a case
study in combining interior point and simplex methods", Operations Research 40(5), 1992.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from ...model.basis import LOWER, UPPER
from ...model.outcome import Options, Outcome, Status
from ...model.program import Point, Program
from ...model.tolerance import ROUNDOFF, SOLVER
from ...verification.infeasibility import FarkasRay
from ...verification.linear_dual import LinearDual
from .adapter_outcome import infeasible, trivial
from .price_rounds import smoothed_prices
from .priced_points import nearest
from .row_prices import threads_of
from .standard_binaries import Standard

if TYPE_CHECKING:
    from numpy.typing import NDArray

Solve = Callable[[Program, Options], Outcome]
"""Solves a linear program, with row duals."""

_FIRST, _FURTHER, _LEAST = 10, 5, 2_000
"""Columns for each row in the first linear program and that join it at most at a time, and columns in it at least."""

_TURNS = 20
"""Linear programs before the whole one is solved."""

_NEAR_ENOUGH = 1e-3
"""What smoothing may be worth, relative to the bound, before columns are picked by the prices."""


def refusal(program: Program) -> str | None:
    """Say why a linear program is not for sifting, or None."""
    if not (np.isfinite(program.lower) & np.isfinite(program.upper)).all():
        return "sifts linear programs of which every column has finite bounds"
    return None


def sift(program: Program, options: Options, solve: Solve) -> Outcome:
    """Return an optimum with its duals and basis; `solve` is asked about linear programs over some of the columns."""
    if (known := trivial(program)) is not None:
        return known
    standard = Standard.of(_shares(program), threads_of(options))
    rows, most = standard.rows, max(_LEAST, _FIRST * program.rows)
    inside, share = np.ones(rows.columns, bool), np.zeros(rows.columns)
    if rows.columns > 2 * most:
        price = smoothed_prices(rows, _NEAR_ENOUGH, options)
        choice = rows.choice(price)
        if (refuted := standard.refutation(price, choice.bound, program)) is not None:
            return refuted
        inside[:], share[:] = False, choice.taken
        inside[nearest(choice.reduced, most)] = True
    turn = 0
    while True:
        turn += 1
        open_ = np.flatnonzero(inside)
        if turn == _TURNS or 2 * open_.size > rows.columns:
            inside[:], open_ = True, np.arange(rows.columns)
        found = solve(_program_over(standard, open_, share), replace(options, time_limit=options.remaining()))
        if found.claim is Status.INFEASIBLE:
            if inside.all():
                return _infeasible(program, standard, found)
            # With columns that are held elsewhere the rows may be satisfied: those join that cost least to move.
            inside[nearest(np.where(inside, 0.0, rows.cost), min(rows.columns, 4 * open_.size))] = True
            continue
        if found.claim is not Status.OPTIMAL or not isinstance(found.certificate, LinearDual):
            return Outcome(Status.NO_SOLUTION, message=found.message)
        share[open_] = found.decision.values
        reduced = rows.choice(found.certificate.row_dual).reduced
        gain = np.where(inside, 0.0, np.maximum(np.where(share > 0.0, reduced, -reduced), 0.0))
        if gain.sum() <= _excused(standard, share, options):
            dual, point = _dual(program, standard, found.certificate, open_, share), _point(program, standard, share)
            return Outcome.optimal(point, dual, statistics={"programs": turn, "columns": int(open_.size)})
        wrong = np.flatnonzero(gain)
        inside[wrong[np.argsort(-gain[wrong], kind="stable")][: max(_LEAST, _FURTHER * program.rows)]] = True


def _shares(program: Program) -> Program:
    """Return the program of the columns' shares, from 0 to 1, of the way from their lower bound to their upper one."""
    width = program.upper - program.lower
    matrix = program.matrix
    data = matrix.data * np.repeat(width, np.diff(matrix.indptr))
    activity = matrix @ program.lower
    return Program(
        program.cost * width,
        sparse.csc_array((data, matrix.indices, matrix.indptr), shape=matrix.shape),
        program.row_lower - activity,
        program.row_upper - activity,
        upper=(width > 0).astype(float),
        sense=program.sense,
        offset=program.offset + float(program.cost @ program.lower),
    )


def _program_over(standard: Standard, open_: NDArray[np.intp], share: NDArray[np.float64]) -> Program:
    rows, elsewhere = standard.rows, share.copy()
    elsewhere[open_] = 0.0
    activity = rows.matrix @ elsewhere
    return Program(
        rows.cost[open_],
        rows.matrix[:, open_],
        rows.lower - activity,
        rows.upper - activity,
        upper=np.ones(open_.size),
    )


def _excused(standard: Standard, share: NDArray[np.float64], options: Options) -> float:
    """Return the scaled cost that an optimum may miss: the gap asked for, or rounding."""
    asked = SOLVER if options.relative_gap is None else options.relative_gap
    terms = standard.rows.cost * share
    size = float(np.ldexp(abs(standard.objective(float(terms.sum()))), standard.cost_exponent))
    return max(asked * size, ROUNDOFF * float(np.abs(terms).sum()))


def _point(program: Program, standard: Standard, share: NDArray[np.float64]) -> Point:
    values, free = program.lower.copy(), standard.free
    low, high = program.lower[free], program.upper[free]
    values[free] = np.where(share >= 1.0, high, np.clip(low + share * (high - low), low, high))
    return Point(values)


def _dual(
    program: Program, standard: Standard, dual: LinearDual, open_: NDArray[np.intp], share: NDArray[np.float64]
) -> LinearDual:
    """Return the program's own duals, with the basis of all columns where there is one."""
    price = standard.dual(dual.row_dual)
    if dual.column_basis is None or dual.row_basis is None:
        return LinearDual(price)
    free = np.where(share > 0.0, UPPER, LOWER).astype(np.int8)
    free[open_] = dual.column_basis
    basis = np.full(program.columns, LOWER, np.int8)
    basis[standard.free] = free
    return LinearDual(price, basis, dual.row_basis)


def _infeasible(program: Program, standard: Standard, found: Outcome) -> Outcome:
    ray = found.certificate
    multiplier = np.ldexp(ray.row_multiplier, standard.row_exponent) if isinstance(ray, FarkasRay) else None
    return infeasible(program, multiplier)
