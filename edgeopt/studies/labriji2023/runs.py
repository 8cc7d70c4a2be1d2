"""Simulations of the study, kept on disk under what they depend on: a study that was stopped goes on where it ended."""

from __future__ import annotations

import importlib
import inspect
import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...control import DriftPlusPenalty, Environment, simulate
from ...exchange.storage import write_atomically
from ..fingerprints import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

logger = logging.getLogger(__name__)

_CODE = ("control.drift_plus_penalty", "control.environment", "control.simulate", "solvers.compiled.slots")
"""Modules that a simulation depends on besides its arguments."""


@dataclass(frozen=True)
class Runs:
    """The controller in its environment, simulated for many settings and seeds.

    Attributes
    ----------
    folder : Path
        Of the study; simulations are kept in ``simulations/``.
    slots : int
        Slots of each run, of which the first twentieth is the warm-up.
    """

    folder: Path
    controller: DriftPlusPenalty
    environment: Environment
    slots: int

    def summary(self, name: str, runs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """Return one row a run (:func:`edgeopt.control.simulate`) and the share of slots that chose each split.

        Parameters
        ----------
        name : str
            Of the file.
        """
        key = fingerprint(self.controller, self.environment, self.slots, list(runs), _code())
        path = self.folder / "simulations" / f"{name}-{key}.csv"
        if not path.is_file():
            logger.info("%d runs of %d slots for %s", len(runs), self.slots, name)
            found = simulate(self.controller, self.environment, self.slots, runs=runs, warm_up=self.slots // 20)
            shares = pd.DataFrame(found.shares).add_prefix("share_")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, pd.concat([found.summary, shares], axis=1).to_csv(index=False).encode())
        return pd.read_csv(path)


@cache
def _code() -> str:
    return fingerprint(*(inspect.getsource(importlib.import_module(f"edgeopt.{name}")) for name in _CODE))
