"""The three problems of the examples: brute force, an infeasible instance explained, prices checked by solving again."""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.testing import brute_force

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


caching, assignment, switching = (example(n) for n in ("model_caching", "task_assignment", "switching_splits"))


@pytest.mark.parametrize(
    ("module", "kind"),
    [(caching, "ModelCaching"), (assignment, "TaskAssignment"), (switching, "SwitchingSplits")],
)
def test_each_is_declared_in_under_25_lines(module, kind):
    assert len(inspect.getsource(getattr(module, kind)).rstrip().splitlines()) < 25


@pytest.mark.parametrize("seed", range(4))
def test_caching_and_assignment_meet_brute_force_with_several_solvers(seed):
    for problem in (
        caching.instance(requests=3, models=3, seed=seed),
        assignment.instance(tasks=4, servers=2, local_share=1.0, seed=seed),
    ):
        best = brute_force(problem)
        for solver in ("highs", "cp-sat", "scipy"):
            assert eo.solve(problem, solver).objective == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_switching_meets_brute_force_over_splits(seed):
    problem = switching.instance(devices=2, splits=2, periods=3, seed=seed)
    best = np.inf
    for number in range(2 ** (2 * 3)):
        split = np.array([number >> bit & 1 for bit in range(6)]).reshape(2, 3)
        chosen = np.stack([split == s for s in range(2)], axis=1)
        if (np.einsum("s,dst->t", problem.edge_load, chosen) > problem.edge_capacity).any():
            continue
        switches = np.maximum(0, np.diff(chosen.astype(int), axis=2)).sum()
        best = min(best, (problem.latency * chosen).sum() + problem.switching_cost * switches)
    for solver in ("highs", "scipy"):
        assert eo.solve(problem, solver).objective == pytest.approx(best, rel=1e-9)


def test_an_infeasible_instance_of_each_is_explained():
    short = caching.instance(memory=1e8).explain()
    assert any(text.startswith("memory <= 1e+08") for text in short.conflict)
    assert eo.solve(short.repair.apply()).status == "optimal"
    away = assignment.instance(local_share=0.0).explain()
    assert any(text.startswith("few_local <= 0") for text in away.conflict)
    assert eo.solve(away.repair.apply()).status == "optimal"
    tight = replace(switching.instance(), edge_capacity=np.full(6, -1.0)).explain()
    assert any(text.startswith("edge[") for text in tight.conflict)
    assert len(str(tight).splitlines()) < 12


@pytest.mark.parametrize(
    ("problem", "field"),
    [
        (caching.instance(), "latency"),
        (caching.instance(), "memory"),
        (assignment.instance(), "energy"),
        (switching.instance(), "switching_cost"),
        (switching.instance(), "latency"),
    ],
)
def test_the_worth_of_a_field_is_that_of_solving_again(problem, field):
    worth = eo.sensitivity(eo.solve(problem, relative_gap=1e-9)).fields[field]
    given = np.array(getattr(problem, field), dtype=float)
    index = np.unravel_index(int(np.abs(np.asarray(worth)).argmax()), given.shape)
    step = 1e-5 if field != "memory" else 1.0
    moved = given.copy()
    moved[index] += step
    changed = replace(problem, **{field: float(moved) if moved.ndim == 0 else moved})
    difference = eo.solve(changed, relative_gap=1e-9).objective - eo.solve(problem, relative_gap=1e-9).objective
    assert difference / step == pytest.approx(float(np.asarray(worth)[index]), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model_caching", "task_assignment", "switching_splits"])
def test_it_runs_as_a_script(name):
    done = subprocess.run([sys.executable, EXAMPLES / f"{name}.py"], capture_output=True, text=True, check=True)
    assert r"\begin{aligned}" in done.stdout


@pytest.mark.parametrize(
    ("module", "kind"),
    [(caching, "ModelCaching"), (assignment, "TaskAssignment"), (switching, "SwitchingSplits")],
)
def test_the_library_holds_what_the_examples_declare(module, kind):
    name = Path(module.__file__).stem
    library = importlib.import_module(f"edgeopt.formulations.{name}")
    shown = inspect.getsource(getattr(module, kind)).replace("eo.", "")
    assert inspect.getsource(getattr(library, kind)) == shown


@pytest.mark.parametrize("name", ["model-caching/generated-tiny", "task-assignment/area-tiny"])
def test_the_smallest_instances_of_the_library_meet_brute_force(name):
    instance = eo.instances.load(name)
    assert brute_force(instance.problem) == pytest.approx(instance.best.objective, rel=1e-9)


@pytest.mark.slow
def test_every_solver_of_a_declared_instance_agrees():
    instance = eo.instances.load("task-assignment/area-tiny")
    table = eo.compare(instance.problem, time_limit=20.0)
    exact = table[table["status"] == "optimal"]
    assert len(exact) >= 4
    np.testing.assert_allclose(exact["objective"].astype(float), instance.best.objective, rtol=1e-6)
