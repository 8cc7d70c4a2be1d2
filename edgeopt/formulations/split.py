r"""Splitting a multi-exit DNN over device, edge and cloud: where each layer of each exit runs.

Zuo (2024, eq. 4.1 to 4.9) minimises the expected latency of a network with early exits, one of which is chosen by the
accuracy that a task requires. The binary program decomposes: with an exit's probability known, its layers form a
shortest-path problem over layers and tiers, so the optimum is polynomial (the paper's own future work) although the
paper searches it with a genetic algorithm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..model.batch_axis import BatchAxis
from ..model.cached import cached_property
from ..model.certificate import OptimalityCertificate
from ..model.errors import InvalidProblemError
from ..model.problem import CertifiesOptimality, Decision, HasProgram, Problem, Sense
from ..model.records import assign, number, plain, read_only, record
from .placement.costs import PlacementCosts
from .placement.demand import exit_probabilities
from .placement.exits import Exit, checked_exits
from .placement.flow import flow_of_tiers, split_program, tiers_of_flow
from .placement.links import between_tiers, doubt_units, link_delays, rate_array, seconds_per_bit
from .placement.split_words import split_demands, split_words
from .placement.tree import PlacementTree

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..model.explanation import Bound
    from ..model.kept import Floats, IntegerArrays, Kept, OptionalFloats
    from ..model.program import Program
    from .placement.demand import Distribution


@record
class SplitDecision(Decision):
    """Where every layer of every exit runs.

    Attributes
    ----------
    tiers : tuple of (layers,) int arrays
        Tier of each layer, one array for each exit: 0 device, 1 edge, 2 cloud; (batch, layers) for a batched problem.
    """

    tiers: IntegerArrays

    def __post_init__(self) -> None:
        arrays = tuple(np.array(plain(tiers, "tiers")) for tiers in self.tiers)
        for array in arrays:
            read_only(array)
        object.__setattr__(self, "tiers", arrays)


@dataclass(frozen=True, eq=False)
class NodePotentials(OptimalityCertificate):
    """Node potentials of the shortest path: no placement of what is left of an inference can be faster.

    They are the dual of the path program: a potential may not exceed the layer's own time plus, over its successors,
    the cheapest transfer and their potentials. Then those at the raw input bound every placement from below.

    Attributes
    ----------
    potential : (..., nodes, tiers) float
        Least expected remaining latency, seconds, from the start of a layer on a tier; nodes as in ``problem.tree``.
    """

    potential: NDArray[np.float64]

    def __post_init__(self) -> None:
        potential = np.asarray(self.potential, np.float64)
        assign(self, potential=read_only(potential))

    def optimality_gap(self, problem: Problem, decision: Decision) -> Any:
        """Reduced costs along the decision's paths, plus what the potentials exceed; all of them >= 0."""
        if not isinstance(problem, StochasticSplit) or not isinstance(decision, SplitDecision):
            return math.inf
        if self.potential.shape != problem.node_shape or np.isnan(self.potential).any():
            return math.inf
        nodes = problem.node_tiers(decision)
        if problem.batch is None:
            return float(problem.costs.reduced_cost(self.potential, nodes))
        return problem.costs.over_batch(
            problem.batch, lambda costs, part: costs.reduced_cost(self.potential[part], nodes[part])
        )

    def __str__(self) -> str:
        return f"node potentials of {self.potential.shape[-2]} layers on {self.potential.shape[-1]} tiers"


@record
class StochasticSplit(BatchAxis[SplitDecision], CertifiesOptimality, HasProgram[SplitDecision]):
    """Place the layers of a multi-exit DNN so that the expected latency is least (Zuo 2024, eq. 4.9).

    A task is served by the first exit that reaches the accuracy it requires. The latency of an exit is the execution
    time of its layers plus the transfer of each tensor that changes tiers; the raw input starts on the device and the
    result returns to it.

    Attributes
    ----------
    exits : sequence of Exit
        In order of depth. One that is no more accurate than an exit before it never serves (see `dominated`).
    demand : distribution or array
        Required accuracy: a frozen scipy distribution (anything with ``cdf``), :class:`DemandSamples`, or
        probabilities (exits,), or (exits + 1,) with the unmet demand last. Kept as (..., exits + 1) probabilities.
        May carry a leading batch axis.
    uplink_rate : float or (batch,) float
        Device to edge, bit/s.
    backhaul_rate : float, (tiers - 2,) or (batch, tiers - 2) float, optional
        Edge to cloud (and beyond, one rate a link), bit/s, in both directions; None for two tiers.
    downlink_rate : float or (batch,) float, optional
        Edge to device, bit/s; `uplink_rate` by default, as in the paper.
    link_delay : float or (tiers - 1,) float
        Seconds that each crossing of a link takes besides.
    shared_trunk : bool
        Whether layers common to several exits are placed once (a tree) instead of once for each exit (the paper).
    unmet_penalty : float, optional
        Seconds charged for demand above the best exit; by default the best exit serves it.

    Raises
    ------
    InvalidProblemError
        If a rate is not above 0, probabilities do not sum to 1, or shapes disagree.

    Examples
    --------
    >>> early = Exit(0.6, exec_time=[[0.02, 0.002]], output_bits=[1e5, 1e3])
    >>> final = Exit(0.8, exec_time=[[0.02, 0.002], [0.1, 0.01]], output_bits=[1e5, 1e4, 1e3])
    >>> problem = StochasticSplit([early, final], demand=[0.7, 0.3], uplink_rate=1e6)
    >>> problem.latencies(SplitDecision(([0], [0, 1])))
    array([0.02 , 0.041])
    """

    exits: Kept[tuple[Exit, ...], Sequence[Exit]]
    demand: Kept[NDArray[np.float64], ArrayLike | Distribution]
    uplink_rate: Floats
    backhaul_rate: OptionalFloats = None  # type: ignore[assignment]
    downlink_rate: OptionalFloats = None  # type: ignore[assignment]
    link_delay: Floats = 0.0  # type: ignore[assignment]
    shared_trunk: bool = False
    unmet_penalty: float | None = None

    sense: ClassVar[Sense] = Sense.MINIMIZE
    integral: ClassVar[bool] = True
    batched_fields: ClassVar[Mapping[str, int]] = {
        "demand": 1,
        "uplink_rate": 0,
        "backhaul_rate": 1,
        "downlink_rate": 0,
    }

    def __post_init__(self) -> None:
        exits = checked_exits(self.exits)
        optional = {
            name: None if (value := getattr(self, name)) is None else rate_array(value, name)
            for name in ("backhaul_rate", "downlink_rate")
        }
        assign(
            self,
            exits=exits,
            demand=read_only(exit_probabilities(self.demand, np.array([entry.accuracy for entry in exits]))),
            uplink_rate=rate_array(self.uplink_rate, "uplink_rate"),
            link_delay=link_delays(self.link_delay, exits[0].tiers - 1),
            unmet_penalty=(
                None if self.unmet_penalty is None else number(self.unmet_penalty, "unmet_penalty", at_least=0.0)
            ),
            **optional,
        )
        assign(self, costs=self._costs())
        longest = max(float(entry.exec_time[np.isfinite(entry.exec_time)].max(initial=0.0)) for entry in exits)
        doubt_units(self.uplink_rate, max(float(entry.output_bits[0]) for entry in exits), longest)

    costs: ClassVar[PlacementCosts]
    """What placements cost; built once, when the problem is."""

    def _costs(self) -> PlacementCosts:
        self.check_batch()
        # A rate too small to invert is refused below.
        up, down = seconds_per_bit(self.uplink_rate, self.downlink_rate, self.backhaul_rate, self.tiers)
        tree = PlacementTree.of(self.exits, self.shared_trunk)
        per_crossing = between_tiers(self.link_delay, self.link_delay)
        costs = PlacementCosts(tree, self.weights, between_tiers(up, down), per_crossing)
        if not costs.largest < 1e300:
            raise InvalidProblemError(
                "exec_time, output_bits and rates give latencies beyond float64; change the units"
            )
        return costs

    def pick(self, decision: SplitDecision, index: int) -> SplitDecision:
        """Decision of one instance from that of the batch."""
        return SplitDecision(tuple(tiers[index] for tiers in decision.tiers))

    def stack(self, decisions: Sequence[SplitDecision]) -> SplitDecision:
        """Decision of the batch from those of its instances."""
        return SplitDecision(tuple(np.stack(arrays) for arrays in zip(*(d.tiers for d in decisions), strict=True)))

    @property
    def tiers(self) -> int:
        """Number of tiers."""
        return self.exits[0].tiers

    @property
    def node_shape(self) -> tuple[int, ...]:
        """Shape of the potentials: (nodes, tiers), with the batch axis first where there is one."""
        shape = self.costs.tree.exec_time.shape
        return shape if self.batch is None else (self.batch, *shape)

    @cached_property
    def best_exit(self) -> int:
        """The most accurate exit (the first of them); it serves unmet demand."""
        return int(np.argmax([entry.accuracy for entry in self.exits]))

    @property
    def dominated(self) -> tuple[int, ...]:
        """Exits that are no more accurate than one before them; a distribution of demand never chooses them."""
        accuracy = np.array([entry.accuracy for entry in self.exits])
        before = np.maximum.accumulate(np.r_[-np.inf, accuracy[:-1]])
        return tuple(int(k) for k in np.flatnonzero(accuracy <= before))

    @property
    def unmet(self) -> Any:
        """Probability that a task requires more than the best exit gives."""
        return self.demand[..., -1]

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """(..., exits) probability that each exit serves; unmet demand is the best exit's unless it is penalised."""
        weights = self.demand[..., :-1].copy()
        if self.unmet_penalty is None:
            weights[..., self.best_exit] += self.demand[..., -1]
        return read_only(weights)

    @cached_property
    def constant(self) -> Any:
        """Expected seconds that no placement changes: fixed times and the penalty of unmet demand."""
        fixed = self.weights @ np.array([entry.fixed_time for entry in self.exits])
        return fixed + (self.unmet_penalty or 0.0) * self.unmet

    def check(self, decision: SplitDecision) -> None:
        """Raise unless `decision` is a :class:`SplitDecision` with one tier for each layer of each exit."""
        if not isinstance(decision, SplitDecision):
            raise InvalidProblemError(f"decision is a {type(decision).__name__}; expected a SplitDecision")
        if len(decision.tiers) != len(self.exits):
            raise InvalidProblemError(f"decision.tiers has {len(decision.tiers)} arrays; expected {len(self.exits)}")
        lead = () if self.batch is None else (self.batch,)
        for k, (tiers, entry) in enumerate(zip(decision.tiers, self.exits, strict=True)):
            if tiers.shape != (*lead, entry.layers) or tiers.dtype.kind not in "iu":
                raise InvalidProblemError(
                    f"decision.tiers[{k}] is {tiers.dtype} of shape {tiers.shape}; expected integers of shape "
                    f"{(*lead, entry.layers)}"
                )
            if tiers.min() < 0 or tiers.max() >= self.tiers:
                raise InvalidProblemError(
                    f"decision.tiers[{k}] goes from {tiers.min()} to {tiers.max()}; there are "
                    f"tiers 0 to {self.tiers - 1}"
                )

    def node_tiers(self, decision: SplitDecision) -> NDArray[np.intp]:
        """(..., nodes) tier of every node of the tree."""
        tiers = np.concatenate(decision.tiers, axis=-1)
        if not self.shared_trunk:
            return tiers.astype(np.intp, copy=False)
        nodes = np.empty((*tiers.shape[:-1], self.costs.tree.parent.size), np.intp)
        nodes[..., self._node_of_layer] = tiers
        return nodes

    def decision_at(self, nodes: NDArray[Any]) -> SplitDecision:
        """Return the decision with these tiers (..., nodes) of the tree's nodes."""
        return SplitDecision(tuple(nodes[..., of] for of in self.costs.tree.nodes_of))

    @cached_property
    def _node_of_layer(self) -> NDArray[np.int64]:
        return np.concatenate(self.costs.tree.nodes_of)

    def latencies(self, decision: SplitDecision) -> NDArray[np.float64]:
        """(..., exits) latency of each exit, seconds (eq. 4.6)."""
        return self.node_latencies(self.node_tiers(decision))

    def node_latencies(self, tiers: NDArray[Any]) -> NDArray[np.float64]:
        """(..., exits) latency of each exit for tiers (..., nodes) of the tree's nodes."""
        layers, results = self.costs.node_latency(tiers), self.costs.result_latency(tiers)
        totals = [
            layers[..., nodes].sum(axis=-1) + results[..., nodes[-1]] + entry.fixed_time
            for entry, nodes in zip(self.exits, self.costs.tree.nodes_of, strict=True)
        ]
        return np.stack(totals, axis=-1)

    def objective(self, decision: SplitDecision) -> Any:
        """Return the expected latency, seconds (eq. 4.8); (batch,) for a batched problem."""
        nodes = self.node_tiers(decision)
        if self.batch is None:
            return float(self.costs.expected_latency(nodes) + self.constant)
        latency = self.costs.over_batch(self.batch, lambda costs, part: costs.expected_latency(nodes[part]))
        return latency + self.constant

    def magnitude(self, decision: Any) -> Any:
        """Return the objective itself: all its terms have one sign."""
        return self.objective(decision)

    def violations(self, decision: SplitDecision) -> dict[str, float]:
        """Layers that run where they cannot, and layers of a shared trunk with more than one place."""
        nodes = self.node_tiers(decision)
        found = {}
        if self.shared_trunk and (nodes[..., self._node_of_layer] != np.concatenate(decision.tiers, axis=-1)).any():
            found["shared_trunk"] = 1.0
        times = self.costs.tree.exec_time
        if not self._runs_anywhere and not np.isfinite(times[np.arange(nodes.shape[-1]), nodes]).all():
            found["exec_time"] = math.inf
        return found

    @cached_property
    def _runs_anywhere(self) -> bool:
        return bool(np.isfinite(self.costs.tree.exec_time).all())

    def certify(self, decision: SplitDecision) -> NodePotentials:
        """Return the potentials that prove how good `decision` is, whoever found it."""
        return self.potentials

    @cached_property
    def potentials(self) -> NodePotentials:
        """Least expected remaining latency of every layer on every tier."""
        return NodePotentials(self.costs.potentials())

    @cached_property
    def _program(self) -> Program:
        if self.batch is not None:
            raise InvalidProblemError("a batched problem is no single program; take problem.instance(i)")
        return split_program(self.costs, float(self.constant))

    def program(self) -> Program:
        """Return the placement as a flow: one binary column for each pair of tiers that a layer's input may join."""
        return self._program

    def decode(self, point: NDArray[np.float64]) -> SplitDecision:
        """Decision of a binary point (columns,)."""
        return self.decision_at(tiers_of_flow(self.costs.tree, point))

    def encode(self, decision: SplitDecision) -> NDArray[np.float64]:
        """Binary point (columns,) of a decision."""
        return flow_of_tiers(self.costs.tree, self.node_tiers(decision))

    def words(self, columns: Any) -> dict[str, Any]:
        """Return ``runs``, ``latency``, ``expected_latency``, energies, ``stages`` and ``held(…)``.

        ``runs[k]`` (layers, tiers) is 1 where a layer of exit `k` runs on a tier. ``latency`` (exits,) is in seconds,
        fixed times included; ``expected_latency`` weighs it by how often each exit serves. ``energy(compute_power,
        radio_power, receive_power=None)`` (exits,) and ``expected_energy(…)`` are in joule, powers in watts as for
        :func:`~edgeopt.analysis.energy_fronts.energy_front`; results that return to the device are received, too.
        ``stages`` (tiers + 2 links,) are the expected seconds of a request on each tier, over each link away from the
        device, and over each towards it, without delays: the longest one limits the rate of requests. ``held(
        weight_bytes, activation_bytes=None)`` takes one array for each exit: bytes (tiers,), or (nodes, tiers) with
        what is live while a layer runs; layers of a shared trunk are held once.
        """
        return split_words(self, columns)

    def in_words(self, bounds: Sequence[Bound]) -> list[str]:
        """Return the demands behind bounds of the program: that layers run somewhere, and where they cannot."""
        return split_demands(self, bounds)

    def __repr__(self) -> str:
        lengths = [entry.layers for entry in self.exits]
        layers = ", ".join(map(str, lengths)) if len(lengths) <= 6 else f"{min(lengths)} to {max(lengths)}"
        parts = [f"{len(self.exits)} exit{'s' * (len(lengths) > 1)} of {layers} layers", f"{self.tiers} tiers"]
        parts += ["shared trunk"] if self.shared_trunk else []
        parts += [f"batch of {self.batch}"] if self.batch is not None else []
        parts += [f"dominated: {', '.join(map(str, self.dominated))}"] if self.dominated else []
        return f"StochasticSplit({', '.join(parts)})"
