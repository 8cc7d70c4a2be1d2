"""What side constraints may say of a pipelined split, and what a bound of its program demands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..placement.explained import explained
from .pipeline_program import latency_row, run_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.explanation import Bound, Explanation
    from .problem import PipelinedSplit


def pipeline_words(problem: PipelinedSplit, columns: Any) -> dict[str, Any]:
    """Return the words of a pipelined split; see its method ``words``."""
    layers, tiers = problem.layers, problem.tiers
    width = layers * (tiers - 1) + 1

    def wide(matrix: Any) -> Any:
        return sparse.hstack([matrix, sparse.csr_array((matrix.shape[0], width - matrix.shape[1]))])

    runs = sparse.vstack([run_rows(layers, tiers, tier) for tier in range(tiers)])
    order = np.arange(layers * tiers).reshape(tiers, layers).T.ravel()  # by layer, then by tier
    device = np.zeros((layers, tiers))
    device[:, 0] = 1.0
    matrix, constant = latency_row(problem)
    return {
        "runs": columns.linear(wide(sparse.csr_array(runs)[order]), offset=device, layers=layers, tiers=tiers),
        "latency": columns.linear(wide(matrix), offset=constant),
        "period": columns.block(width - 1, extreme=1),
    }


def pipeline_demands(problem: PipelinedSplit, bounds: Sequence[Bound]) -> list[str]:
    """Return bounds of a pipelined split's program in words, each demand once."""
    names = problem.program().row_names
    kinds = [names[bound.index].split("[")[0] for bound in bounds if bound.field.startswith("row")]
    said = {
        "latency": f"the latency is at most {problem.max_latency} s (max_latency)",
        "stage": "the period is the longest stage, of every tier and link",
        "max_period": f"the period is at most {problem.max_period} s (max_period)",
        "memory": "every tier holds its weights and activations (memory)",
        "together": "some layers stay on one tier (together)",
        "cannot_run": "some layers cannot run on some tiers (exec_time)",
    }
    return list(dict.fromkeys(said.get(kind, "tiers do not fall along the chain") for kind in kinds))


def pipeline_explained(problem: PipelinedSplit) -> Explanation:
    """Return why no placement fits, with the cheapest change of memory and caps."""
    program = problem.program()
    kinds = np.array([name.split("[")[0] for name in program.row_names])

    def fields(upper: NDArray[np.float64]) -> dict[str, Any]:
        more, found = upper - program.row_upper, dict[str, Any]()
        for name, kind in (("max_latency", "latency"), ("max_period", "max_period")):
            if (moved := more[kinds == kind]).any():
                found[name] = getattr(problem, name) + float(moved.max())
        if (moved := more[kinds == "memory"]).any():
            memory = problem.memory.copy()
            # There is a row for each layer of a tier whose memory is limited.
            memory[np.isfinite(memory)] += moved.reshape(-1, problem.layers).max(axis=1)
            found["memory"] = memory
        return found

    return explained(problem, np.flatnonzero(np.isin(kinds, ["latency", "max_period", "memory"])), fields)
