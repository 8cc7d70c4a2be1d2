"""What happened to the instances of a batch: how each ended, and where its optimum has a kink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..model.basis import BASIC
from ..solvers.compiled.lp_batch import OPTIMAL, Instances, Vertices
from ..solvers.compiled.lp_scaling import batch_scaling, rescaled, scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TIED = 1e-9
"""Distance from a bound, or size of a reduced cost, that counts as none (relative to what it is compared with)."""


@dataclass(frozen=True, eq=False)
class Report:
    """What happened to each instance of the last batch.

    Attributes
    ----------
    status : (batch,) str
        ``"optimal"``, ``"infeasible"``, ``"unbounded"`` or ``"failed"``.
    degenerate : (batch,) bool
        Where a basic variable stands at a bound: the optimum has a kink in its right-hand sides, and the gradient is
        one of several.
    dual_degenerate : (batch,) bool
        Where a nonbasic variable has no reduced cost: other optima may be as good, and the one returned may jump.
    note : str
        What is to be known of the gradients.
    """

    status: NDArray[np.str_]
    degenerate: NDArray[np.bool_]
    dual_degenerate: NDArray[np.bool_]
    note: str = ""

    def __str__(self) -> str:
        names, counts = np.unique(self.status, return_counts=True)
        ended = ", ".join(f"{count} {name}" for name, count in zip(names, counts, strict=True))
        note = f"; {self.note}" if self.note else ""
        return (
            f"{self.status.size} instances: {ended or 'none'}; {int(self.degenerate.sum())} degenerate, "
            f"{int(self.dual_degenerate.sum())} dual degenerate{note}"
        )


def degeneracy(instances: Instances, found: Vertices) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(batch,) which vertices are degenerate, and which dual degenerate; see :class:`Report`."""
    scaling = batch_scaling(instances)
    instances, found = scaled(instances, scaling), rescaled(found, scaling)
    cost, lower, upper, row_lower, row_upper = instances.full()
    matrix = instances.matrix()
    activity = (matrix @ found.point.T).T
    reduced = cost - (matrix.T @ found.dual.T).T
    scale = 1.0 + np.abs(cost).max(axis=1, initial=0.0, keepdims=True)
    basic, tied = np.zeros(found.ended.size, bool), np.zeros(found.ended.size, bool)
    for value, low, high, status, dual in (
        (found.point, lower, upper, found.bases.columns, reduced),
        (activity, row_lower, row_upper, found.bases.rows, found.dual),
    ):
        met = _met(value, low) | _met(value, high)
        basic |= ((status == BASIC) & met).any(axis=1)
        tied |= ((status != BASIC) & (low < high) & (np.abs(dual) <= _TIED * scale)).any(axis=1)
    good = found.ended == OPTIMAL
    return basic & good, tied & good


def _met(value: NDArray[np.float64], bound: NDArray[np.float64]) -> NDArray[np.bool_]:
    size = np.where(np.isfinite(bound), np.abs(bound), 0.0)  # an infinite bound is never met
    met: NDArray[np.bool_] = np.abs(value - bound) <= _TIED * (1.0 + size)
    return met
