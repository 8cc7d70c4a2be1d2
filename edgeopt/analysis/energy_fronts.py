"""Latency against energy: every trade-off that no other placement beats in both, exactly.

Both objectives are sums over the tree of layers, so labels (latency, energy) of what remains can be carried backwards
through it: a label that another one beats in both can be dropped for good, whatever comes before (multi-objective
shortest path; Hansen 1980, Martins 1984). What survives at the raw input is the whole Pareto front, its points between
the corners of the convex hull included, which no weighting of the two objectives would find. Graphs have no such
labels: :mod:`~edgeopt.analysis.graph_fronts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.graph_split import GraphSplit, GraphSplitDecision
from ..formulations.placement.energy import energy_costs
from ..formulations.split import StochasticSplit
from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import number
from .graph_fronts import CLOSEST, graph_front

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from ..formulations.placement.costs import PlacementCosts


@dataclass(frozen=True, eq=False)
class EnergyFront:
    """All placements that no other beats in both expected latency and expected energy.

    Attributes
    ----------
    latency, energy : (points,) float
        Seconds, ascending, and joule, descending.
    tolerance : float
        Every placement is beaten by a point whose latency and energy do not exceed its own by more than this factor; 1
        for the exact front.
    """

    latency: NDArray[np.float64]
    energy: NDArray[np.float64]
    tolerance: float
    _problem: StochasticSplit | GraphSplit
    _tiers: NDArray[np.int8]

    def __len__(self) -> int:
        return self.latency.size

    def decision(self, point: int) -> Any:
        """Placement of a point: a decision of the problem."""
        tiers = self._tiers[point].astype(int)
        return GraphSplitDecision(tiers) if isinstance(self._problem, GraphSplit) else self._problem.decision_at(tiers)

    def fastest_within(self, energy: float) -> Any:
        """Fastest placement that needs at most `energy` joule.

        Raises
        ------
        InvalidProblemError
            If every placement needs more; says how much the least is.
        """
        available = np.flatnonzero(self.energy <= energy)
        if not available.size:
            raise InvalidProblemError(f"energy is {energy:g} J; every placement needs at least {self.energy[-1]:g} J")
        return self.decision(int(available[0]))

    def frugal_within(self, latency: float) -> Any:
        """Placement of least energy that takes at most `latency` seconds.

        Raises
        ------
        InvalidProblemError
            If every placement takes longer; says how long the fastest takes.
        """
        available = np.flatnonzero(self.latency <= latency)
        if not available.size:
            raise InvalidProblemError(f"latency is {latency:g} s; every placement takes at least {self.latency[0]:g} s")
        return self.decision(int(available[-1]))

    def frame(self) -> pd.DataFrame:
        """Return latency, energy and the number of layers that leave the device, one row a point."""
        import pandas as pd

        sent = (self._tiers > 0).sum(axis=1)
        return pd.DataFrame({"latency": self.latency, "energy": self.energy, "layers_sent": sent})


def energy_front(
    problem: StochasticSplit | GraphSplit,
    compute_power: ArrayLike,
    radio_power: ArrayLike,
    *,
    receive_power: ArrayLike | None = None,
    epsilon: float = 0.0,
    max_labels: int = 200_000,
) -> EnergyFront:
    """Return the Pareto front of expected latency and expected energy.

    Parameters
    ----------
    problem : StochasticSplit or GraphSplit
        Of a graph, every point is an integer program of its own, and points whose energies differ by less than 1e-6 of
        them count as one.
    compute_power : float or (tiers,) float
        Watts while a tier computes; a number is the device's, and the other tiers' energy does not count.
    radio_power : float or (tiers - 1,) float
        Watts while a link carries bits away from the device; a number is the first link's.
    receive_power : float or (tiers - 1,) float, optional
        Watts while it carries them towards the device; as `radio_power` by default.
    epsilon : float
        0 for the exact front. Otherwise labels within a share of each other are merged on the way, and the front is
        within a factor ``1 + epsilon`` in both objectives of the exact one.
    max_labels : int
        Most labels that a layer may carry; most points of a graph's front.

    Raises
    ------
    InvalidProblemError
        If a power is negative, shapes disagree, or the problem is a batch, or none of the two.
    InvalidOptionError
        If `epsilon` is negative, or there are more labels or points than `max_labels`; says what to do.
    NoSolutionError
        If a point of a graph's front is not solved to optimality.
    """
    if isinstance(problem, GraphSplit):
        step = max(number(epsilon, "epsilon", at_least=0.0), CLOSEST)
        objectives, tiers = graph_front(problem, (compute_power, radio_power, receive_power), step, max_labels)
        return EnergyFront(objectives[:, 0], objectives[:, 1], 1.0 + step, problem, tiers)
    if not isinstance(problem, StochasticSplit):
        raise InvalidProblemError(
            f"energy_front takes a StochasticSplit or a GraphSplit, not a {type(problem).__name__}; solve it once for "
            "each cap on the energy"
        )
    if problem.batch is not None:
        raise InvalidProblemError("energy_front takes one problem; take problem.instance(i) of a batch")
    epsilon = number(epsilon, "epsilon", at_least=0.0)
    costs = [problem.costs, energy_costs(problem.costs, compute_power, radio_power, receive_power)]
    # Each generation of layers and each merge of branches rounds once; together they stay within 1 + epsilon.
    steps = 2 * problem.costs.tree.parent.size + 1
    labels = _Labels(costs, np.log1p(epsilon) / steps, max_labels)
    objectives, tiers = labels.at_the_input()
    latency = objectives[:, 0] + float(problem.constant)
    return EnergyFront(latency, objectives[:, 1], 1.0 + epsilon, problem, tiers)


def _own(cost: PlacementCosts) -> NDArray[np.float64]:
    """(nodes, tiers) expected execution of each layer and return of its result; inf where a tier cannot run it."""
    tree = cost.tree
    back = cost.per_crossing[:, 0] + tree.result_bits[:, None] * cost.per_bit[:, 0]
    available = np.isfinite(tree.exec_time)
    expected = cost.reach[:, None] * (np.where(available, tree.exec_time, 0.0) + cost.end_share[:, None] * back)
    return np.where(available, expected, np.inf)


def _moved(cost: PlacementCosts) -> NDArray[np.float64]:
    """(nodes, tiers, tiers) expected transfer of each layer's input from tier to tier."""
    way = cost.per_crossing + cost.tree.input_bits[:, None, None] * cost.per_bit
    return cost.reach[:, None, None] * way


_SAME = 1e-12
"""Labels closer than this, relatively, in one objective are equal in it: float64 sums cannot tell them apart."""


class _Labels:
    """Non-dominated (latency, energy) of what remains, for each layer and tier, with the placement behind each."""

    def __init__(self, costs: list[PlacementCosts], rounding: float, most: int) -> None:
        self.rounding, self.most = rounding, most
        self.tree = costs[0].tree
        self.children = [np.flatnonzero(self.tree.parent == node) for node in range(self.tree.parent.size)]
        # Expected cost in both objectives, last axis, of a layer on a tier and of its input from tier to tier.
        self.own = np.stack([_own(cost) for cost in costs], axis=-1)
        self.moved = np.stack([_moved(cost) for cost in costs], axis=-1)

    def at_the_input(self) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """Return (points, 2) expected objectives and (points, nodes) tiers of the whole front."""
        nodes, tiers = self.tree.exec_time.shape
        labels: dict[int, list[tuple[NDArray[np.float64], NDArray[np.int8]]]] = {}
        for node in range(nodes - 1, -1, -1):
            branches = [labels.pop(int(child)) for child in self.children[node]]
            here = [self._here(node, tier, branches) for tier in range(tiers)]
            before = range(tiers) if self.tree.parent[node] >= 0 else (0,)
            labels[node] = [self._entered(node, tier, here) for tier in before]
        total = (np.zeros((1, 2)), np.zeros((1, nodes), np.int8))
        for root in np.flatnonzero(self.tree.parent < 0):
            total = self._added(total, labels[int(root)][0])
        return total

    def _here(self, node: int, tier: int, branches: Any) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """Labels of a layer on a tier: its own costs, weighted by how likely it runs, plus those of its successors."""
        own = self.own[node, tier]
        if not np.isfinite(own).all():
            return np.zeros((0, 2)), np.zeros((0, self.tree.parent.size), np.int8)
        placed = np.zeros((1, self.tree.parent.size), np.int8)
        placed[0, node] = tier
        total = (own[None], placed)
        for branch in branches:
            total = self._added(total, branch[tier])
        return total

    def _entered(self, node: int, before: int, here: Any) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """Labels of a layer whose input lies on a tier: the transfer to each tier, plus the labels there."""
        moved = [values + self.moved[node, before, tier] for tier, (values, _) in enumerate(here)]
        return self._best(np.concatenate(moved), np.concatenate([tiers for _, tiers in here]))

    def _added(self, first: Any, second: Any) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """Every sum of a label of each: placements of different branches combine freely."""
        count = first[0].shape[0] * second[0].shape[0]
        if count > 50 * self.most:
            self._refuse(count)
        values = (first[0][:, None] + second[0][None]).reshape(-1, 2)
        kept = self._front(values)
        i, j = np.divmod(kept, second[0].shape[0])
        return values[kept], first[1][i] + second[1][j]  # each layer is placed in one of the two

    def _best(self, values: NDArray[np.float64], tiers: NDArray[np.int8]) -> tuple[Any, Any]:
        kept = self._front(values)
        return values[kept], tiers[kept]

    def _front(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the labels that none beats in both, by latency; with rounding, one for each step of latency."""
        order = np.lexsort((values[:, 1], values[:, 0]))
        energy = values[order, 1]
        lowest = np.minimum.accumulate(np.r_[np.inf, energy[:-1]])
        kept: NDArray[np.intp] = order[energy < lowest * (1 - _SAME)]
        # What the next label equals in latency, but for rounding, it beats in energy.
        latency = values[kept, 0]
        kept = kept[np.r_[latency[1:] > latency[:-1] * (1 + _SAME), True]]
        if self.rounding > 0 and kept.size > 2:
            kept = kept[_thinned(values[kept], self.rounding)]
        if kept.size > self.most:
            self._refuse(int(kept.size))
        return kept

    def _refuse(self, count: int) -> None:
        raise InvalidOptionError(
            f"the exact front needs {count} labels at one layer, max_labels is {self.most}; raise max_labels, or set "
            "epsilon (0.001 gives a front within 0.1 % in both objectives)"
        )


def _thinned(values: NDArray[np.float64], rounding: float) -> NDArray[np.bool_]:
    """Keep the most frugal label of each step of latency (a factor e^rounding), and the fastest of all."""
    with np.errstate(divide="ignore"):
        step = np.floor(np.log(values[:, 0]) / rounding)
    keep: NDArray[np.bool_] = np.r_[
        step[1:] != step[:-1], True
    ]  # sorted by latency, so the last of a step needs least energy
    keep[0] = True
    return keep
