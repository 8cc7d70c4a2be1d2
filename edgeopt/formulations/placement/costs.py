"""What a placement costs: one recursion over the tree of layers, read forwards, backwards, or as a proof.

Forwards it is the latency of a placement. Backwards (from the leaves) it gives the potentials, the least expected
remaining latency of each layer on each tier. As a proof it compares given potentials with one step of that recursion:
whatever they exceed is taken off the bound, so even wrong potentials never prove too much.

Every array may carry leading batch axes, written ``...``.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.cached import cached_property

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .tree import PlacementTree


@dataclass(frozen=True, eq=False)
class PlacementCosts:
    """A tree of layers with what its transfers cost and how likely its layers are needed.

    Attributes
    ----------
    tree : PlacementTree
        Layers and their execution times.
    weights : (..., exits) float
        Probability that each exit serves.
    per_bit, per_crossing : (..., tiers, tiers) float
        Seconds for each bit, and for each tensor, from one tier to another.
    """

    tree: PlacementTree
    weights: NDArray[np.float64]
    per_bit: NDArray[np.float64]
    per_crossing: NDArray[np.float64]

    def over_batch(
        self, batch: int, function: Callable[[PlacementCosts, slice], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """(batch,) values of `function`, asked for blocks of instances that stay in cache, on all cores."""
        size = max(1, _BLOCK // self.tree.exec_time.size)
        parts = [slice(start, start + size) for start in range(0, batch, size)]
        with ThreadPoolExecutor(min(len(parts), cpu_count() or 1)) as pool:
            return np.concatenate(list(pool.map(lambda part: function(self._block(part), part), parts)))

    def _block(self, part: slice) -> PlacementCosts:
        weights = self.weights if self.weights.ndim == 1 else self.weights[part]
        per_bit = self.per_bit if self.per_bit.ndim == 2 else self.per_bit[part]
        return PlacementCosts(self.tree, weights, per_bit, self.per_crossing)

    @property
    def largest(self) -> float:
        """No latency exceeds this, nor do any of its terms; inf or nan where float64 cannot hold them."""
        tree = self.tree
        bits = np.concatenate([tree.input_bits, tree.result_bits])
        with np.errstate(over="ignore", invalid="ignore"):
            moving = bits.size * (self.per_crossing.max() + bits.max() * self.per_bit.max())
            return float(moving + tree.exec_time[np.isfinite(tree.exec_time)].sum())

    @cached_property
    def reach(self) -> NDArray[np.float64]:
        """(..., nodes) probability that a layer is executed."""
        reach: NDArray[np.float64] = self.weights @ self.tree.passes
        return reach

    @cached_property
    def share(self) -> NDArray[np.float64]:
        """(..., nodes) probability of a layer once its parent is executed (of a root: at all).

        Where the parent itself is never needed every branch counts fully: such layers cost nothing, but a sensible
        place for them is still found.
        """
        parent = self.tree.parent
        before = np.where(parent >= 0, self.reach[..., parent], 1.0)
        share: NDArray[np.float64] = np.divide(self.reach, before, out=np.ones_like(before), where=before > 0)
        return share

    @cached_property
    def end_share(self) -> NDArray[np.float64]:
        """(..., nodes) probability that an inference ends at a layer once it is executed."""
        ends = self.weights @ self.tree.ends
        sure = np.broadcast_to(self.tree.ends.max(axis=0), ends.shape).copy()
        share: NDArray[np.float64] = np.divide(ends, self.reach, out=sure, where=self.reach > 0)
        return share

    def node_latency(self, tiers: NDArray[Any]) -> NDArray[np.float64]:
        """(..., nodes) execution time of each layer plus the transfer of its input, for tiers (..., nodes)."""
        running: NDArray[np.float64] = self.tree.exec_time[np.arange(tiers.shape[-1]), tiers]
        return running + self._inward(tiers)

    def result_latency(self, tiers: NDArray[Any]) -> NDArray[np.float64]:
        """(..., nodes) time to return a result from each layer to the device."""
        return self._crossing(self.tree.result_bits, tiers * self.per_bit.shape[-1])

    def expected_latency(self, tiers: NDArray[Any]) -> Any:
        """Sum over layers of what they cost, weighted by how likely they are needed; inf where one cannot run."""
        node = self.node_latency(tiers)
        available = np.isfinite(node)
        terms = np.where(available, node, 0.0) + self.end_share * self.result_latency(tiers)
        total = (self.reach * terms).sum(axis=-1)
        return total if available.all() else np.where(available.all(axis=-1), total, np.inf)[()]

    def potentials(self) -> NDArray[np.float64]:
        """(..., nodes, tiers) least expected remaining latency from the start of each layer on each tier."""
        tree = self.tree
        value = tree.exec_time + np.swapaxes(self._returns(), -1, -2)
        for node in range(tree.parent.size - 1, -1, -1):
            if (parent := tree.parent[node]) >= 0:
                step = self.per_crossing + tree.input_bits[node] * self.per_bit + value[..., node, None, :]
                value[..., parent, :] += self.share[..., node, None] * step.min(axis=-1)
        return value

    def reduced_cost(self, potential: NDArray[np.float64], tiers: NDArray[Any]) -> Any:
        """Proven distance of a placement from the optimum: a sum of terms that are >= 0 for feasible potentials."""
        # Tiers first, nodes last: numpy is fast along a long last axis.
        value = np.ascontiguousarray(np.swapaxes(potential, -1, -2))
        entry = self._entry(value)
        allowed = self.tree.exec_time.T + self._returns()
        for group in self._generations:
            allowed[..., self.tree.parent[group]] += self.share[..., None, group] * entry[..., group]
        excess = np.subtract(value, allowed, out=np.zeros_like(allowed), where=value > allowed).max(axis=-2)
        here = _at(value, tiers)
        along = self._inward(tiers) + here - _at(entry, self._before(tiers)) + (_at(allowed, tiers) - here)
        return (self.reach * (along + excess)).sum(axis=-1)

    def _entry(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., tiers, nodes) cheapest way into each layer from each tier of its parent."""
        step: NDArray[np.float64] = self.per_bit[..., None] * self.tree.input_bits
        step += self.per_crossing[..., None]
        cheapest: NDArray[np.float64] = (step + value[..., None, :, :]).min(axis=-2)
        return cheapest

    def _returns(self) -> NDArray[np.float64]:
        """(..., tiers, nodes) expected time of the results that leave from each layer on each tier."""
        back = self.per_crossing[..., 0, None] + self.per_bit[..., 0, None] * self.tree.result_bits
        return self.end_share[..., None, :] * back

    def _before(self, tiers: NDArray[Any]) -> NDArray[Any]:
        """(..., nodes) tier on which each layer's input lies: the parent's, or the device."""
        parent = self.tree.parent
        return np.where(parent >= 0, tiers[..., parent], 0)

    def _inward(self, tiers: NDArray[Any]) -> NDArray[np.float64]:
        return self._crossing(self.tree.input_bits, self._before(tiers) * self.per_bit.shape[-1] + tiers)

    def _crossing(self, bits: NDArray[np.float64], pair: NDArray[Any]) -> NDArray[np.float64]:
        """Time of a tensor from one tier to another, for `pair` (..., nodes) = from * tiers + to."""
        return _pick(self.per_crossing, pair) + bits * _pick(self.per_bit, pair)

    @cached_property
    def _generations(self) -> list[NDArray[np.int64]]:
        return self.tree.generations()


_BLOCK = 200_000
"""Potentials of a block of instances: enough work for a thread, and still few megabytes."""


def _pick(table: NDArray[np.float64], pair: NDArray[Any]) -> NDArray[np.float64]:
    flat = table.reshape(*table.shape[:-2], -1)
    return flat[pair] if flat.ndim == 1 else np.take_along_axis(flat, pair, axis=-1)


def _at(values: NDArray[np.float64], tiers: NDArray[Any]) -> NDArray[np.float64]:
    """Entry of each node at its tier: (..., nodes) from (..., tiers, nodes)."""
    if values.ndim > 2:
        return np.take_along_axis(values, tiers[..., None, :], axis=-2)[..., 0, :]
    picked: NDArray[np.float64] = values[tiers, np.arange(tiers.size)]  # ten times faster
    return picked
