"""A quadratic program's optimum in exact arithmetic, from which of its rows and columns stand at their bounds.

The point at which nothing can be gained within these bounds, its row prices and the slopes of its squares solve linear
equations (Karush, Kuhn and Tucker), whose numbers are those of the program itself. They are solved and checked as the
equations of a linear program's basis are.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..model.basis import BasisStatus
from ..model.errors import NoSolutionError
from .rational import ExactVertex, exact_dot, exact_dual_violation, exact_excess, resting_value, solved_exactly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.program import Program


def exact_optimum(
    program: Program, column_status: NDArray[np.int8], row_status: NDArray[np.int8], *, limit: int = 2000
) -> ExactVertex:
    """Return the exact stationary point of a quadratic program with rows and columns at the bounds that codes say.

    Parameters
    ----------
    column_status, row_status : (columns,), (rows,) int8
        Codes of :class:`~edgeopt.model.basis.BasisStatus`; basic ones are off their bounds.
    limit : int
        Most equations that are solved.

    Returns
    -------
    ExactVertex
        Of the program as it is, its objective that is to be small; both violations are 0 if and only if it is optimal.

    Raises
    ------
    NoSolutionError
        If the codes are not those of this program, or the equations are too many, singular or too ill-conditioned.
    """
    squares, sign = program.squares, program.sense.sign
    assert squares is not None
    if column_status.shape != (program.columns,) or row_status.shape != (program.rows,):
        raise NoSolutionError("the certificate says nothing of which rows and columns stand at their bounds")
    is_free = column_status == BasisStatus.BASIC
    free, tight = np.flatnonzero(is_free).tolist(), np.flatnonzero(row_status != BasisStatus.BASIC).tolist()
    count = squares.count
    equations = len(free) + 2 * count + len(tight)
    if equations > limit:
        raise NoSolutionError(f"the optimum solves {equations} equations; an exact check takes at most {limit}")
    point = [resting_value(program.lower, program.upper, column_status, j) for j in range(program.columns)]
    form, rows = sparse.csr_array(squares.matrix), program.rowwise
    part, held = form[:, free], rows[tight][:, free]
    # Unknown are the free columns, what is squared, the slopes, and the prices with their signs turned.
    square = sparse.block_array(
        [
            [part, -sparse.eye_array(count), None, None],
            [None, sparse.diags_array(2.0 * squares.weight), -sparse.eye_array(count), None],
            [None, None, part.T, held.T],
            [held, None, None, None],
        ],
        format="csr",
    )
    costs = (sign * program.cost).tolist()
    sides = [resting_value(program.row_lower, program.row_upper, row_status, i) for i in tight]
    wanted = [
        *(-Fraction(g) - exact_dot(form, i, point, skip=is_free) for i, g in enumerate(squares.offset.tolist())),
        *(Fraction(0) for _ in range(count)),
        *(-Fraction(costs[j]) for j in free),
        *(side - exact_dot(rows, i, point, skip=is_free) for i, side in zip(tight, sides, strict=True)),
    ]
    solved = solved_exactly(square, wanted)
    for place, j in enumerate(free):
        point[j] = solved.fraction(place)
    values = [solved.fraction(len(free) + i) for i in range(count)]
    slopes = [solved.fraction(len(free) + count + i) for i in range(count)]
    prices = {i: -solved.fraction(len(free) + 2 * count + place) for place, i in enumerate(tight)}
    return _checked(program, point, values, slopes, prices)


def _checked(
    program: Program,
    point: list[Fraction],
    values: list[Fraction],
    slopes: list[Fraction],
    prices: dict[int, Fraction],
) -> ExactVertex:
    """Point with its objective and by how much it and its prices violate what an optimum must satisfy."""
    squares: Any = program.squares
    sign, rows = program.sense.sign, program.rowwise
    activity = [exact_dot(rows, i, point) for i in range(program.rows)]
    total = Fraction(sign * program.offset)
    total += sum((Fraction(sign * c) * x for c, x in zip(program.cost.tolist(), point, strict=True) if c), Fraction(0))
    total += sum((Fraction(w) * z * z for w, z in zip(squares.weight.tolist(), values, strict=True)), Fraction(0))
    # Slopes stand beside the prices, as prices of rows that hold whatever the point.
    matrix = sparse.vstack([program.matrix, squares.matrix], format="csc")
    dual = prices | {program.rows + i: -slope for i, slope in enumerate(slopes)}
    none = np.zeros(squares.count)
    violation = exact_dual_violation(
        sign * program.cost,
        matrix,
        {i: price for i, price in dual.items() if price},
        (np.r_[program.row_lower, none], np.r_[program.row_upper, none]),
        (program.lower, program.upper),
        point,
        [*activity, *(Fraction(0) for _ in slopes)],
    )
    excess = max(
        exact_excess(point, program.lower, program.upper), exact_excess(activity, program.row_lower, program.row_upper)
    )
    return ExactVertex(total, excess, violation, tuple(point))
