"""Splitting a network of any data flow: where each layer of a general graph runs.

Chains and trees of exits are :class:`~edgeopt.formulations.split.StochasticSplit`. Where paths part and meet again
(Inception, DenseNet) no order of layers is a chain; then a minimum cut decides (DADS, Hu et al. 2019), for any number
of tiers, as long as they stand in a line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..model.cached import cached_property
from ..model.certificate import OptimalityCertificate
from ..model.errors import InvalidProblemError
from ..model.problem import Decision, HasProgram, Problem, Sense
from ..model.program import Program
from ..model.records import assign, float_array, number, plain, read_only, record, require
from .placement.cut_network import SINK, SOURCE, CutNetwork, cut_program, place_auxiliary_nodes
from .placement.data_flow import data_flow, exec_times, returned
from .placement.energy import all_powers, joules
from .placement.graph_words import graph_words
from .placement.links import between_tiers, doubt_units, link_delays, rate_array, seconds_per_bit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..model.explanation import Bound
    from ..model.kept import Floats, Integers, Kept, Names, OptionalFloats


@record
class GraphSplitDecision(Decision):
    """Where every layer runs.

    Attributes
    ----------
    tiers : (layers,) int
        Tier of each layer: 0 device, 1 edge, 2 cloud.
    """

    tiers: Integers

    def __post_init__(self) -> None:
        tiers = np.array(plain(self.tiers, "tiers"))
        assign(self, tiers=read_only(tiers))


@dataclass(frozen=True, eq=False)
class CutFlow(OptimalityCertificate):
    """A flow through the cut network: no placement takes less time than flows from source to sink.

    Attributes
    ----------
    flow : (arcs,) float
        Seconds on each arc of ``problem.network``.
    """

    flow: NDArray[np.float64]

    def __post_init__(self) -> None:
        flow = np.array(self.flow, np.float64)
        assign(self, flow=read_only(flow))

    def optimality_gap(self, problem: Problem, decision: Decision) -> float:
        """Latency of the decision minus the value of the flow, of which whatever it violates is taken off."""
        if not isinstance(problem, GraphSplit) or not isinstance(decision, GraphSplitDecision):
            return math.inf
        network = problem.network
        if self.flow.shape != network.capacities.shape or not np.isfinite(self.flow).all():
            return math.inf
        flow = np.clip(self.flow, 0.0, network.capacities)
        surplus = np.zeros(network.nodes)
        np.add.at(surplus, network.starts, flow)
        np.subtract.at(surplus, network.ends, flow)
        lost = np.abs(surplus).sum() - abs(surplus[SOURCE]) - abs(surplus[SINK])
        return float(problem.objective(decision) - (surplus[SOURCE] - lost))

    def __str__(self) -> str:
        return f"maximum flow over {self.flow.size} arcs: no cut is cheaper"


@record
class GraphSplit(HasProgram[GraphSplitDecision]):
    """Place the layers of a network with any data flow so that the latency is least (Hu et al. 2019).

    The latency is the execution time of all layers plus the transfer of every tensor over each link that it has to
    cross, once however many layers need it there. The raw input starts on the device, results return to it.

    Attributes
    ----------
    exec_time : (layers, tiers) float
        Execution time of each layer on each tier, seconds, >= 0; inf where a tier cannot run a layer.
    edges : (edges, 2) int
        Producer and consumer of each tensor; producer -1 is the raw input. Layers may come in any order.
    input_bits : float
        Bits of the raw input.
    output_bits : (layers,) float
        Bits of each layer's output.
    uplink_rate, backhaul_rate, downlink_rate, link_delay
        As in :class:`~edgeopt.formulations.split.StochasticSplit`; `link_delay` for each tensor and link.
    outputs : sequence of int, optional
        Layers whose results return to the device; those without consumers by default.
    names : tuple of str, optional
        Names of the layers.

    Raises
    ------
    InvalidProblemError
        If shapes disagree, a value is negative or nan, a layer can run nowhere or reads nothing, or the graph has a
        cycle.

    Examples
    --------
    >>> diamond = [(-1, 0), (0, 1), (0, 2), (1, 3), (2, 3)]
    >>> problem = GraphSplit([[1, 9], [8, 1], [8, 1], [1, 9]], diamond, 9, [2, 1, 1, 0], 1)
    >>> problem.objective(GraphSplitDecision([0, 1, 1, 0]))  # 1 + 1 + 1 + 1, tensor 0 sent once, tensors 1 and 2 back
    8.0
    """

    exec_time: Floats
    edges: Kept[NDArray[np.int64], ArrayLike]
    input_bits: float
    output_bits: Floats
    uplink_rate: Floats
    backhaul_rate: OptionalFloats = None  # type: ignore[assignment]
    downlink_rate: OptionalFloats = None  # type: ignore[assignment]
    link_delay: Floats = 0.0  # type: ignore[assignment]
    outputs: Kept[tuple[int, ...], Sequence[int] | None] = None  # type: ignore[assignment]
    names: Names = ()  # type: ignore[assignment]

    sense: ClassVar[Sense] = Sense.MINIMIZE
    integral: ClassVar[bool] = True

    def __post_init__(self) -> None:
        times = exec_times(self.exec_time)
        layers, tiers = times.shape
        bits = float_array(self.output_bits, "output_bits")
        if bits.shape != (layers,):
            raise InvalidProblemError(f"output_bits has shape {bits.shape}; expected ({layers},), one for each layer")
        require("output_bits", bits, bits >= 0, "must be a number of bits, >= 0")
        names = tuple(str(name) for name in self.names)
        if names and len(names) != layers:
            raise InvalidProblemError(f"names has {len(names)} entries; expected {layers}, one for each layer")
        optional = {
            name: None if (value := getattr(self, name)) is None else rate_array(value, name)
            for name in ("backhaul_rate", "downlink_rate")
        }
        assign(
            self,
            exec_time=times,
            edges=data_flow(self.edges, layers),
            output_bits=bits,
            names=names,
            input_bits=number(self.input_bits, "input_bits", at_least=0.0),
            uplink_rate=rate_array(self.uplink_rate, "uplink_rate"),
            link_delay=link_delays(self.link_delay, tiers - 1),
            **optional,
        )
        assign(self, outputs=returned(self.outputs, self.edges, layers))
        if self.uplink_rate.ndim or (self.downlink_rate is not None and self.downlink_rate.ndim):
            raise InvalidProblemError("uplink_rate and downlink_rate are numbers here; a graph has no batch axis")
        _ = self._per_bit
        doubt_units(self.uplink_rate, self.input_bits, float(times[np.isfinite(times)].max()))

    @classmethod
    def of(cls, table: Any, devices: Sequence[Any], uplink_rate: Any, **rest: Any) -> GraphSplit:
        """Return the problem of a network's layer table, its times predicted by one device model for each tier.

        Parameters
        ----------
        table : LayerTable
            What ``LayerTable.from_module`` returns.
        devices : sequence of DeviceModel
            One for each tier, the device first.
        uplink_rate, **rest
            The other fields.

        Raises
        ------
        InvalidProblemError
            If the work of an operation in the table is not known, or a device model has nothing for a kind of layer.
        """
        table.require_counted()
        layers = table.frame()
        times = np.stack([device.predict(layers).seconds for device in devices], axis=1)
        bits = layers["output_bits"].to_numpy()
        return cls(
            times, table.edges, table.input_bits, bits, uplink_rate, outputs=table.outputs, names=table.names, **rest
        )

    @property
    def layers(self) -> int:
        """Number of layers."""
        return int(self.exec_time.shape[0])

    @property
    def tiers(self) -> int:
        """Number of tiers."""
        return int(self.exec_time.shape[1])

    @cached_property
    def consumers(self) -> list[NDArray[np.int64]]:
        """Layers that read each tensor: of the raw input first, then of each layer."""
        order = np.argsort(self.edges[:, 0], kind="stable")
        bounds = np.searchsorted(self.edges[order, 0], np.arange(-1, self.layers + 1))
        return [self.edges[order[a:b], 1] for a, b in pairwise(bounds)]

    @cached_property
    def _per_link(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(tiers - 1,) seconds per bit over each link, away from the device and towards it."""
        return seconds_per_bit(self.uplink_rate, self.downlink_rate, self.backhaul_rate, self.tiers)

    @cached_property
    def _per_bit(self) -> NDArray[np.float64]:
        per_bit = between_tiers(*self._per_link)
        bits = max(self.input_bits, float(self.output_bits.max()))
        with np.errstate(over="ignore"):
            largest = 2 * (self.layers + 1) * (bits * per_bit.max() + self._per_crossing.max())
            largest += self.exec_time[np.isfinite(self.exec_time)].sum()
        if not largest < 1e300:
            raise InvalidProblemError("exec_time, output_bits and rates give latencies beyond float64; change units")
        return per_bit

    @cached_property
    def _per_crossing(self) -> NDArray[np.float64]:
        return between_tiers(self.link_delay, self.link_delay)

    def crossing(self, tensor: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Seconds of a tensor over each link, away from the device and towards it; -1 is the raw input."""
        bits = self.input_bits if tensor < 0 else float(self.output_bits[tensor])
        up, down = self._per_link
        return bits * up + self.link_delay, bits * down + self.link_delay

    @cached_property
    def network(self) -> CutNetwork:
        """Network whose minimum cut is the optimum."""
        return CutNetwork.of(self.exec_time, self.consumers, self.outputs, self.crossing)

    def check(self, decision: GraphSplitDecision) -> None:
        """Raise unless `decision` is a :class:`GraphSplitDecision` with one tier for each layer."""
        if not isinstance(decision, GraphSplitDecision):
            raise InvalidProblemError(f"decision is a {type(decision).__name__}; expected a GraphSplitDecision")
        tiers = decision.tiers
        if tiers.shape != (self.layers,) or tiers.dtype.kind not in "iu":
            raise InvalidProblemError(
                f"decision.tiers is {tiers.dtype} of shape {tiers.shape}; expected integers of shape ({self.layers},)"
            )
        if tiers.min() < 0 or tiers.max() >= self.tiers:
            raise InvalidProblemError(
                f"decision.tiers goes from {tiers.min()} to {tiers.max()}; there are tiers 0 to {self.tiers - 1}"
            )

    def objective(self, decision: GraphSplitDecision) -> float:
        """Latency in seconds."""
        tiers = decision.tiers.astype(np.intp)
        at = np.r_[0, tiers]  # of each tensor: the raw input first
        nearest, farthest = at.copy(), at.copy()
        np.minimum.at(nearest, self.edges[:, 0] + 1, tiers[self.edges[:, 1]])
        np.maximum.at(farthest, self.edges[:, 0] + 1, tiers[self.edges[:, 1]])
        nearest[np.array(self.outputs, int) + 1] = 0
        bits = np.r_[self.input_bits, self.output_bits]
        sent = sum(bits * self._per_bit[at, to] + self._per_crossing[at, to] for to in (nearest, farthest))
        return float(self.exec_time[np.arange(self.layers), tiers].sum() + np.sum(sent))

    def magnitude(self, decision: Any) -> float:
        """Return the objective itself: all its terms have one sign."""
        return self.objective(decision)

    def violations(self, decision: GraphSplitDecision) -> dict[str, float]:
        """Layers that run where they cannot."""
        available = np.isfinite(self.exec_time[np.arange(self.layers), decision.tiers])
        return {} if available.all() else {"exec_time": math.inf}

    @cached_property
    def _program(self) -> Program:
        return cut_program(self.network)

    def program(self) -> Program:
        """Return the minimum cut as a program: which nodes lie on the source side, and which arcs are cut."""
        return self._program

    def decode(self, point: NDArray[np.float64]) -> GraphSplitDecision:
        """Decision of a binary point (columns,)."""
        links = self.tiers - 1
        return GraphSplitDecision((point[: self.layers * links].reshape(-1, links) > 0.5).sum(axis=1))

    def encode(self, decision: GraphSplitDecision) -> NDArray[np.float64]:
        """Binary point (columns,) of a decision."""
        network, links = self.network, self.tiers - 1
        side = np.zeros(network.nodes)
        side[SOURCE] = 1.0
        beyond = (decision.tiers[:, None] > np.arange(links)).astype(float)
        side[2 : 2 + beyond.size] = beyond.ravel()
        place_auxiliary_nodes(network, side, 2 + beyond.size)
        finite = np.isfinite(network.capacities)
        cut = np.maximum(side[network.starts] - side[network.ends], 0.0)
        point: NDArray[np.float64] = np.r_[side[2:], cut[finite]]
        return point

    def words(self, columns: Any) -> dict[str, Any]:
        """Return ``runs``, ``latency``, ``energy(…)``, ``stages`` and ``held(…)``.

        ``runs`` (layers, tiers) is 1 where a layer runs on a tier. ``latency`` (seconds) and ``energy(compute_power,
        radio_power, receive_power=None)`` (joule, powers in watts as for :class:`~edgeopt.StochasticSplit`) may be
        bounded from above only: the columns that they sum may lie above what the placement needs. So may ``stages``
        (tiers + 2 links,), the seconds of a frame on each tier, over each link away from the device, and over each
        towards it, without delays. ``held(weight_bytes, activation_bytes=None)`` is (tiers,) bytes of weights, or
        (layers, tiers) of all weights and what is live while that layer runs: their maximum is what a tier needs.
        """
        return graph_words(self, columns)

    def energy_network(self, compute_power: Any, radio_power: Any, receive_power: Any = None) -> CutNetwork:
        """Return the network with joule in place of seconds; a fixed delay of a link costs no energy."""
        computing, sending, receiving = all_powers(compute_power, radio_power, receive_power, self.tiers)
        up, down = self._per_link

        def crossing(tensor: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            bits = self.input_bits if tensor < 0 else float(self.output_bits[tensor])
            return bits * up * sending, bits * down * receiving

        return CutNetwork.of(joules(self.exec_time, computing), self.consumers, self.outputs, crossing)

    def in_words(self, bounds: Sequence[Bound]) -> list[str]:
        """Return what a placement is: the program says nothing else."""
        return ["every layer runs on one tier that can run it, and every tensor crosses the links on its way"]

    def __repr__(self) -> str:
        return f"GraphSplit({self.layers} layers, {len(self.edges)} edges, {self.tiers} tiers)"
