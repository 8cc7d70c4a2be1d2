"""Traffic predictors in torch, and the decision problems that their answers make.

Every name is imported when it is first used: torch takes a second to load.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .capacities import CapacityBounds, identifiability
    from .objective_driven import ObjectiveDriven
    from .regret import RegretLedger, regret_ledger
    from .traffic import LinearPredictor, LSTMPredictor, SeasonalNaive, TrafficPredictor

_HOME_OF = {
    "CapacityBounds": "capacities",
    "LSTMPredictor": "traffic",
    "LinearPredictor": "traffic",
    "ObjectiveDriven": "objective_driven",
    "RegretLedger": "regret",
    "SeasonalNaive": "traffic",
    "TrafficPredictor": "traffic",
    "identifiability": "capacities",
    "regret_ledger": "regret",
}

__all__ = [
    "CapacityBounds",
    "LSTMPredictor",
    "LinearPredictor",
    "ObjectiveDriven",
    "RegretLedger",
    "SeasonalNaive",
    "TrafficPredictor",
    "identifiability",
    "regret_ledger",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
