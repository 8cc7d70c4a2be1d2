"""What a kept result depends on, as a short text: data, split, options, code. A result of anything else is not read."""

from __future__ import annotations

import importlib
import inspect
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ..fingerprints import fingerprint

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ...predictors.samples import Split
    from ...profiles.costs import AllocationCost

NETWORK_CODE = (
    "blocks",
    "boxes",
    "budgets",
    "ddnn",
    "demand_exits",
    "exits",
    "joint",
    "loop",
    "margins",
    "samples",
    "site_shares",
    "training",
)
"""Modules of the predictors that a trained network depends on."""

BASELINE_CODE = ("allocators", "boxes", "margins", "persistence", "provisioning", "samples")
"""Modules that the baselines depend on."""

RULE_CODE = ("baseline_rules", "classifiers", "exits", "rules")
"""Modules that a rule's decisions depend on besides."""


@cache
def of_code(modules: tuple[str, ...]) -> str:
    """Return the fingerprint of the text of some modules of the predictors."""
    texts = [inspect.getsource(importlib.import_module(f"edgeopt.predictors.{name}")) for name in modules]
    return fingerprint(*texts)


def of_data(frame: pd.DataFrame, box: NDArray[np.intp], split: Split) -> str:
    """Return the fingerprint of traffic, of the order of its cells and of how it is split."""
    values = np.ascontiguousarray(frame.to_numpy(dtype=float))
    return fingerprint(values.tobytes(), values.shape, [str(name) for name in frame.columns], box.tolist(), split)


def of_cost(cost: AllocationCost) -> str:
    """Return the fingerprint of a cost: its options, and what it says of some allocations."""
    services = max(np.size(cost.under), np.size(cost.over))
    tried = np.repeat(np.linspace(-0.5, 0.5, 21)[:, None], services, axis=1)
    return fingerprint(cost, np.round(cost.exact(tried, 0.0), 9).ravel().tolist())
