"""Differentiable solves: torch modules whose output is an optimum, with exact gradients.

Every name is imported when it is first used: torch takes a second to load.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .directional import Directional
    from .lp import LinearProgramLayer, Report
    from .pyepo import to_pyepo
    from .revenue import Admission, RevenueLayer
    from .spo import SPOPlusLoss

_HOME_OF = {
    "Admission": "revenue",
    "Directional": "directional",
    "LinearProgramLayer": "lp",
    "Report": "lp",
    "RevenueLayer": "revenue",
    "SPOPlusLoss": "spo",
    "to_pyepo": "pyepo",
}

__all__ = [
    "Admission",
    "Directional",
    "LinearProgramLayer",
    "Report",
    "RevenueLayer",
    "SPOPlusLoss",
    "to_pyepo",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
