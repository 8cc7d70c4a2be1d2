"""What benchopt asks of a benchmark: an objective, data sets, solvers; all made from a campaign and the registry.

benchopt runs them instance by instance, then by repetition and seed, then by solver: the solvers take turns, so that a
machine that slows down slows all of them alike. What it caches, it keys on the parameters below; whatever changes a
result is one of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchopt import BaseDataset, BaseObjective, BaseSolver
from benchopt.stopping_criterion import SingleRunCriterion

from ..model.errors import EdgeOptError
from ..solving.registry import find
from ..solving.spec import parse
from .campaign import Campaign
from .failed_tasks import note_failed_task
from .task import load, perform


def dataset(folder: str | Path) -> type[BaseDataset]:
    """Return the data sets of the campaign in `folder`: its instances."""
    campaign = Campaign.read(Path(folder))

    class Dataset(BaseDataset):  # type: ignore[misc]
        name = "instance"
        parameters = {  # noqa: RUF012, benchopt reads a class attribute
            "instance, fingerprint": list(zip(campaign.instances, campaign.fingerprints, strict=True))
        }

        def get_data(self) -> dict[str, Any]:
            return {"instance": self.instance, "fingerprint": self.fingerprint}

    return Dataset


def objective(folder: str | Path) -> type[BaseObjective]:
    """Return the objective of the campaign in `folder`: what counts is decided by :mod:`edgeopt.bench.task`."""
    campaign = Campaign.read(Path(folder))

    class Objective(BaseObjective):  # type: ignore[misc]
        name = "edgeopt"
        url = "https://github.com/edgeopt/edgeopt"
        sampling_strategy = "run_once"
        parameters = {  # noqa: RUF012
            "repetition": list(range(campaign.repetitions)),
            "seed": list(campaign.seeds),
            "time_limit": [campaign.time_limit],
            "memory_limit": [campaign.memory_limit],
            "threads": [campaign.threads],
        }

        def set_data(self, **instance: str) -> None:
            self.given = instance

        def get_objective(self) -> dict[str, Any]:
            return {**self.given, **{name: getattr(self, name) for name in self.parameters}}

        def evaluate_result(self, row: dict[str, Any]) -> dict[str, Any]:
            return {"value": row.get("excess"), **row}

        def get_one_result(self) -> dict[str, Any]:
            return {"row": {}}

    return Objective


def solver(folder: str | Path) -> type[BaseSolver]:
    """Return the solvers of the campaign in `folder`, each with its version: a new one is run anew."""
    campaign = Campaign.read(Path(folder))

    class Solver(BaseSolver):  # type: ignore[misc]
        name = "solver"
        stopping_criterion = SingleRunCriterion(strategy="run_once")
        parameters = {  # noqa: RUF012
            "solver, version": [(entry, find(parse(entry)[0])[0].version) for entry in campaign.solvers]
        }

        def skip(self, instance: str, fingerprint: str, **_: Any) -> tuple[bool, str | None]:
            try:
                refusal = find(parse(self.solver)[0])[0].refusal(load(instance, fingerprint).problem)
            except EdgeOptError:
                return False, None  # the task fails with this error, and says so
            return refusal is not None, str(refusal) if refusal else None

        def set_objective(self, **task: Any) -> None:
            self.task = task

        def run(self, _: int) -> None:
            try:
                self.row = perform(solver=self.solver, **self.task)
            except Exception as error:
                # benchopt keeps no result of what raises: the task is tried again by the next run.
                note_failed_task(folder, {"solver": self.solver, **self.task}, error)
                raise

        def get_result(self) -> dict[str, Any]:
            return {"row": self.row}

    return Solver
