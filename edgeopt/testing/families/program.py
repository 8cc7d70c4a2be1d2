"""Bare programs whose optima were worked by hand."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from ...model.program import Program
from ..case import Case


def cases() -> list[Case]:
    """Return bare programs whose optima were worked by hand."""
    inf = np.inf
    knapsack = Program(
        [5.0, 4.0, 3.0], [[2.0, 3.0, 1.0]], row_upper=[5.0], upper=1.0, integrality=True, sense="maximize"
    )
    return [
        Case("lp", Program([-3.0, -5.0], [[1, 0], [0, 2], [3, 2]], row_upper=[4.0, 12.0, 18.0]), "optimal", -36.0),
        Case(
            "maximise",
            Program([3.0, 5.0], [[1, 0], [0, 2], [3, 2]], row_upper=[4.0, 12.0, 18.0], sense="maximize", offset=2.0),
            "optimal",
            38.0,
        ),
        Case("equality", Program([1.0, 2.0, 0.0], [[1.0, 1.0, 1.0]], [1.0], [1.0]), "optimal", 0.0),
        Case("free", Program([1.0, 1.0], [[1.0, 2.0], [3.0, 1.0]], [4.0, 6.0], lower=-inf), "optimal", 2.8),
        Case("range", Program([-1.0], [[1.0]], [2.0], [3.0], upper=[10.0]), "optimal", -3.0),
        Case("degenerate", Program([-1.0, -1.0], [[1, 0], [1, 0], [1, 1]], row_upper=[1.0, 1.0, 2.0]), "optimal", -2.0),
        Case("tied", Program([1.0, 1.0], [[1.0, 1.0]], [1.0]), "optimal", 1.0),
        Case("box", Program([1.0, -1.0], lower=[-2.0, 0.0], upper=[3.0, 4.0]), "optimal", -6.0),
        Case("single", Program([2.0], lower=[1.0]), "optimal", 2.0),
        Case("small costs", Program([1e-200, 2e-200], [[1.0, 1.0]], [1.0]), "optimal", 1e-200, 1e-200),
        Case("large costs", Program([1e200, 2e200], [[1.0, 1.0]], [1.0]), "optimal", 1e200, 1e200),
        Case("sparse", Program(np.ones(40), sparse.eye_array(40), np.arange(40.0)), "optimal", 780.0),
        Case("infeasible", Program([1.0], [[1.0], [1.0]], [2.0, -inf], [inf, 1.0]), "infeasible"),
        Case("crossed bounds", Program([1.0], lower=[2.0], upper=[1.0]), "infeasible"),
        Case("unbounded", Program([-1.0, 0.0], [[1.0, -1.0]], [0.0], [0.0]), "unbounded"),
        Case("knapsack", knapsack, "optimal", 9.0),
        Case(
            "integers",
            Program([-1.0, -1.0], [[2.0, 1.0], [1.0, 2.0]], row_upper=[4.0, 4.0], upper=9.0, integrality=True),
            "optimal",
            -2.0,
        ),
        Case("infeasible integers", Program([1.0], [[2.0]], [1.0], [1.0], upper=[9.0], integrality=True), "infeasible"),
    ]
