"""No solver may say `optimal` of an answer that another one beats: random instances of every formulation.

``EDGEOPT_TRUTH`` sets how many instances there are (``make soak``: 100,000) and ``EDGEOPT_TRUTH_SECONDS`` when to stop
at the latest. An instance on which solvers disagree is kept as a file and named.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.instances import families
from edgeopt.model.problem import Problem
from edgeopt.model.solver import Solver
from edgeopt.solving.contradiction import Answer, conflicts
from edgeopt.solving.registry import solvers

INSTANCES = int(os.environ.get("EDGEOPT_TRUTH", "200"))
SECONDS = float(os.environ.get("EDGEOPT_TRUTH_SECONDS", "240"))
SLOW = {
    "cp-sat": 0.05,
    "pyomo": 0.03,
    "cvxpy": 0.05,
    "scipy": 0.2,
    "pdlp": 0.2,
    "price-and-branch": 0.5,
    "min-cut": 0.5,
}
"""Share of the instances that slow solvers meet; on slots Pyomo takes seconds and stays out."""

DRAWS = {
    "offloading/generated": lambda r: {
        "samples": int(r.integers(1, 40)),
        "tightness": float(r.choice([0.0, 0.3, 0.5, 0.9, 1.0])),
        "correlation": float(r.random()),
        "ties": float(r.choice([0.0, 0.5, 1.0])),
        "degeneracy": float(r.choice([0.0, 0.5, 1.0])),
        "sites": int(r.integers(1, 4)),
    },
    "split/generated": lambda r: {
        "layers": int(r.integers(1, 9)),
        "exits": int(r.integers(1, 4)),
        "tiers": int(r.integers(2, 4)),
        "correlation": float(r.random()),
        "ties": float(r.choice([0.0, 1.0])),
        "shared_trunk": bool(r.integers(2)),
    },
    "graph-split/generated": lambda r: {
        "layers": int(r.integers(2, 9)),
        "tiers": int(r.integers(2, 4)),
        "branching": float(r.random()),
        "ties": float(r.choice([0.0, 1.0])),
    },
    "revenue/generated": lambda r: {
        "services": int(r.integers(1, 12)),
        "servers": int(r.integers(1, 5)),
        "links": int(r.integers(0, 6)),
        "tightness": float(r.choice([0.0, 0.5, 0.99])),
        "ties": float(r.choice([0.0, 1.0])),
        "degeneracy": float(r.choice([0.0, 1.0])),
    },
    "slot/generated": lambda r: {
        "splits": int(r.integers(2, 30)),
        "max_delay": float(r.choice([0.001, 0.03, 0.1, 10.0])),
        "tradeoff": float(r.choice([0.0, 1.0, 300.0])),
    },
    "shared-slot/crowd": lambda r: {
        "users": int(r.integers(1, 6)),
        "splits": int(r.integers(2, 5)),
        "bandwidth": float(r.choice([1e6, 2e7])),
        "max_delay": float(r.choice([0.01, 0.1])),
    },
    "program/knapsack": lambda r: {
        "items": int(r.integers(1, 12)),
        "rows": int(r.integers(1, 4)),
        "tightness": float(r.choice([0.2, 0.5, 1.0])),
        "correlation": float(r.choice([0.0, 1.0])),
    },
    "program/assignment": lambda r: {"size": int(r.integers(1, 6)), "ties": float(r.choice([0.0, 1.0]))},
    "program/covering": lambda r: {
        "sets": int(r.integers(1, 12)),
        "elements": int(r.integers(1, 8)),
        "density": float(r.choice([0.1, 0.5])),
        "ties": float(r.choice([0.0, 1.0])),
    },
}


def drawn(rng: np.random.Generator) -> tuple[str, Problem]:
    """Return a random instance, one in five at another scale, and its name."""
    name = str(rng.choice(sorted(DRAWS)))
    knobs = DRAWS[name](rng) | {"seed": int(rng.integers(2**31))}
    problem = families()[name].problem(knobs, None)
    if name == "offloading/generated" and rng.random() < 0.2:
        scale = 10.0 ** rng.integers(-9, 10)
        problem = replace(problem, local_cost=scale * problem.local_cost, remote_cost=scale * problem.remote_cost)
        knobs |= {"scale": scale}
    return f"{name}[{','.join(f'{key}={value}' for key, value in knobs.items())}]", problem


def asked(entry: Solver, problem: Problem, rng: np.random.Generator) -> bool:
    """Whether this exact solver is to meet this instance."""
    if not entry.exact or not entry.installed or entry.refusal(problem):
        return False
    if entry.name == "pyomo" and isinstance(problem, (eo.SlotProblem, eo.SharedSlot)):
        return False
    return rng.random() < SLOW.get(entry.name, 1.0)


def wrong(problem: Problem, answers: dict[str, eo.Solution]) -> str | None:
    """Say which answer is refuted by another one."""
    said = [Answer.of(name, found, problem) for name, found in answers.items()]
    refuted = zip(said, conflicts(said, problem.sense.sign), strict=True)
    return next((f"{answer.solver} {found.words}" for answer, found in refuted if found.refuted), None)


@pytest.mark.timeout(36_000)
def test_no_optimum_is_beaten(tmp_path_factory, request):
    rng = np.random.default_rng(int(os.environ.get("EDGEOPT_TRUTH_SEED", "0")))
    counts: Counter[tuple[str, str]] = Counter()
    seen: Counter[str] = Counter()
    faults = []
    kept = Path(os.environ.get("EDGEOPT_TRUTH_FOLDER", tmp_path_factory.mktemp("wrong")))
    begun = time.monotonic()
    for index in range(INSTANCES):
        if time.monotonic() - begun > SECONDS:
            break
        name, problem = drawn(rng)
        entries = [entry for entry in solvers().values() if asked(entry, problem, rng)]
        answers = {entry.name: eo.solve(problem, entry.name) for entry in entries}
        seen[name.split("/")[0]] += 1
        counts.update((solver, str(found.status)) for solver, found in answers.items())
        if reason := wrong(problem, answers):
            eo.save(problem, kept / f"{index}.json")
            faults.append(f"{name}: {reason}; kept as {kept / f'{index}.json'}")
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        told = ", ".join(f"{number:,} {kind}" for kind, number in sorted(seen.items()))
        print(f"\n{seen.total():,} instances ({told}); {sum(counts.values()):,} exact solves, {len(faults)} wrong")
        if INSTANCES > 1000:
            for (solver, status), number in sorted(counts.items()):
                print(f"  {solver:18s} {status:12s} {number:9,}")
    assert not faults, "\n".join(faults[:20])
    assert seen.total() > 0


def test_the_check_sees_a_wrong_optimum():
    problem = eo.OfflineOffloading([1.0, 2.0], [2.0, 1.0])
    truth, worse = eo.solve(problem), eo.solve(problem, "local-only")
    lie = eo.Solution(eo.Status.OPTIMAL, worse.objective, worse.objective, 0.0, found=worse.decision)
    assert "liar says optimal" in wrong(problem, {"selection": truth, "liar": lie})
    assert "says infeasible" in wrong(problem, {"selection": truth, "liar": eo.Solution(eo.Status.INFEASIBLE)})
    assert wrong(problem, {"selection": truth, "local-only": worse}) is None
