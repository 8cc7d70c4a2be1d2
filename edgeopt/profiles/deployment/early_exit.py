"""An early-exit network at run time: the trunk runs once, exits are asked in order, and the first sure one answers.

A stage is what an exit needs beyond the exits before it. It is cut into parts by tier, so that the same stages run in
one process or on several machines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...formulations.graph_split import GraphSplitDecision
from ...formulations.placement.links import between_tiers, link_delays, rate_array, seconds_per_bit
from ...formulations.split import SplitDecision
from ...model.errors import InvalidProblemError
from ...model.records import float_array
from ..capture import Capture, Dynamic, capture
from ..capture.placement import placed_pieces, scheduled
from ..dnn import LayerTable
from ..partition import Part, compare_parts, parts_of_runs
from .confidence import ExitRule

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import fx


@dataclass(frozen=True)
class ExitAnswer:
    """What an early-exit network answers.

    Attributes
    ----------
    exit : int
        The exit that answered.
    result : torch.Tensor
        Its logits.
    """

    exit: int
    result: torch.Tensor


@dataclass(frozen=True)
class EarlyExits:
    """The stages of an early-exit network.

    Attributes
    ----------
    stages : tuple of tuples of Part
        For each exit, the parts that it needs beyond those before it, in the order in which they run.
    layers : tuple of tuples of str
        The layers of each stage.
    """

    stages: tuple[tuple[Part, ...], ...]
    layers: tuple[tuple[str, ...], ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts in the order in which they run."""
        return tuple(part for stage in self.stages for part in stage)

    def run(self, inputs: Mapping[str, Any], rule: ExitRule) -> ExitAnswer:
        """Run the stages on one sample until an exit is sure enough; later stages are not run.

        Parameters
        ----------
        inputs : mapping
            The network's inputs by the names of the parts' ports, a batch of one.
        rule : ExitRule
            When to leave.

        Raises
        ------
        InvalidProblemError
            If the rule has another number of exits, or an exit gives no single row of logits.
        """
        if rule.exits != len(self.stages):
            raise InvalidProblemError(f"the rule has {rule.exits} exits; the network has {len(self.stages)}")
        values, answers = dict(inputs), list[Any]()
        for exit, stage in enumerate(self.stages):
            for part in stage:
                given = part.module(*(values[port.name] for port in part.inputs))
                for port, value in zip(part.outputs, given if len(part.outputs) > 1 else (given,), strict=True):
                    values[port.name] = value
            answers.append(values[self.result_of(exit)])
            if tuple(answers[-1].shape[:-1]) not in ((), (1,)):
                raise InvalidProblemError(
                    f"exit {exit} gives shape {tuple(answers[-1].shape)}; expected one sample's logits, (1, classes)"
                )
            if rule.leaves([answer.reshape(-1) for answer in answers]):
                break
        return ExitAnswer(len(answers) - 1, answers[-1])

    def result_of(self, exit: int) -> str:
        """Name of the port that carries the result of an exit."""
        return next(port.name for part in self.parts for port in part.outputs if exit in port.result)

    def latencies(
        self,
        seconds: Mapping[str, Sequence[float]],
        uplink_rate: float,
        backhaul_rate: Any = None,
        downlink_rate: float | None = None,
        link_delay: Any = 0.0,
    ) -> NDArray[np.float64]:
        """Predict the latency of a sample that leaves at each exit, seconds (exits,).

        All stages up to the exit run, also those of the exits that were asked before it: a formulation that charges an
        exit its own path alone charges less. Every tensor crosses a link once; the result returns to the device.

        Parameters
        ----------
        seconds : mapping
            Seconds of each layer on each tier.
        uplink_rate, backhaul_rate, downlink_rate, link_delay
            As in :class:`~edgeopt.formulations.split.StochasticSplit`.

        Raises
        ------
        InvalidProblemError
            If a layer has no times, or rates are not one for each link.
        """
        tiers = max(part.tier for part in self.parts) + 1
        links = max(tiers, 2 + np.size(backhaul_rate) if backhaul_rate is not None else 2)
        backhaul = None if backhaul_rate is None else rate_array(backhaul_rate, "backhaul_rate")
        downlink = None if downlink_rate is None else rate_array(downlink_rate, "downlink_rate")
        uplink = rate_array(uplink_rate, "uplink_rate")
        per_bit = between_tiers(*seconds_per_bit(uplink, downlink, backhaul, links))
        delays = link_delays(link_delay, links - 1)
        per_tensor = between_tiers(delays, delays)
        times = [_seconds(seconds, stage, parts) for stage, parts in zip(self.layers, self.stages, strict=True)]
        return self._latencies(times, per_bit, per_tensor)

    def _latencies(
        self, times: Sequence[float], per_bit: NDArray[np.float64], per_tensor: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        held: dict[str, set[int]] = {port.name: {0} for part in self.parts for port in part.inputs}
        held |= {port.name: {part.tier} for part in self.parts for port in part.outputs}
        bits = {port.name: port.bits for part in self.parts for port in (*part.inputs, *part.outputs)}

        def moved(name: str, to: int) -> float:
            near = min(held[name], key=lambda tier: abs(tier - to))
            held[name] |= set(range(min(near, to), max(near, to) + 1))
            return float(bits[name] * per_bit[near, to] + per_tensor[near, to]) if near != to else 0.0

        found, total = [], 0.0
        for exit, (stage, seconds) in enumerate(zip(self.stages, times, strict=True)):
            total += seconds + sum(moved(port.name, part.tier) for part in stage for port in part.inputs)
            name = self.result_of(exit)
            before = set(held[name])
            found.append(total + moved(name, 0))
            held[name] = before  # only who leaves here sends it
        return np.array(found)


def split_exits(
    model: torch.nn.Module | Capture,
    decision: Any = None,
    example_input: Any = None,
    *,
    example_kwargs: Mapping[str, Any] | None = None,
    dynamic: Dynamic = "batch",
) -> EarlyExits:
    """Cut an early-exit network into stages, and each stage by tier.

    Parameters
    ----------
    model : torch.nn.Module or Capture
        A network whose results are its exits, the earliest first.
    decision : SplitDecision, GraphSplitDecision or None
        Tier of each unit of each exit's chain, the same where exits share a unit (``StochasticSplit`` with
        ``shared_trunk=True``); or the tier of each layer of the table; or everything on tier 0.
    example_input, example_kwargs, dynamic
        As in :func:`~edgeopt.profiles.capture.capture`.

    Raises
    ------
    InvalidProblemError
        If exits place a layer on different tiers, the decision does not fit, or the network cannot be captured.
    """
    captured = model if isinstance(model, Capture) else capture(model, example_input, example_kwargs, dynamic)
    table = LayerTable.of(captured)
    graph = table.cuts.graph
    tiers = _tiers_of_layers(table, decision)
    layer_of = {node: layer for layer, nodes in enumerate(table.nodes) for node in nodes if node in graph.place}
    stage_of: dict[fx.Node, int] = {}
    for exit, output in enumerate(graph.outputs):
        for node in graph.up_to([output]).operators:
            stage_of.setdefault(node, exit)
    stages = []
    for exit in range(len(graph.outputs)):
        own = {node: layer for node, layer in layer_of.items() if stage_of.get(node, len(graph.outputs) - 1) == exit}
        stages.append(scheduled(graph, {node: int(tiers[layer]) for node, layer in own.items()}, own))
    runs = [run for stage in stages for run in stage]
    pieces = placed_pieces(table.cuts, [run for _, run in runs])
    parts = parts_of_runs(table, layer_of, runs, pieces)
    compare_parts(parts, graph, captured)
    bounds = np.cumsum([0, *(len(stage) for stage in stages)])
    seen: set[str] = set()
    layers = []
    for exit in range(len(stages)):
        names = [name for part in parts[bounds[exit] : bounds[exit + 1]] for name in part.units if name not in seen]
        seen.update(names)
        layers.append(tuple(dict.fromkeys(names)))
    return EarlyExits(tuple(tuple(parts[bounds[k] : bounds[k + 1]]) for k in range(len(stages))), tuple(layers))


def _tiers_of_layers(table: LayerTable, decision: Any) -> NDArray[np.int64]:
    count = len(table.layers)
    if decision is None:
        return np.zeros(count, np.int64)
    if isinstance(decision, GraphSplitDecision):
        if decision.tiers.shape != (count,):
            raise InvalidProblemError(f"the decision has {decision.tiers.shape} tiers; the table has {count} layers")
        return np.asarray(decision.tiers, np.int64)
    if not isinstance(decision, SplitDecision) or len(decision.tiers) != len(table.outputs):
        raise InvalidProblemError(f"expected a SplitDecision of {len(table.outputs)} exits, or a GraphSplitDecision")
    place = {name: index for index, name in enumerate(table.names)}
    tiers = np.full(count, -1)
    for exit, (chain, of) in enumerate(zip(table.exits(), decision.tiers, strict=True)):
        if of.shape != (chain.units,):
            raise InvalidProblemError(f"decision.tiers[{exit}] has shape {of.shape}; expected ({chain.units},)")
        for unit, tier in zip(chain.parts(), of, strict=True):
            for layer in chain.table.layers[unit]:
                index = place[layer.name]
                if tiers[index] not in (-1, tier):
                    raise InvalidProblemError(
                        f"exits place layer {layer.name} on tiers {tiers[index]} and {tier}; solve the problem with "
                        f"shared_trunk=True"
                    )
                tiers[index] = tier
    return tiers


def _seconds(seconds: Mapping[str, Sequence[float]], layers: tuple[str, ...], parts: tuple[Part, ...]) -> float:
    tier_of = {name: part.tier for part in parts for name in part.units}
    total = 0.0
    for name in layers:
        if name not in seconds:
            raise InvalidProblemError(f"seconds has no layer {name!r}; expected all that the network has")
        times = float_array(seconds[name], f"seconds[{name!r}]", ndim=1)
        if tier_of[name] >= len(times):
            raise InvalidProblemError(f"seconds[{name!r}] has {len(times)} tiers; the layer runs on {tier_of[name]}")
        total += float(times[tier_of[name]])
    return total
