"""What type checkers read of problems and solutions; checked by ``test_types.py``, never run."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, stats

import edgeopt as eo
from edgeopt.control import Environment
from edgeopt.model.problem import Problem
from edgeopt.profiles.energy import SplitCosts
from edgeopt.profiles.layer_regression import LayerRegression

F = NDArray[np.float64]
offloading = eo.OfflineOffloading([3, 1.0], (1, 2), local_available=[True, False])
assert_type(offloading.local_cost, F)
assert_type(offloading.local_available, NDArray[np.bool_] | None)
assert_type(eo.solve(offloading), eo.Solution[eo.OffloadingDecision])
assert_type(eo.solve(offloading).decision.local, NDArray[np.bool_])
assert_type(eo.OffloadingDecision([True]).local, NDArray[np.bool_])

revenue = eo.RevenueMaximization(
    [2], sparse.csr_array(np.eye(1)), [[1]], [2], 1.0, [1], link_price=1, server_names=["a"]
)
assert_type(revenue.compute_density, sparse.csc_array)
assert_type(revenue.traffic, F)
assert_type(eo.solve(revenue).decision.admitted, F)
assert_type(revenue.instance(0), eo.RevenueMaximization)

early = eo.Exit(0.6, exec_time=[[0.02, 0.002]], output_bits=[1e5, 1e3], names=["a"])
assert_type(early.exec_time, F)
split = eo.StochasticSplit([early], demand=stats.norm(0.5, 0.1), uplink_rate=1e6, link_delay=[0.1])
eo.StochasticSplit([early], eo.DemandSamples([0.5]), np.logspace(5, 6, 3), backhaul_rate=None)
assert_type(split.exits, tuple[eo.Exit, ...])
assert_type(eo.solve(split).decision.tiers, tuple[NDArray[np.integer[Any]], ...])
eo.SplitDecision(([0], [0, 1]))
graph = eo.GraphSplit([[1, 9]], [(-1, 0)], 9, [2], 1, outputs=[0], names=["a"])
assert_type(eo.solve(graph).decision.tiers, NDArray[np.integer[Any]])
slot = eo.SlotProblem(
    [0, 1e9],
    [1e9, 0],
    [1e6, 0],
    [0, 0.1],
    10,
    1e-9,
    1e6,
    1e-18,
    1e9,
    1e12,
    (1e5, 1e7),
    delay_queue=1.0,
    outage_queue=0.0,
    tradeoff=1.0,
    max_delay=20.0,
)
assert_type(eo.solve(slot).decision.rate, float)
assert_type(slot.rate_bounds, tuple[float, float])
shared = eo.SharedSlot(
    [0, 1e9],
    [1e9, 0],
    [1e6, 0],
    [0, 0.1],
    [5, 5],
    [1e-9, 1e-10],
    1e7,
    1e-18,
    1e9,
    1e12,
    max_power=0.1,
    min_rate=1e5,
    min_speed=1e9,
    delay_queue=[1.0, 1.0],
    outage_queue=[0.0, 0.0],
    tradeoff=1.0,
    max_delay=20.0,
)
assert_type(eo.solve(shared).decision.band, F)
program = eo.Program([1.0], [[1.0]], row_lower=[0], sense="maximize", integrality=[True], column_names=["x"])
assert_type(program.row_upper, F)
assert_type(program.matrix, sparse.csc_array)
assert_type(eo.solve(program).decision.values, F)
assert_type(eo.solve(eo.instances.load("x")).decision, Any)
assert_type(eo.solve(eo.load("x")).decision, Any)
assert_type(Environment(arrivals=[1, 2]).arrivals, F | None)
assert_type(LayerRegression(["macs"], [1e-9], 0.0).slopes, tuple[float, ...])
assert_type(SplitCosts([1], [1], [1], [1]).local_flops, F)


class Cache(eo.Formulation):
    size: eo.Array = eo.data("models")
    allowed: eo.Mask = eo.data("models")
    room: float

    def declare(self, m: eo.Declaration) -> None:
        held = m.binary("held", "models", where=self.allowed)
        m.maximize(held.sum())
        m.subject_to(room=self.size @ held <= self.room)


cache = Cache(size=[1, 2], allowed=[True, False], room=3)
assert_type(cache.size, F)
assert_type(cache.allowed, NDArray[np.bool_])
assert_type(eo.solve(cache).decision.held, NDArray[Any])
assert_type(cache.decide(held=[True, False]).held, NDArray[Any])


def status(solution: eo.Solution, problem: Problem) -> eo.Status:
    return solution.status


status(eo.solve(cache), cache)
