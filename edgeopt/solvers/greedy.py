"""Greedy baselines: each problem decided one piece at a time, blind to what comes after."""

from __future__ import annotations

import numpy as np

from ..formulations.revenue import AdmissionDecision, RevenueMaximization
from ..formulations.split import StochasticSplit
from ..model.outcome import Options, Outcome
from ..model.solver import solver


@solver("greedy", solves=(StochasticSplit, RevenueMaximization), exact=False, options=("time_limit", "threads"))
def greedy(problem: StochasticSplit | RevenueMaximization, options: Options) -> Outcome:
    """Place layer after layer, or admit service after service."""
    if isinstance(problem, RevenueMaximization):
        return Outcome.feasible(AdmissionDecision(admit_in_order(problem, np.argsort(-_yield(problem), kind="stable"))))
    return _place_layers(problem)


def _yield(problem: RevenueMaximization) -> np.ndarray:
    """(services,) profit of a service for each share of its scarcest resource that it takes."""
    dense = problem.density.tocoo()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(dense.data > 0, dense.data / problem.capacity[dense.coords[0]], 0.0)
        scarcest = np.zeros(problem.services)
        np.maximum.at(scarcest, dense.coords[1], share)
        worth = problem.unit_profit / scarcest
    return np.where(problem.unit_profit > 0, worth, -np.inf)  # one that needs nothing limited comes first, at inf


def admit_in_order(problem: RevenueMaximization, order: np.ndarray) -> np.ndarray:
    """Admit the profitable services in this order, each as much as the ones before it leave room for."""
    density, left = problem.density, problem.capacity.copy()
    admitted = np.zeros(problem.services)
    for k in order:
        if problem.unit_profit[k] <= 0:
            continue
        own = slice(density.indptr[k], density.indptr[k + 1])
        rows, need = density.indices[own], density.data[own]
        used = need > 0
        room = left[rows[used]] / need[used]
        admitted[k] = min(problem.traffic[k], room.min(initial=np.inf))
        left[rows] = np.maximum(left[rows] - need * admitted[k], 0.0)
    return admitted


def _place_layers(problem: StochasticSplit) -> Outcome:
    """Place each layer where transfer of its input plus execution (plus the return of a result) takes least."""
    costs, tree = problem.costs, problem.costs.tree
    leaving = costs.per_crossing[:, 0] + tree.result_bits[:, None] * costs.per_bit[:, 0]
    here = tree.exec_time + costs.end_share[:, None] * leaving
    tiers = np.zeros(tree.parent.size, int)
    for node, parent in enumerate(tree.parent):
        before = tiers[parent] if parent >= 0 else 0
        inward = costs.per_crossing[before] + tree.input_bits[node] * costs.per_bit[before]
        tiers[node] = (inward + here[node]).argmin()
    return Outcome.feasible(problem.decision_at(tiers))
