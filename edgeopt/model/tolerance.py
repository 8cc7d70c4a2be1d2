"""The tolerances by which edgeopt judges every answer: one table, used wherever a number is believed.

A tolerance excuses rounding and nothing else. It is relative to the size of what was added up to get the number that it
excuses, so that it does not depend on units: a row is measured against its own bound and terms, a gap against the
objective, an agreement of two objectives against the terms of the objective. Bounds that are called proved use none.
"""

from __future__ import annotations

import math

FEASIBILITY = 1e-9
"""Largest violation of a row, relative to ``|bound| + sum |a_ij x_j|``; a row in whole numbers must hold exactly."""

OPTIMALITY = 1e-6
"""Largest relative gap that still counts as optimal when the user asks for none."""

AGREEMENT = 1e-6
"""Largest relative difference between the objective a solver reports and the one edgeopt recomputes."""

ROUNDOFF = 1e-12
"""Gaps below this fraction of the summed magnitudes are float64 rounding, not a gap."""

UNIT = 2.0**-53
"""Relative error of one float64 operation, rounded to nearest."""

INTEGRALITY = 1e-5
"""Largest distance from an integer at which a back end's value is taken for that integer, and rounded to it."""

PROJECTION = 1e-6
"""Largest distance, in the back end's scaled units, by which a value may leave its column's bounds and is put back."""

SOLVER = 1e-9
"""Feasibility, optimality and gap tolerances that back ends are given, in their scaled units."""

INTERIOR = 1e-6
"""Largest relative error of a smoothed optimum: of its rows, and of terms that cancel in its optimality conditions."""

EQUAL = 1e-9
"""Relative difference up to which two objectives count as the same in tables, and shares as summing to 1."""

ON_TIME = 1e-12
"""Part of a deadline by which a delay may exceed it and still be on time: both are sums of rounded terms."""

NEXT_TO_NOTHING = 1e-300
"""Stands for 0 where something is divided by a number or its logarithm is taken."""


def least_count(share: float, of: int) -> int:
    """Return the smallest whole number that is at least a share of a number: 0.07 of 100 is 7, not 8 by rounding."""
    return math.ceil(share * of * (1.0 - ROUNDOFF))
