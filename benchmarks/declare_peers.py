"""The three problems of `examples/` in Pyomo, linopy, CVXPY and JuMP: the models alone, to be counted and compared.

    python benchmarks/declare_peers.py

Prints statements (imports, signatures and returns left out) and names of the package that the code uses, for each.
`tests/algebra/test_peers.py` holds the optima of the first three equal to edgeopt's; JuMP's code is not run.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
PACKAGES = {"pyomo": "pyo", "linopy": "m", "cvxpy": "cp"}


def caching_pyomo(size, latency, memory):
    import pyomo.environ as pyo

    m = pyo.ConcreteModel()
    R, M = range(len(latency)), range(len(size))
    m.held = pyo.Var(M, domain=pyo.Binary)
    m.serves = pyo.Var(R, M, domain=pyo.Binary)
    m.goal = pyo.Objective(expr=sum(latency[r][j] * m.serves[r, j] for r in R for j in M))
    m.memory = pyo.Constraint(expr=sum(size[j] * m.held[j] for j in M) <= memory)
    m.once = pyo.Constraint(R, rule=lambda m, r: sum(m.serves[r, j] for j in M) == 1)
    m.only = pyo.Constraint(R, M, rule=lambda m, r, j: m.serves[r, j] <= m.held[j])
    return m


def assignment_pyomo(energy, local_energy, load, capacity, reached, share):
    import pyomo.environ as pyo

    m = pyo.ConcreteModel()
    T, S = range(len(energy)), range(len(capacity))
    m.pairs = pyo.Set(initialize=[(t, s) for t in T for s in S if reached[t][s]], dimen=2)
    m.sent = pyo.Var(m.pairs, domain=pyo.Binary)
    m.local = pyo.Var(T, domain=pyo.Binary)
    m.goal = pyo.Objective(
        expr=sum(energy[t][s] * m.sent[t, s] for t, s in m.pairs) + sum(local_energy[t] * m.local[t] for t in T)
    )
    m.once = pyo.Constraint(T, rule=lambda m, t: sum(m.sent[t, s] for s in S if reached[t][s]) + m.local[t] == 1)
    m.capacity = pyo.Constraint(
        S, rule=lambda m, s: sum(load[t][s] * m.sent[t, s] for t in T if reached[t][s]) <= capacity[s]
    )
    m.few = pyo.Constraint(expr=sum(m.local[t] for t in T) <= share * len(energy))
    return m


def switching_pyomo(latency, edge_load, edge_capacity, cost):
    import pyomo.environ as pyo

    m = pyo.ConcreteModel()
    D, S, T = (range(n) for n in latency.shape)
    m.chosen = pyo.Var(D, S, T, domain=pyo.Binary)
    m.on = pyo.Var(D, S, T, bounds=(0, 1))
    m.goal = pyo.Objective(
        expr=sum(latency[d][s][t] * m.chosen[d, s, t] for d in D for s in S for t in T)
        + cost * sum(m.on[d, s, t] for d in D for s in S for t in T if t)
    )
    m.one = pyo.Constraint(D, T, rule=lambda m, d, t: sum(m.chosen[d, s, t] for s in S) == 1)
    m.edge = pyo.Constraint(
        T, rule=lambda m, t: sum(edge_load[s] * m.chosen[d, s, t] for d in D for s in S) <= edge_capacity[t]
    )
    m.switch = pyo.Constraint(
        D,
        S,
        T,
        rule=lambda m, d, s, t: (
            m.on[d, s, t] >= m.chosen[d, s, t] - m.chosen[d, s, t - 1] if t else pyo.Constraint.Skip
        ),
    )
    return m


def caching_linopy(size, latency, memory):
    import linopy
    import xarray

    m = linopy.Model()
    size = xarray.DataArray(size, dims="models", coords={"models": range(len(size))})
    latency = xarray.DataArray(
        latency, dims=["requests", "models"], coords={"requests": range(len(latency)), **size.coords}
    )
    held = m.add_variables(binary=True, coords=size.coords, name="held")
    serves = m.add_variables(binary=True, coords=latency.coords, name="serves")
    m.add_objective((latency * serves).sum())
    m.add_constraints((size * held).sum() <= memory, name="memory")
    m.add_constraints(serves.sum("models") == 1, name="once")
    m.add_constraints(serves - held <= 0, name="only")
    return m


def assignment_linopy(energy, local_energy, load, capacity, reached, share):
    import linopy
    import xarray

    m = linopy.Model()
    coords = {"tasks": range(len(energy)), "servers": range(len(capacity))}
    energy, load, reached = (
        xarray.DataArray(a, dims=["tasks", "servers"], coords=coords) for a in (energy, load, reached)
    )
    local_energy = xarray.DataArray(local_energy, dims="tasks", coords={"tasks": coords["tasks"]})
    capacity = xarray.DataArray(capacity, dims="servers", coords={"servers": coords["servers"]})
    sent = m.add_variables(binary=True, coords=energy.coords, mask=reached, name="sent")
    local = m.add_variables(binary=True, coords=local_energy.coords, name="local")
    m.add_objective((energy * sent).sum() + (local_energy * local).sum())
    m.add_constraints(sent.sum("servers") + local == 1, name="once")
    m.add_constraints((load * sent).sum("tasks") <= capacity, name="capacity")
    m.add_constraints(local.sum() <= share * len(local_energy), name="few")
    return m


def switching_linopy(latency, edge_load, edge_capacity, cost):
    import linopy
    import xarray

    m = linopy.Model()
    coords = {name: range(n) for name, n in zip(("devices", "splits", "time"), latency.shape, strict=True)}
    latency = xarray.DataArray(latency, dims=list(coords), coords=coords)
    edge_load = xarray.DataArray(edge_load, dims="splits", coords={"splits": coords["splits"]})
    edge_capacity = xarray.DataArray(edge_capacity, dims="time", coords={"time": coords["time"]})
    chosen = m.add_variables(binary=True, coords=latency.coords, name="chosen")
    on = m.add_variables(lower=0, upper=1, coords=latency.coords, name="on")
    later = on.isel(time=slice(1, None))
    m.add_objective((latency * chosen).sum() + cost * later.sum())
    m.add_constraints(chosen.sum("splits") == 1, name="one")
    m.add_constraints((edge_load * chosen).sum(["devices", "splits"]) <= edge_capacity, name="edge")
    m.add_constraints((on - chosen + chosen.shift(time=1)).isel(time=slice(1, None)) >= 0, name="switch")
    return m


def caching_cvxpy(size, latency, memory):
    import cvxpy as cp

    held = cp.Variable(len(size), boolean=True)
    serves = cp.Variable(latency.shape, boolean=True)
    goal = cp.Minimize(cp.sum(cp.multiply(latency, serves)))
    rows = [size @ held <= memory, cp.sum(serves, axis=1) == 1, serves <= held[None, :]]
    return cp.Problem(goal, rows)


def assignment_cvxpy(energy, local_energy, load, capacity, reached, share):
    import cvxpy as cp

    sent = cp.Variable(energy.shape, boolean=True)
    local = cp.Variable(len(energy), boolean=True)
    goal = cp.Minimize(cp.sum(cp.multiply(energy, sent)) + local_energy @ local)
    rows = [
        sent <= reached.astype(float),
        cp.sum(sent, axis=1) + local == 1,
        cp.sum(cp.multiply(load, sent), axis=0) <= capacity,
        cp.sum(local) <= share * len(energy),
    ]
    return cp.Problem(goal, rows)


def switching_cvxpy(latency, edge_load, edge_capacity, cost):
    import cvxpy as cp

    D, S, T = latency.shape
    chosen = [cp.Variable((S, T), boolean=True) for _ in range(D)]
    on = [cp.Variable((S, T), bounds=[0, 1]) for _ in range(D)]
    goal = sum(cp.sum(cp.multiply(latency[d], chosen[d])) + cost * cp.sum(on[d][:, 1:]) for d in range(D))
    rows = [cp.sum(chosen[d], axis=0) == 1 for d in range(D)]
    rows += [sum(edge_load @ chosen[d] for d in range(D)) <= edge_capacity]
    rows += [on[d][:, 1:] >= chosen[d][:, 1:] - chosen[d][:, :-1] for d in range(D)]
    return cp.Problem(cp.Minimize(goal), rows)


JUMP = {
    "caching": """
model = Model()
R, M = axes(latency)
@variable(model, held[M], Bin)
@variable(model, serves[R, M], Bin)
@objective(model, Min, sum(latency[r, m] * serves[r, m] for r in R, m in M))
@constraint(model, memory, sum(size[m] * held[m] for m in M) <= capacity)
@constraint(model, once[r in R], sum(serves[r, m] for m in M) == 1)
@constraint(model, only[r in R, m in M], serves[r, m] <= held[m])
""",
    "assignment": """
model = Model()
T, S = axes(energy)
@variable(model, sent[t in T, s in S; reached[t, s]], Bin)
@variable(model, at_home[T], Bin)
@objective(model, Min, sum(energy[t, s] * sent[t, s] for (t, s) in eachindex(sent)) + sum(local_energy[t] * at_home[t] for t in T))
@constraint(model, once[t in T], sum(sent[t, s] for s in S if reached[t, s]) + at_home[t] == 1)
@constraint(model, room[s in S], sum(load[t, s] * sent[t, s] for t in T if reached[t, s]) <= capacity[s])
@constraint(model, few, sum(at_home) <= share * length(T))
""",
    "switching": """
model = Model()
D, S, T = axes(latency)
@variable(model, chosen[D, S, T], Bin)
@variable(model, 0 <= on[D, S, T] <= 1)
@objective(model, Min, sum(latency .* chosen) + cost * sum(on[d, s, t] for d in D, s in S, t in T[2:end]))
@constraint(model, one[d in D, t in T], sum(chosen[d, s, t] for s in S) == 1)
@constraint(model, edge[t in T], sum(edge_load[s] * chosen[d, s, t] for d in D, s in S) <= edge_capacity[t])
@constraint(model, switch[d in D, s in S, t in T[2:end]], on[d, s, t] >= chosen[d, s, t] - chosen[d, s, t-1])
""",
}


def statements(source: str) -> list[ast.stmt]:
    """Return a function's or class's statements without imports, docstrings and returns."""
    body = ast.parse(source).body[0].body  # type: ignore[attr-defined]
    kept = []
    for one in body:
        doc = isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
        if isinstance(one, ast.FunctionDef):
            kept += statements(ast.unparse(one))
        elif not doc and not isinstance(one, (ast.Import, ast.ImportFrom, ast.Return)):
            kept.append(one)
    return kept


def count(source: str, package: str) -> tuple[int, int]:
    """Return statements of the model, whatever lines they take, and how many names of the package it uses."""
    first = statements(source)
    text = "\n".join(ast.unparse(one) for one in first)
    used = set(
        re.findall(
            {
                "edgeopt": r"eo\.\w+|m\.\w+|\.sum\b|\.mean\b|@",
                "pyomo": r"pyo\.\w+(?:\.\w+)?",
                "linopy": r"linopy\.\w+|m\.\w+|xarray\.\w+|\.sum\b|\.isel\b|\.shift\b|\.coords\b|mask=|binary=",
                "cvxpy": r"cp\.\w+|boolean=|bounds=|@",
            }[package],
            text,
        )
    )
    return len(first), len(used)


def table() -> pd.DataFrame:
    """Return statements and names of each model."""
    import model_caching
    import switching_splits
    import task_assignment

    ours = {
        "caching": model_caching.ModelCaching,
        "assignment": task_assignment.TaskAssignment,
        "switching": switching_splits.SwitchingSplits,
    }
    rows = []
    for problem, kind in ours.items():
        row = {"problem": problem, "edgeopt": count(inspect.getsource(kind), "edgeopt")}
        for package in PACKAGES:
            row[package] = count(inspect.getsource(globals()[f"{problem}_{package}"]), package)
        code = JUMP[problem].strip()
        row["JuMP"] = (len(code.splitlines()), len(set(re.findall(r"@\w+|\bModel\b|\bBin\b|\bMin\b", code))))
        rows.append(row)
    return pd.DataFrame(rows)


if __name__ == "__main__":
    print("(statements, names of the package)")
    print(table().to_string(index=False))
