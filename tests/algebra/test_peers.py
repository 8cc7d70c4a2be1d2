"""The same three problems written for other packages have the same optima, so that their counts compare like with like."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import edgeopt as eo

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("declare_peers", ROOT / "benchmarks" / "declare_peers.py")
peers = importlib.util.module_from_spec(SPEC)
sys.modules["declare_peers"] = peers
SPEC.loader.exec_module(peers)


def cases():
    import model_caching
    import switching_splits
    import task_assignment

    a = model_caching.instance(5, 3)
    b = task_assignment.instance(8, 2)
    c = switching_splits.instance(2, 3, 4)
    return {
        "caching": (a, (a.size, a.latency, a.memory)),
        "assignment": (b, (b.energy, b.local_energy, b.load, b.capacity, b.reached, b.local_share)),
        "switching": (c, (c.latency, c.edge_load, c.edge_capacity, c.switching_cost)),
    }


def optimum(package, model):
    if package == "cvxpy":
        return model.solve(solver="HIGHS")
    if package == "linopy":
        model.solve(solver_name="highs", io_api="direct", output_flag=False)
        return model.objective.value
    import pyomo.environ as pyo

    pyo.SolverFactory("appsi_highs").solve(model)
    return pyo.value(model.goal)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("package", ["pyomo", "linopy", "cvxpy"])
@pytest.mark.parametrize("problem", ["caching", "assignment", "switching"])
def test_the_peer_s_model_is_the_same_problem(problem, package):
    pytest.importorskip(package)
    ours, data = cases()[problem]
    model = getattr(peers, f"{problem}_{package}")(*data)
    assert optimum(package, model) == pytest.approx(eo.solve(ours).objective, rel=1e-6)


def test_the_page_shows_what_is_counted():
    page = (ROOT / "docs" / "declare.md").read_text(encoding="utf-8")
    titles = {"caching": "model caching", "assignment": "task assignment", "switching": "switching splits"}
    for row in peers.table().to_dict("records"):
        shown = " | ".join(f"{row[p][0]}, {row[p][1]}" for p in ("edgeopt", "pyomo", "linopy", "cvxpy", "JuMP"))
        assert f"| {titles[row['problem']]} | {shown} |" in page
