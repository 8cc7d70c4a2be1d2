"""edgeopt: declare an edge-inference decision problem once, solve it with any solver, get proof with the answer.

>>> import edgeopt as eo
>>> problem = eo.OfflineOffloading(local_cost=[3.0, 1.0, 2.0], remote_cost=[1.0, 1.5, 1.0], min_local_fraction=0.6)
>>> solution = eo.solve(problem)
>>> solution.status, round(solution.objective, 4), solution.decision.local
(<Status.OPTIMAL: 'optimal'>, 1.3333, array([False,  True,  True]))

Every public name is imported when it is first used, so that ``import edgeopt`` stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bench import instances
    from .core.compare import compare, solvers_for
    from .core.errors import (
        DataFormatError,
        EdgeOptError,
        ExtraNotInstalledError,
        InvalidOptionError,
        InvalidProblemError,
        ModelFileWarning,
        NoSolutionError,
        SolverNotInstalledError,
        UnknownSolverError,
        UnsupportedPairError,
    )
    from .core.explain import Explanation
    from .core.instance import Instance
    from .core.outcome import Options, Outcome, Status
    from .core.program import Point, Program
    from .core.registry import Solver, solver
    from .core.solution import Solution
    from .core.solve import solve
    from .core.storage import load, save
    from .core.verify import Verification, verify
    from .formulations.graph_split import GraphSplit, GraphSplitDecision
    from .formulations.offloading import OfflineOffloading, OffloadingDecision
    from .formulations.placement.demand import DemandSamples
    from .formulations.placement.exits import Exit
    from .formulations.revenue import AdmissionDecision, ResourcePrices, RevenueMaximization
    from .formulations.shared_slot import SharedPrices, SharedSlot, SharedSlotDecision
    from .formulations.slot import SlotDecision, SlotProblem, SplitRates
    from .formulations.split import SplitDecision, StochasticSplit
    from .solvers.admission import admit
    from .solvers.edgent import EdgentPlan, edgent_plan
    from .solvers.energy_front import EnergyFront, energy_front
    from .solvers.highs import HighsSession
    from .solvers.random_rates import StaticSplit, split_under_uncertainty
    from .solvers.robust_split import RobustSplit, robust_split
    from .solvers.selection import TradeOffCurve, trade_off_curve
    from .solvers.selection_stream import select_stream
    from .solvers.sensitivity import Sensitivity, sensitivity
    from .solvers.split_map import SplitMap, split_map

__version__ = "0.1.0"

_HOMES = {
    "core.compare": ("compare", "solvers_for"),
    "core.errors": (
        "DataFormatError",
        "EdgeOptError",
        "ExtraNotInstalledError",
        "InvalidOptionError",
        "InvalidProblemError",
        "ModelFileWarning",
        "NoSolutionError",
        "SolverNotInstalledError",
        "UnknownSolverError",
        "UnsupportedPairError",
    ),
    "core.explain": ("Explanation",),
    "core.instance": ("Instance",),
    "core.outcome": ("Options", "Outcome", "Status"),
    "core.program": ("Point", "Program"),
    "core.registry": ("Solver", "solver"),
    "core.solution": ("Solution",),
    "core.solve": ("solve",),
    "core.storage": ("load", "save"),
    "core.verify": ("Verification", "verify"),
    "formulations.placement.demand": ("DemandSamples",),
    "formulations.placement.exits": ("Exit",),
    "formulations.graph_split": ("GraphSplit", "GraphSplitDecision"),
    "formulations.offloading": ("OffloadingDecision", "OfflineOffloading"),
    "formulations.revenue": ("AdmissionDecision", "ResourcePrices", "RevenueMaximization"),
    "formulations.shared_slot": ("SharedPrices", "SharedSlot", "SharedSlotDecision"),
    "formulations.slot": ("SlotDecision", "SlotProblem", "SplitRates"),
    "formulations.split": ("SplitDecision", "StochasticSplit"),
    "solvers.admission": ("admit",),
    "solvers.edgent": ("EdgentPlan", "edgent_plan"),
    "solvers.energy_front": ("EnergyFront", "energy_front"),
    "solvers.highs": ("HighsSession",),
    "solvers.random_rates": ("StaticSplit", "split_under_uncertainty"),
    "solvers.robust_split": ("RobustSplit", "robust_split"),
    "solvers.selection": ("TradeOffCurve", "trade_off_curve"),
    "solvers.selection_stream": ("select_stream",),
    "solvers.sensitivity": ("Sensitivity", "sensitivity"),
    "solvers.split_map": ("SplitMap", "split_map"),
}
_ROOMS = {"instances": "bench.instances"}
"""Whole modules of the public face."""
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AdmissionDecision",
    "DataFormatError",
    "DemandSamples",
    "EdgeOptError",
    "EdgentPlan",
    "EnergyFront",
    "Exit",
    "Explanation",
    "ExtraNotInstalledError",
    "GraphSplit",
    "GraphSplitDecision",
    "HighsSession",
    "Instance",
    "InvalidOptionError",
    "InvalidProblemError",
    "ModelFileWarning",
    "NoSolutionError",
    "OfflineOffloading",
    "OffloadingDecision",
    "Options",
    "Outcome",
    "Point",
    "Program",
    "ResourcePrices",
    "RevenueMaximization",
    "RobustSplit",
    "Sensitivity",
    "SharedPrices",
    "SharedSlot",
    "SharedSlotDecision",
    "SlotDecision",
    "SlotProblem",
    "Solution",
    "Solver",
    "SolverNotInstalledError",
    "SplitDecision",
    "SplitMap",
    "SplitRates",
    "StaticSplit",
    "Status",
    "StochasticSplit",
    "TradeOffCurve",
    "UnknownSolverError",
    "UnsupportedPairError",
    "Verification",
    "__version__",
    "admit",
    "compare",
    "edgent_plan",
    "energy_front",
    "instances",
    "load",
    "robust_split",
    "save",
    "select_stream",
    "sensitivity",
    "solve",
    "solver",
    "solvers_for",
    "split_map",
    "split_under_uncertainty",
    "trade_off_curve",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{_ROOMS[name]}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'edgeopt' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
