"""What a fast back end leaves open is settled by HiGHS and verified: an optimal basis, or proof that there is none."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from ..model.basis import LOWER, UPPER
from ..model.outcome import Status
from ..solvers.compiled.lp_batch import FAILED, INFEASIBLE, OPTIMAL, UNBOUNDED, Instances, Vertices
from ..solving.solve import solve
from ..verification.linear_dual import LinearDual

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CODE: Mapping[Status, int] = MappingProxyType(
    {
        Status.OPTIMAL: OPTIMAL,
        Status.INFEASIBLE: INFEASIBLE,
        Status.UNBOUNDED: UNBOUNDED,
        Status.FAILED: FAILED,
    }
)


def statuses(found: Vertices) -> NDArray[np.str_]:
    """(batch,) how each instance ended, in the words of :class:`Status`."""
    names = np.full(FAILED + 1, str(Status.FAILED), "<U11")
    for status, code in _CODE.items():
        names[code] = str(status)
    named: NDArray[np.str_] = names[found.ended]
    return named


def solve_open(instances: Instances, found: Vertices) -> None:
    """Solve every open instance of `found` by HiGHS, in place.

    A back end that calls an instance infeasible or unbounded is not believed either: here that is proved.
    """
    for index in np.flatnonzero(found.ended != OPTIMAL):
        solution = solve(instances.program(int(index)), "highs")
        dual = solution.certificate
        found.point[index], found.dual[index] = np.nan, np.nan
        found.ended[index] = _CODE.get(solution.status, FAILED)
        if found.ended[index] != OPTIMAL:
            continue
        if not isinstance(dual, LinearDual) or dual.column_basis is None or dual.row_basis is None:
            found.ended[index] = FAILED  # an optimum without a basis has no derivative here
            continue
        found.point[index], found.dual[index] = solution.decision.values, dual.row_dual
        found.bases.rows[index] = dual.row_basis
        # A free column at zero has no bound to answer to.
        found.bases.columns[index] = np.where(dual.column_basis > UPPER, LOWER, dual.column_basis)
