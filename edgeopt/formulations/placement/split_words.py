"""What side constraints may say of a split: where layers run, what each exit takes in seconds and in joules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from .energy import energy_costs
from .flow import exit_costs, exit_placements, flow_columns, node_placements, stage_seconds
from .held_bytes import held_word, node_bytes

if TYPE_CHECKING:
    from ...model.explanation import Bound
    from ..split import StochasticSplit


def split_words(problem: StochasticSplit, columns: Any) -> dict[str, Any]:
    """Return the words of a split; see its method ``words``."""
    costs, tiers, exits = problem.costs, problem.tiers, len(problem.exits)
    weights = sparse.csr_array(np.atleast_2d(problem.weights))
    fixed = np.array([entry.fixed_time for entry in problem.exits])

    def energy(compute_power: Any, radio_power: Any, receive_power: Any = None) -> Any:
        joules = exit_costs(energy_costs(costs, compute_power, radio_power, receive_power))
        return columns.linear(joules, exits=exits)

    def expected_energy(compute_power: Any, radio_power: Any, receive_power: Any = None) -> Any:
        joules = exit_costs(energy_costs(costs, compute_power, radio_power, receive_power))
        return columns.linear(weights @ joules)

    def by_node(value: Any, field: str) -> Any:
        return node_bytes(value, field, costs.tree.nodes_of)

    seconds, runs = exit_costs(costs), exit_placements(costs.tree)
    return {
        "runs": tuple(columns.linear(m, layers=m.shape[0] // tiers, tiers=tiers) for m in runs),
        "latency": columns.linear(seconds, offset=fixed, exits=exits),
        "expected_latency": columns.linear(weights @ seconds, offset=float(problem.weights @ fixed)),
        "energy": energy,
        "expected_energy": expected_energy,
        "held": held_word(columns, node_placements(costs.tree), costs.tree.parent.size, read=by_node),
        "stages": columns.linear(stage_seconds(costs), stages=3 * tiers - 2),
    }


def split_demands(problem: StochasticSplit, bounds: Sequence[Bound]) -> list[str]:
    """Return bounds of a split's program in words, each demand once."""
    tree, program = problem.costs.tree, problem.program()
    node, _, here = flow_columns(tree)
    found: dict[str, None] = {}
    for bound in bounds:
        if bound.field == "upper" and bound.value(program) == 0.0:
            exits = [k for k, nodes in enumerate(tree.nodes_of) if (nodes == node[bound.index]).any()]
            layer = int(np.flatnonzero(tree.nodes_of[exits[0]] == node[bound.index])[0])
            found[f"layer {layer} of exit {exits[0]} cannot run on tier {here[bound.index]} (exec_time)"] = None
        else:
            found["every layer runs on one tier, after the layer before it"] = None
    return list(found)
