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
    from .core.compare import compare, solvers_for
    from .core.errors import (
        DataFormatError,
        EdgeOptError,
        ExtraNotInstalledError,
        InvalidOptionError,
        InvalidProblemError,
        NoSolutionError,
        SolverNotInstalledError,
        UnknownSolverError,
        UnsupportedPairError,
    )
    from .core.explain import Explanation
    from .core.outcome import Options, Outcome, Status
    from .core.program import Point, Program
    from .core.registry import Solver, solver
    from .core.solution import Solution
    from .core.solve import solve
    from .core.storage import load, save
    from .core.verify import Verification, verify
    from .formulations.demand import DemandSamples
    from .formulations.exits import Exit
    from .formulations.offloading import OfflineOffloading, OffloadingDecision
    from .formulations.split import SplitDecision, StochasticSplit
    from .solvers.highs import HighsSession
    from .solvers.selection import TradeOffCurve, trade_off_curve
    from .solvers.selection_stream import select_stream

__version__ = "0.1.0"

_HOMES = {
    "core.compare": ("compare", "solvers_for"),
    "core.errors": (
        "DataFormatError",
        "EdgeOptError",
        "ExtraNotInstalledError",
        "InvalidOptionError",
        "InvalidProblemError",
        "NoSolutionError",
        "SolverNotInstalledError",
        "UnknownSolverError",
        "UnsupportedPairError",
    ),
    "core.explain": ("Explanation",),
    "core.outcome": ("Options", "Outcome", "Status"),
    "core.program": ("Point", "Program"),
    "core.registry": ("Solver", "solver"),
    "core.solution": ("Solution",),
    "core.solve": ("solve",),
    "core.storage": ("load", "save"),
    "core.verify": ("Verification", "verify"),
    "formulations.demand": ("DemandSamples",),
    "formulations.exits": ("Exit",),
    "formulations.offloading": ("OffloadingDecision", "OfflineOffloading"),
    "formulations.split": ("SplitDecision", "StochasticSplit"),
    "solvers.highs": ("HighsSession",),
    "solvers.selection": ("TradeOffCurve", "trade_off_curve"),
    "solvers.selection_stream": ("select_stream",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "DataFormatError",
    "DemandSamples",
    "EdgeOptError",
    "Exit",
    "Explanation",
    "ExtraNotInstalledError",
    "HighsSession",
    "InvalidOptionError",
    "InvalidProblemError",
    "NoSolutionError",
    "OfflineOffloading",
    "OffloadingDecision",
    "Options",
    "Outcome",
    "Point",
    "Program",
    "Solution",
    "Solver",
    "SolverNotInstalledError",
    "SplitDecision",
    "Status",
    "StochasticSplit",
    "TradeOffCurve",
    "UnknownSolverError",
    "UnsupportedPairError",
    "Verification",
    "__version__",
    "compare",
    "load",
    "save",
    "select_stream",
    "solve",
    "solver",
    "solvers_for",
    "trade_off_curve",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'edgeopt' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
