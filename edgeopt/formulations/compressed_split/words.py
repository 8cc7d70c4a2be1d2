"""What side constraints may say of a compressed split, and what a bound of its program demands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..placement.explained import explained
from ..placement.held_bytes import held_word
from .moves import move_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.explanation import Bound, Explanation
    from .problem import CompressedSplit


def compressed_words(problem: CompressedSplit, columns: Any) -> dict[str, Any]:
    """Return the words of a compressed split; see its method ``words``."""
    moves = move_columns(problem.moves.possible)
    tensor, before, here, precision = moves
    layers, tiers, ways = problem.layers, problem.tiers, problem.sent_bits.shape[1]

    def indicators(rows: Any, where: Any, count: int) -> Any:
        used = np.flatnonzero(where)
        return sparse.coo_array((np.ones(used.size), (rows[used], used)), shape=(count, tensor.size))

    def total(values: Any) -> Any:
        return columns.linear(sparse.csr_array(values[moves][None]))

    runs = indicators(tensor * tiers + here, tensor < layers, layers * tiers)
    found = {
        "runs": columns.linear(runs, layers=layers, tiers=tiers),
        "held": held_word(columns, runs, layers),
        "sent": columns.linear(
            indicators(tensor * ways + precision, before != here, (layers + 1) * ways),
            tensors=layers + 1,
            precisions=ways,
        ),
        "latency": total(problem.seconds),
        "lost": total(problem.lost),
    }
    return found if problem.compute_power is None else found | {"energy": total(problem.joules)}


def compressed_demands(problem: CompressedSplit, bounds: Sequence[Bound]) -> list[str]:
    """Return bounds of a compressed split's program in words, each demand once."""
    program, found = problem.program(), dict[str, None]()
    flows = program.rows - len(problem.moves.names)
    for bound in bounds:
        if bound.field.startswith("row") and bound.index >= flows:
            name = problem.moves.names[bound.index - flows]
            said = {
                "accuracy_floor": f"the accuracy is at least {problem.accuracy_floor:g}",
                "max_energy": f"the energy is at most {problem.max_energy} J",
                "max_latency": f"the latency is at most {problem.max_latency} s",
            }
            found[f"{said[name]} ({name})"] = None
        else:
            found["every layer runs on one tier that can run it, after the layer before it"] = None
    return list(found)


def compressed_explained(problem: CompressedSplit) -> Explanation:
    """Return why no placement keeps the caps, with the cheapest change of the caps."""
    names, program = problem.moves.names, problem.program()
    first = program.rows - len(names)

    def fields(upper: NDArray[np.float64]) -> dict[str, Any]:
        moved = {name: float(cap) for name, cap in zip(names, upper[first:], strict=True)}
        kept = dict(zip(names, program.row_upper[first:].tolist(), strict=True))
        found = {name: cap for name, cap in moved.items() if cap != kept[name]}
        if "accuracy_floor" in found:
            found["accuracy_floor"] = problem.accuracy - found["accuracy_floor"]
        return found

    return explained(problem, np.arange(first, program.rows), fields)
