"""Problems of the field that are declared in algebra, their optima found by trying every decision in plain Python."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np

from ...formulations.model_caching import ModelCaching
from ...formulations.switching_splits import SwitchingSplits
from ...formulations.task_assignment import TaskAssignment
from ..case import Case


def caching(name: str, problem: ModelCaching) -> Case:
    """Return the case of a cache: of every set of models that fits, each request takes the fastest."""
    best = np.inf
    for held in product((False, True), repeat=problem.size.size):
        kept = np.flatnonzero(held)
        if kept.size and problem.size[kept].sum() <= problem.memory:
            best = min(best, float(problem.latency[:, kept].min(axis=1).sum()))
    return _case(name, problem, best)


def assignment(name: str, problem: TaskAssignment) -> Case:
    """Return the case of an assignment: every task on each of its servers, or local (-1)."""
    tasks, servers = problem.energy.shape
    best = np.inf
    for placed in product(range(-1, servers), repeat=tasks):
        load, energy = np.zeros(servers), 0.0
        for task, server in enumerate(placed):
            if server >= 0 and not problem.reached[task, server]:
                break
            energy += problem.local_energy[task] if server < 0 else problem.energy[task, server]
            load[server] += problem.load[task, server] if server >= 0 else 0.0
        else:
            if (load <= problem.capacity).all() and placed.count(-1) <= problem.local_share * tasks:
                best = min(best, float(energy))
    return _case(name, problem, best)


def switching(name: str, problem: SwitchingSplits) -> Case:
    """Return the case of splits over time: every split of every device in every period."""
    devices, splits, periods = problem.latency.shape
    best = np.inf
    for flat in product(range(splits), repeat=devices * periods):
        split = np.reshape(flat, (devices, periods))
        if (problem.edge_load[split].sum(axis=0) > problem.edge_capacity).any():
            continue
        seconds = sum(problem.latency[d, split[d, t], t] for d in range(devices) for t in range(periods))
        switches = sum(a != b for row in split for a, b in pairwise(row))
        best = min(best, float(seconds + problem.switching_cost * switches))
    return _case(name, problem, best)


def _case(name: str, problem: ModelCaching | TaskAssignment | SwitchingSplits, best: float) -> Case:
    return Case(name, problem, "optimal", best, best) if np.isfinite(best) else Case(name, problem, "infeasible")


def cases() -> list[Case]:
    """Return small caches, assignments and splits over time, with those that nothing satisfies."""
    held = {"size": [4.0, 2.0, 3.0], "latency": [[0.1, 0.4, 0.2], [0.3, 0.3, 0.3], [0.9, 0.1, 0.5]]}
    tasks = {
        "energy": [[3.0, 1.0], [2.0, 2.0], [1.0, 4.0]],
        "local_energy": [5.0, 5.0, 6.0],
        "load": [[2.0, 1.0], [2.0, 2.0], [2.0, 3.0]],
        "capacity": [2.0, 3.0],
        "reached": [[True, True], [False, True], [True, True]],
    }
    rng = np.random.default_rng(0)
    over_time = {
        "latency": rng.uniform(0.1, 0.3, (2, 2, 3)).round(3),
        "edge_load": [4.0, 1.0],
        "edge_capacity": [8.0, 5.0, 5.0],
    }
    return [
        *(caching(f"memory {m:g}", ModelCaching(**held, memory=m)) for m in (9.0, 5.0, 2.0, 1.0)),
        caching("one model", ModelCaching(size=[0.0], latency=[[0.5], [0.25]], memory=0.0)),
        *(
            assignment(f"local share {share:g}", TaskAssignment(**tasks, local_share=share))
            for share in (1.0, 1 / 3, 0)
        ),
        assignment("too small", TaskAssignment(**tasks | {"capacity": [1.0, 2.0]}, local_share=0.5)),
        *(
            switching(f"switch {cost:g}", SwitchingSplits(**over_time, switching_cost=cost))
            for cost in (0.0, 0.05, 9.0)
        ),
        switching("no room", SwitchingSplits(**over_time | {"edge_capacity": [8.0, 1.0, 8.0]}, switching_cost=0.1)),
    ]
