"""Models of highspy: what ``h.getLp()`` holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.problem import Sense
from ...model.program import Program
from .shared import distinct, not_a_model, refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .answer import Answer


def from_highspy(h: Any) -> Program:
    """Read the model of a ``highspy.Highs`` as a program.

    Bounds that HiGHS takes for infinite (1e20 by its options) are infinite. Columns and rows without a name are
    called ``x[j]`` and ``row[i]``.

    Parameters
    ----------
    h : highspy.Highs
        Or a ``highspy.HighsLp``.

    Raises
    ------
    InvalidProblemError
        If a column is semi-continuous, or the objective is quadratic; names it.
    """
    import highspy

    lp = _linear(h)
    columns = distinct(_names(lp.col_names_, lp.num_col_), "x")
    infinite = highspy.kHighsInf if lp is h else h.getOptionValue("infinite_bound")[1]
    row_lower, row_upper, lower, upper = (
        _bounds(side, infinite) for side in (lp.row_lower_, lp.row_upper_, lp.col_lower_, lp.col_upper_)
    )
    return Program(
        np.array(lp.col_cost_, dtype=float),
        _matrix(lp),
        row_lower,
        row_upper,
        lower,
        upper,
        _integral(lp, columns),
        sense=Sense.MAXIMIZE if lp.sense_ == highspy.ObjSense.kMaximize else Sense.MINIMIZE,
        offset=float(lp.offset_),
        name=lp.model_name_,
        column_names=columns,
        row_names=distinct(_names(lp.row_names_, lp.num_row_), "row"),
    )


def _linear(h: Any) -> Any:
    """Return the ``HighsLp`` of a model whose objective is linear."""
    import highspy

    if isinstance(h, highspy.HighsLp):
        return h
    if not isinstance(h, highspy.Highs):
        raise not_a_model(h, "from_highspy", "a highspy.Highs")
    if quadratic := np.count_nonzero(h.getModel().hessian_.value_):
        raise refused(
            "the objective of the highspy model",
            f"has {quadratic} quadratic terms, which no linear program holds",
            "leave them out, or solve it with HiGHS itself",
        )
    return h.getLp()


def assign_highspy(h: Any, answer: Answer) -> None:
    """Hand the values over as the solution of the ``Highs`` object, where ``h.val`` and ``h.getSolution`` read them.

    Duals go with them where HiGHS gives back what it was given: HiGHS 1.14 computes the reduced costs of a solution
    from outside anew, as cost plus price of the rows, so that it gets none.
    """
    import highspy

    if not isinstance(h, highspy.Highs):
        raise not_a_model(h, "solution.assign", "a highspy.Highs (a HighsLp holds no values)")
    lp = h.getLp()
    names = distinct(_names(lp.col_names_, lp.num_col_), "x")
    found = highspy.HighsSolution()
    found.col_value = answer.values(names, "highspy").tolist()
    duals = answer.row_duals(distinct(_names(lp.row_names_, lp.num_row_), "row"))
    reduced = None if duals is None else answer.reduced_costs(names, "highspy")
    if duals is not None and reduced is not None:
        found.row_dual, found.col_dual = duals.tolist(), reduced.tolist()
        h.setSolution(found)
        given = h.getSolution()
        if _equal(given.row_dual, duals) and _equal(given.col_dual, reduced):
            return
        found.row_dual, found.col_dual = [], []
    if h.setSolution(found) == highspy.HighsStatus.kError:
        raise refused("HiGHS", "does not take the solution", "read solution.decision.values instead")


def _equal(given: Any, expected: NDArray[np.float64]) -> bool:
    return np.shape(given) == expected.shape and bool(np.allclose(given, expected, rtol=1e-9, atol=1e-9))


def _names(given: Sequence[str], count: int) -> list[str]:
    return list(given) if len(given) == count else [""] * count


def _bounds(given: Any, infinite: float) -> NDArray[np.float64]:
    bounds = np.array(given, dtype=float)
    return np.where(np.abs(bounds) >= infinite, np.copysign(np.inf, bounds), bounds)


def _matrix(lp: Any) -> sparse.csc_array:
    import highspy

    held = lp.a_matrix_
    parts = (np.array(held.value_, dtype=float), np.array(held.index_), np.array(held.start_))
    if held.format_ == highspy.MatrixFormat.kColwise:
        starts = parts[2] if parts[2].size else np.zeros(lp.num_col_ + 1, int)
        return sparse.csc_array((*parts[:2], starts), shape=(lp.num_row_, lp.num_col_))
    starts = parts[2] if parts[2].size else np.zeros(lp.num_row_ + 1, int)
    return sparse.csc_array(sparse.csr_array((*parts[:2], starts), shape=(lp.num_row_, lp.num_col_)))


def _integral(lp: Any, names: list[str]) -> NDArray[np.bool_]:
    import highspy

    kinds = highspy.HighsVarType
    for j, kind in enumerate(lp.integrality_):
        if kind in (kinds.kSemiContinuous, kinds.kSemiInteger):
            raise refused(
                f"column {names[j]!r} of the highspy model",
                "is semi-continuous, which no linear program holds",
                "write it with a binary column y: lower * y <= x <= upper * y",
            )
    if not len(lp.integrality_):
        return np.zeros(lp.num_col_, dtype=bool)
    # What HiGHS calls an implied integer is continuous: its rows make it whole by themselves.
    return np.array([kind == kinds.kInteger for kind in lp.integrality_], dtype=bool)
