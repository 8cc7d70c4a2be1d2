"""Convex quadratic programs whose optima were worked by hand."""

from __future__ import annotations

import numpy as np

from ...model.program import Program
from ...model.squares import Squares
from ..case import Case


def cases() -> list[Case]:
    """Return quadratic programs, over continuous and over integer columns, whose optima were worked by hand."""
    inf, none = np.inf, np.zeros(2)
    two = np.eye(2)
    return [
        # The target (1, 2) lies beyond the row; the nearest point of the row is (0, 1).
        Case(
            "projection",
            Program(none, [[1.0, 1.0]], row_upper=[1.0], lower=-inf, squares=Squares(two, [-1.0, -2.0])),
            "optimal",
            2.0,
        ),
        # x + 2 y less x^2 + 2 y^2 is largest at (1/2, 1/2).
        Case(
            "maximum",
            Program([1.0, 2.0], sense="maximize", offset=1.0, squares=Squares(two, weight=[1.0, 2.0])),
            "optimal",
            1.75,
        ),
        Case("at its bounds", Program(none, upper=1.0, squares=Squares(two, [-3.0, 2.0])), "optimal", 8.0),
        Case("flat", Program(none, upper=4.0, squares=Squares([[1.0, 1.0]], [-3.0])), "optimal", 0.0),
        # t^2 / 4 + (1 - t)^2 is least at t = 4/5.
        Case(
            "portfolio",
            Program(none, [[1.0, 1.0]], [1.0], [1.0], squares=Squares(two, none, [0.25, 1.0])),
            "optimal",
            0.2,
        ),
        # The squares leave the second column alone.
        Case(
            "mixed with costs",
            Program([0.0, 1.0], [[1.0, 1.0]], [2.0], squares=Squares([[1.0, 0.0]], [-1.0])),
            "optimal",
            0.75,
        ),
        Case(
            "other units",
            Program(
                none, [[1e7, 1e-8]], row_upper=[2.0], squares=Squares(np.diag([1e7, 1e-8]), [-3.0, -1.0], [1e6, 1e6])
            ),
            "optimal",
            2e6,
            1e7,
        ),
        Case(
            "infeasible",
            Program([0.0], [[1.0], [1.0]], [2.0, -inf], [inf, 1.0], squares=Squares([[1.0]])),
            "infeasible",
        ),
        Case("unbounded", Program([0.0, -1.0], squares=Squares([[1.0, 0.0]])), "unbounded"),
        # (x - 1.4)^2 + (y - 0.6)^2 over x + y <= 1: (1, 0) before (0, 1).
        Case(
            "integers",
            Program(
                none, [[1.0, 1.0]], row_upper=[1.0], upper=3.0, integrality=True, squares=Squares(two, [-1.4, -0.6])
            ),
            "optimal",
            0.52,
        ),
        Case(
            "infeasible integers",
            Program([0.0], [[2.0]], [1.0], [1.0], upper=9.0, integrality=True, squares=Squares([[1.0]])),
            "infeasible",
        ),
    ]
