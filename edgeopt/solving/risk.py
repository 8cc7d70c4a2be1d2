"""Programs with which floating-point branch and bound is known to go wrong, or not to return."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..verification.propagation import propagated

if TYPE_CHECKING:
    from ..model.program import Program

_RISKY_RANGE = 1e6
"""Ratio of coefficients, or size of whole numbers, from which one engine's word is not enough."""

STALLING_RANGE = 1e8
"""Size of whole numbers from which HiGHS may not return, whatever its time limit (HiGHS issues 3241 and 3267)."""


CP_SAT_STALLS = 1e11
"""The same for CP-SAT, seen with columns of 1e12 in a row with coefficients of 3."""


def risky(program: Program) -> bool:
    """Whether an integer program has numbers with which the word of one floating-point engine is not enough."""
    sizes = [np.abs(array[array != 0]) for array in (program.matrix.data, program.cost)]
    if any(size.size and size.max() / size.min() >= _RISKY_RANGE for size in sizes):
        return True
    reach = np.maximum(np.abs(program.lower), np.abs(program.upper))[program.integrality]
    return bool((np.isfinite(reach) & (reach >= _RISKY_RANGE)).any())


def may_stall(program: Program, size: float = STALLING_RANGE) -> bool:
    """Whether an engine may not return from an integer program: a whole number may reach `size`, as the rows tell."""
    if not program.integral or not _far(program.lower, program.upper, program.integrality, size):
        return False
    return _far(*propagated(program), program.integrality, size)


def _far(lower: np.ndarray, upper: np.ndarray, integrality: np.ndarray, least: float) -> bool:
    # Columns without a bound are searched in no end of nodes, between which HiGHS looks at its clock.
    sizes = [np.where(np.isfinite(side), np.abs(side), 0.0)[integrality] for side in (lower, upper)]
    return any(bool((size >= least).any()) for size in sizes)
