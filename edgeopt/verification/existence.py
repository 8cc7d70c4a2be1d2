"""How large the solution of a linear system is at most, by float64 alone: the system is never solved exactly.

If ``E = I - M C`` is small, whatever matrix C is, then ``M x = r`` has the solution ``x = C (r + E r + E E r + …)``; so
there is one of size ``|C| (|r| + e / (1 - e) max |r|)``, ``e`` being the largest row sum of ``|E|`` (Rump 2010,
section 10). Every rounding error of the computation is added.

References
----------
S. M. Rump, "Verification methods: rigorous results using floating-point arithmetic", Acta Numerica 19, 2010.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.linalg import solve_triangular

from ..model.tolerance import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_EQUATIONS, MOST_ENTRIES = 1500, 4_000_000
"""Size up to which a dense approximate inverse is computed: a few seconds."""

_LARGEST_DEFECT = 0.5
"""Row sum of the defect from which on the matrix counts as too close to a singular one."""


def solution_size(matrix: Any, right: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return (unknowns,) bounds such that ``matrix @ x = r`` has a solution within them for every ``|r| <= right``.

    Parameters
    ----------
    matrix : (equations, unknowns) sparse
        Coefficients.
    right : (equations,) float
        Sizes of the right-hand sides.

    Returns
    -------
    array or None
        None where the system is too large, or its equations are close to dependent.
    """
    equations, unknowns = matrix.shape
    if not 0 < equations <= min(MOST_EQUATIONS, unknowns) or equations * unknowns > MOST_ENTRIES:
        return None
    dense = sparse.csr_array(matrix).toarray()
    orthogonal, triangle = np.linalg.qr(dense.T)
    if not np.diagonal(triangle).all():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        inverse = orthogonal @ solve_triangular(triangle, np.eye(equations), trans="T", check_finite=False)
        defect = np.abs(np.eye(equations) - dense @ inverse)
        rounding = (unknowns + 4) * UNIT * (np.abs(dense) @ np.abs(inverse))
        sums = (defect + rounding).sum(axis=1) * (1.0 + 4 * (equations + unknowns) * UNIT)
    worst = float(sums.max())
    if not worst <= _LARGEST_DEFECT:
        return None
    total = right + worst / (1.0 - worst) * float(right.max()) * (1.0 + 8 * UNIT)
    size: NDArray[np.float64] = (np.abs(inverse) @ total) * (1.0 + 4 * (equations + 2) * UNIT)
    return np.nextafter(size, np.inf)
