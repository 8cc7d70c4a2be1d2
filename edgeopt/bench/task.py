"""One task of a campaign: one solver on one instance, in a process of its own; what the solver does, is a row."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import instances as library
from ..model.errors import DataFormatError
from ..model.outcome import Status
from ..solving.contradiction import Answer, conflicts
from ..solving.registry import find
from ..solving.solve import solve
from ..solving.spec import parse
from .results import relative_excess

if TYPE_CHECKING:
    from ..model.instance import Instance
    from ..model.solution import Solution

WARM_UP = 1.0
"""Seconds below which a solve is done twice and the second counts."""
ANSWERS = (Status.OPTIMAL, Status.FEASIBLE, Status.INFEASIBLE, Status.UNBOUNDED)


def perform(
    instance: str,
    fingerprint: str,
    solver: str,
    seed: int,
    repetition: int,
    time_limit: float,
    memory_limit: float,
    threads: int,
) -> dict[str, Any]:
    """Solve and return the row of the table.

    Raises
    ------
    EdgeOptError
        If nothing could be run: the instance is no longer the one with this fingerprint, an option is refused, a
        package is missing. What a solver does, a crash included, is a row.
    """
    loaded = load(instance, fingerprint)
    limits = {"time_limit": time_limit, "memory_limit": memory_limit, "threads": threads}
    name, options = parse(solver)
    found = solve(loaded, name, seed=seed, isolate=True, warm_up=WARM_UP, **limits, **options)  # type: ignore[arg-type]
    row = blank(instance, fingerprint, solver, seed, repetition, **limits)
    known = {"formulation": type(loaded.problem).__name__, "size": loaded.size, "sense": str(loaded.problem.sense)}
    return row | known | outcome(loaded, found)


def blank(instance: str, fingerprint: str, solver: str, seed: int, repetition: int, **limits: float) -> dict[str, Any]:
    """Return what a row says before anything is solved."""
    return {
        "instance": instance,
        "fingerprint": fingerprint,
        "solver": solver,
        "kind": find(parse(solver)[0])[0].kind,
        "seed": seed,
        "repetition": repetition,
        **limits,
        "status": str(Status.FAILED),
        "verified": False,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command(instance, solver, seed, limits),
        **machine(),
    }


@lru_cache(maxsize=2)
def load(instance: str, fingerprint: str) -> Instance:
    """Return an instance; the last two are kept, since tasks come instance by instance.

    Raises
    ------
    DataFormatError
        If it has become another problem than the one with this fingerprint.
    """
    loaded = library.load(instance)
    if loaded.fingerprint != fingerprint:
        raise DataFormatError(
            f"{instance} has the fingerprint {loaded.fingerprint} now, {fingerprint} when the campaign began"
        )
    return loaded


def outcome(instance: Instance, solution: Solution) -> dict[str, Any]:
    """Return what a row says of a solution; of a batch the means of objective and bound and the largest gap."""
    objective, bound, gap = _whole(solution.objective), _whole(solution.bound), _whole(solution.gap, np.max)
    best = _whole(instance.best_objective)
    sign = instance.problem.sense.sign
    magnitude = None if solution.found is None else _whole(instance.problem.magnitude(solution.found))
    excess = None
    if objective is not None and best is not None:
        excess = float(relative_excess(sign * objective, sign * best, magnitude or 0.0))
    reason = contradiction(instance, solution)
    return {
        "status": str(solution.status),
        "verified": solution.status in ANSWERS and reason is None,
        "proved": solution.proved and reason is None,
        "objective": objective,
        "bound": bound,
        "gap": gap,
        "best": best,
        "claimed_bound": _whole(solution.claimed_bound),
        "best_status": "" if instance.best is None else str(instance.best.status),
        "excess": excess,
        "magnitude": magnitude,
        "wall_time": solution.wall_time,
        "build_time": solution.statistics.get("build_time"),
        "verify_time": solution.verify_time,
        "memory": solution.statistics.get("memory"),
        "conflict": reason or "",
        "message": reason or solution.message,
        "solver_version": solution.solver_version,
    }


def contradiction(instance: Instance, solution: Solution) -> str | None:
    """Say how an answer contradicts the best that is recorded of its instance, or None."""
    best, problem = instance.best, instance.problem
    if best is None:
        return None
    mine, recorded = Answer.of("", solution, problem), Answer.of("the record of the instance", best, problem)
    conflict = conflicts([mine, recorded], problem.sense.sign)[0]
    # An answer beyond what is proved is wrong too, however well its point was checked.
    return conflict.words if conflict.refuted or (conflict and recorded.proved) else None


def _whole(value: Any, of: Any = np.mean) -> float | None:
    return None if value is None else float(of(value))


def command(instance: str, solver: str, seed: int, limits: Mapping[str, float]) -> str:
    """Return the command line that runs this one solve again."""
    name, options = parse(solver)
    words = ["edgeopt", "solve", instance, "--solver", name, "--seed", str(seed), "--isolate"]
    for key, limit in limits.items():
        words += [f"--{key.replace('_', '-')}", repr(limit)]
    for key, setting in options.items():
        text = setting if isinstance(setting, str) else json.dumps(setting)
        words += ["--relative-gap", text] if key == "relative_gap" else ["--option", f"{key}={text}"]
    return shlex.join(words)


@lru_cache(maxsize=1)
def machine() -> dict[str, Any]:
    """Return what a row says of where it ran."""
    from .. import __version__

    return {
        "machine": platform.node(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "edgeopt": __version__,
        "revision": _revision(),
    }


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _revision() -> str:
    """Git revision of the checkout that edgeopt runs from, with a plus where files have changed; empty elsewhere."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        words = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12"]
        return subprocess.run(words, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
