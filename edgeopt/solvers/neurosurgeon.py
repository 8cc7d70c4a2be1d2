"""Neurosurgeon (Kang et al. 2017): the device runs the first layers, one server the rest, for latency or for energy.

Neurosurgeon knows no early exits: here every exit is a network of its own and gets its own cut. It knows no memory
either: of a language model it takes the fastest of the cuts that fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.compressed_split import NothingFits
from ..formulations.language_split import LanguageSplit
from ..formulations.placement.single_cuts import cheapest, single_cuts
from ..formulations.split import StochasticSplit
from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.outcome import Options, Outcome, Status
from ..model.records import number
from ..model.solver import solver

if TYPE_CHECKING:
    from numpy.typing import NDArray


@solver(
    "neurosurgeon",
    solves=(StochasticSplit, LanguageSplit),
    exact=False,
    options=("time_limit", "threads"),
    own_options=("objective", "compute_power", "radio_power"),
)
def neurosurgeon(problem: StochasticSplit | LanguageSplit, options: Options) -> Outcome:
    """Cut every exit once, device first, for the server and the depth that cost least.

    Own options: `objective` (``"latency"`` or ``"energy"`` of the device), and for energy `compute_power` (watts while
    the device computes) and `radio_power` (watts while its radio sends or receives).
    """
    goal = options.extra.get("objective", "latency")
    if goal not in ("latency", "energy"):
        raise InvalidOptionError(f"objective is {goal!r}; expected 'latency' or 'energy'")
    if goal == "latency" and set(options.extra) & {"compute_power", "radio_power"}:
        raise InvalidOptionError("compute_power and radio_power belong to objective='energy'")
    if isinstance(problem, LanguageSplit):
        if goal == "energy":
            raise InvalidOptionError("objective is 'energy'; a language split knows none, only 'latency'")
        return _language_cut(problem)
    candidates = single_cuts(problem, [(0, server) for server in range(1, problem.tiers)])
    if goal == "latency":
        return Outcome.feasible(cheapest(problem, candidates, problem.node_latencies))
    watts = [_power(options, name) for name in ("compute_power", "radio_power")]
    return Outcome.feasible(cheapest(problem, candidates, lambda tiers: device_energy(problem, tiers, *watts)))


def _language_cut(problem: LanguageSplit) -> Outcome:
    """Cut a language model once, device first, for the server and the depth that take least and fit."""
    if refutation := NothingFits.of(problem.moves, count=False):
        return Outcome(Status.INFEASIBLE, certificate=refutation)
    layers, tiers = np.shape(problem.prefill_time)
    depth = np.arange(layers + 1)[:, None]
    places = np.concatenate([np.where(np.arange(layers) < depth, 0, server) for server in range(1, tiers)])
    costs = problem.moves.costs_of(places, np.zeros((len(places), layers + 1), np.int64))
    best = int(costs.argmin())
    if not np.isfinite(costs[best]):
        return Outcome(Status.NO_SOLUTION, message="no single cut fits into the memory")
    return Outcome.feasible(problem.placement(places[best]))


def _power(options: Options, name: str) -> float:
    if name not in options.extra:
        raise InvalidOptionError(f"objective='energy' needs {name}, in watts")
    try:
        return number(options.extra[name], name, at_least=0.0)
    except InvalidProblemError as error:
        raise InvalidOptionError(str(error)) from error


def device_energy(
    problem: StochasticSplit, tiers: NDArray[Any], compute_power: float, radio_power: float
) -> NDArray[np.float64]:
    """(candidates, exits) energy of the device in joule: computing, and its radio over the first link."""
    costs, tree = problem.costs, problem.costs.tree
    before = np.where(tree.parent >= 0, tiers[:, tree.parent], 0)
    running = np.where(tiers == 0, tree.exec_time[:, 0], 0.0)
    running = np.where(np.isfinite(costs.node_latency(tiers)), running, np.inf)
    up, down = costs.per_bit[0, 1], costs.per_bit[1, 0]
    radio = tree.input_bits * (up * ((before == 0) & (tiers > 0)) + down * ((before > 0) & (tiers == 0)))
    returned = tree.result_bits * down * (tiers > 0)
    energy = compute_power * running + radio_power * radio
    totals = [energy[:, of].sum(axis=1) + radio_power * returned[:, of[-1]] for of in tree.nodes_of]
    return np.stack(totals, axis=1)
