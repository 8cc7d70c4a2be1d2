"""A split as a flow program: one unit enters each root on the device and passes one pair of tiers at every layer.

Column ``move[n, a, b]`` is 1 where layer n runs on tier b and its input lies on tier a. What arrives at a layer on a
tier leaves from there to each of its successors. On a tree these rows describe exactly the convex hull of the
placements, so the linear relaxation is already integer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.program import Program

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .costs import PlacementCosts
    from .tree import PlacementTree


def flow_columns(tree: PlacementTree) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(columns,) node, tier of the input and tier of the layer; a root's input lies on the device only."""
    nodes, tiers = tree.exec_time.shape
    node, before, here = (axis.ravel() for axis in np.indices((nodes, tiers, tiers)))
    possible = (tree.parent[node] >= 0) | (before == 0)
    return node[possible], before[possible], here[possible]


def column_costs(costs: PlacementCosts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(columns,) cost of a layer and its input (inf where it cannot run), and of returning its result to the device."""
    tree = costs.tree
    node, before, here = flow_columns(tree)
    inward = costs.per_crossing[before, here] + tree.input_bits[node] * costs.per_bit[before, here]
    back = costs.per_crossing[here, 0] + tree.result_bits[node] * costs.per_bit[here, 0]
    return tree.exec_time[node, here] + inward, back


def exit_costs(costs: PlacementCosts) -> sparse.csr_array:
    """Return the (exits, columns) cost of each exit: its layers with their inputs, and the return of its result."""
    tree = costs.tree
    node = flow_columns(tree)[0]
    own, back = column_costs(costs)
    own = np.where(np.isfinite(own), own, 0.0)  # where a layer cannot run, its column is 0
    return sparse.csr_array(tree.passes[:, node] * own + tree.ends[:, node] * back)


def stage_seconds(costs: PlacementCosts) -> sparse.csr_array:
    """Return the (tiers + 2 links, columns) expected seconds of each stage for a request.

    A stage is a tier while it computes, a link while it carries bits away from the device, or towards it; a fixed delay
    keeps no link busy.
    """
    tree, tiers = costs.tree, costs.per_bit.shape[-1]
    node, before, here = flow_columns(tree)
    running = tree.exec_time[node, here]
    running = costs.reach[node] * np.where(np.isfinite(running), running, 0.0)
    bits = costs.reach[node] * tree.input_bits[node]
    result = (costs.weights @ tree.ends)[node] * tree.result_bits[node]
    rows = [running * (here == tier) for tier in range(tiers)]
    for link in range(tiers - 1):
        rows.append(costs.per_bit[link, link + 1] * bits * ((before <= link) & (here > link)))
    for link in range(tiers - 1):
        carried = bits * ((before > link) & (here <= link)) + result * (here > link)
        rows.append(costs.per_bit[link + 1, link] * carried)
    return sparse.csr_array(np.stack(rows))


def exit_placements(tree: PlacementTree) -> list[sparse.csr_array]:
    """For each exit the (layers * tiers, columns) sums that say on which tier each of its layers runs."""
    every, tiers = node_placements(tree), np.arange(tree.exec_time.shape[1])
    return [every[(nodes[:, None] * tiers.size + tiers).ravel()] for nodes in tree.nodes_of]


def node_placements(tree: PlacementTree) -> sparse.csr_array:
    """Return the (nodes * tiers, columns) sums that say on which tier each node runs."""
    node, _, here = flow_columns(tree)
    nodes, tiers = tree.exec_time.shape
    entries = (np.ones(node.size), (node * tiers + here, np.arange(node.size)))
    return sparse.csr_array(sparse.coo_array(entries, shape=(nodes * tiers, node.size)))


def split_program(costs: PlacementCosts, constant: float) -> Program:
    """Return the binary flow program (eq. 4.9, products of binaries linearised) with `constant` in its objective."""
    tree = costs.tree
    node, before, here = flow_columns(tree)
    tiers = tree.exec_time.shape[1]
    own, back = column_costs(costs)
    seconds = own + costs.end_share[node] * back
    available = np.isfinite(seconds)
    matrix, right = _conservation(tree, node, before, here, tiers)
    return Program(
        cost=costs.reach[node] * np.where(available, seconds, 0.0),
        matrix=matrix,
        row_lower=right,
        row_upper=right,
        lower=np.zeros(node.size),
        upper=available.astype(float),
        integrality=np.ones(node.size, bool),
        offset=constant,
        column_names=[f"move[{n},{a},{b}]" for n, a, b in zip(node, before, here, strict=True)],
        row_names=[
            f"flow[{n},{a}]" for n in range(tree.parent.size) for a in range(tiers if tree.parent[n] >= 0 else 1)
        ],
        name="stochastic_split",
    )


def _conservation(
    tree: PlacementTree, node: Any, before: Any, here: Any, tiers: int
) -> tuple[sparse.csc_array, NDArray[np.float64]]:
    """Rows ``flow[n, a]``: what leaves tier a for layer n equals what reached the parent there; 1 enters each root."""
    inner = tree.parent >= 0
    first_row = np.cumsum(np.r_[0, np.where(inner, tiers, 1)])
    columns = np.arange(node.size)
    rows, entries, values = [first_row[node] + before], [columns], [np.ones(node.size)]
    for group in tree.generations():
        child = np.full(tree.parent.size, -1)
        child[tree.parent[group]] = group
        feeds = child[node] >= 0
        rows.append(first_row[child[node[feeds]]] + here[feeds])
        entries.append(columns[feeds])
        values.append(-np.ones(int(feeds.sum())))
    shape = (int(first_row[-1]), node.size)
    place = (np.concatenate(rows), np.concatenate(entries))
    right = np.zeros(shape[0])
    right[first_row[:-1][~inner]] = 1.0
    return sparse.csc_array(sparse.coo_array((np.concatenate(values), place), shape=shape)), right


def tiers_of_flow(tree: PlacementTree, point: NDArray[np.float64]) -> NDArray[np.int64]:
    """Tier of each node in a binary point."""
    node, _, here = flow_columns(tree)
    used = point > 0.5
    tiers = np.zeros(tree.parent.size, np.int64)
    tiers[node[used]] = here[used]
    return tiers


def flow_of_tiers(tree: PlacementTree, tiers: NDArray[Any]) -> NDArray[np.float64]:
    """Binary point of a placement."""
    node, before, here = flow_columns(tree)
    source = np.where(tree.parent >= 0, tiers[tree.parent], 0)
    taken: NDArray[np.bool_] = (source[node] == before) & (tiers[node] == here)
    return taken.astype(float)
