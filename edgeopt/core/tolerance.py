"""The tolerances by which edgeopt judges every answer, stated here and nowhere else.

A tolerance is relative to ``max(1, |bound|)`` where it speaks of a constraint and to the objective where it speaks of a
gap, so that 0.1 + 0.2 does not break a budget of 0.3.
"""

from __future__ import annotations

FEASIBILITY = 1e-6
"""Largest violation of a row or column bound, relative to ``max(1, |bound|)``."""

INTEGRALITY = 1e-5
"""Largest distance of an integer column from the nearest integer."""

OPTIMALITY = 1e-6
"""Largest relative gap that still counts as proved optimal when the user asks for none."""

AGREEMENT = 1e-6
"""Largest relative difference between the objective a solver reports and the one edgeopt recomputes."""

ROUNDOFF = 1e-12
"""Gaps below this fraction of the summed magnitudes are float64 rounding, not a gap."""
