"""Declaring a problem: edgeopt's algebra beside scipy by hand, linopy, CVXPY and Pyomo.

    python benchmarks/declare.py [--quick]

Six cases: (a) one row over 10^6 binaries; (b) model caching of 1,000 requests and 1,000 models, 10^6 variables with
3 * 10^6 entries; (c) 10^5 scalar rows written in a loop; (d) 6 requests and 4 models; (e) an OfflineOffloading of 10^6
samples and (f) a RevenueMaximization of 10^4 services on 100 servers and 100 links, written by hand for speed
("edgeopt") and compiled from their declarations ("declaration"). With ``--before REVISION`` edgeopt is also measured as
it was at a revision of git. Each route runs in a process of its own: seconds of the processor, which other work on the
machine disturbs less, of the first and of the best call to the sparse matrix that a solver gets, and the memory that it
adds at most to the inputs. Read the ratios, which are of one run; what they should be stands in `TARGETS`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from record import note
from scipy import sparse

import edgeopt as eo

TARGETS = {
    "a": ("by hand", 3.0),
    "b": ("by hand", 1.2),
    "c": ("us a row", 10.0),
    "d": ("ms", 0.5),
    "e": ("before", 1.3),
    "f": ("before", 1.3),
}


class Capacity(eo.Formulation):
    """One row over many binaries."""

    value: eo.Array = eo.data("items")
    room: float

    def declare(self, m: eo.Declaration) -> None:
        """Pack what is worth most."""
        packed = m.binary("packed", "items")
        m.maximize(self.value @ packed)
        m.subject_to(room=packed.sum() <= self.room)


class ModelCaching(eo.Formulation):
    """Which models an edge node holds, and which of them serves each request."""

    size: eo.Array = eo.data("models")
    latency: eo.Array = eo.data("requests", "models")
    memory: float

    def declare(self, m: eo.Declaration) -> None:
        """Serve each request by one model that is held."""
        held = m.binary("held", "models")
        serves = m.binary("serves", "requests", "models")
        m.minimize((self.latency * serves).sum())
        m.subject_to(
            memory=self.size @ held <= self.memory,
            served_once=serves.sum("models") == 1,
            only_held=serves <= held,
        )


class Ramp(eo.Formulation):
    """Scalar rows, one by one."""

    limit: eo.Array = eo.data("time")

    def declare(self, m: eo.Declaration) -> None:
        """Rise by no more than the limit in each step."""
        x = m.continuous("x", "time")
        m.minimize(x.sum())
        for t in range(len(x) - 1):
            m.subject_to("ramp", x[t + 1] - x[t] <= self.limit[t])


def edgeopt_route(case: str, data: dict[str, Any]) -> object:
    if case in PAPERS:
        return getattr(eo, PAPERS[case])(**data).program()
    kind = {"a": Capacity, "b": ModelCaching, "c": Ramp, "d": ModelCaching}[case]
    return kind(**data).program()


PAPERS = {"e": "OfflineOffloading", "f": "RevenueMaximization"}
"""Problems that are written by hand and declared."""


def declaration_route(case: str, data: dict[str, Any]) -> object:
    """Compile the declaration of a problem whose program is written by hand."""
    from edgeopt.algebra.declared import Declared

    return Declared.program(getattr(eo, PAPERS[case])(**data))


def before(case: str, quick: bool, revision: str) -> dict[str, Any]:
    """Measure edgeopt as it was at a revision of git, from a copy in a folder of its own."""
    root = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(["git", "archive", revision, "edgeopt"], cwd=root, capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
        command = [sys.executable, __file__, "--one", case, *(["--quick"] if quick else [])]
        done = subprocess.run(
            command, env=os.environ | {"PYTHONPATH": folder}, capture_output=True, text=True, check=True
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if not found.pop("package").startswith(folder):
        raise RuntimeError("the revision's own package was not imported")
    return found | {"route": "before"}


def by_hand(case: str, data: dict[str, Any]) -> object:
    """COO by scipy, and the program that edgeopt's solvers read."""
    if case == "a":
        n = data["value"].size
        entries = (np.ones(n), (np.zeros(n, np.int32), np.arange(n, dtype=np.int32)))
        matrix = sparse.coo_array(entries, shape=(1, n)).tocsc()
        ones = np.ones(n)
        return eo.Program(
            data["value"], matrix, row_upper=[data["room"]], upper=ones, integrality=ones, sense="maximize"
        )
    if case == "c":
        return _ramp_by_hand(data["limit"])
    size, latency = data["size"], data["latency"]
    requests, models = latency.shape
    pairs, columns = requests * models, models + requests * models
    serves = models + np.arange(pairs, dtype=np.int32)
    only = 1 + requests + np.arange(pairs, dtype=np.int32)
    of_request = 1 + np.repeat(np.arange(requests, dtype=np.int32), models)
    held = np.tile(np.arange(models, dtype=np.int32), requests)
    row = np.concatenate([np.zeros(models, np.int32), of_request, only, only])
    column = np.concatenate([np.arange(models, dtype=np.int32), serves, serves, held])
    value = np.concatenate([size, np.ones(pairs), np.ones(pairs), -np.ones(pairs)])
    matrix = sparse.coo_array((value, (row, column)), shape=(1 + requests + pairs, columns)).tocsc()
    low = np.concatenate([[-np.inf], np.ones(requests), np.full(pairs, -np.inf)])
    high = np.concatenate([[data["memory"]], np.ones(requests), np.zeros(pairs)])
    cost = np.concatenate([np.zeros(models), latency.ravel()])
    ones = np.ones(columns)
    return eo.Program(cost, matrix, row_lower=low, row_upper=high, upper=ones, integrality=ones)


def _ramp_by_hand(limit: np.ndarray) -> object:
    """Lists that a loop fills."""
    row, column, value, high = [], [], [], []
    for t in range(limit.size - 1):
        row += [t, t]
        column += [t + 1, t]
        value += [1.0, -1.0]
        high.append(limit[t])
    matrix = sparse.coo_array((value, (row, column)), shape=(limit.size - 1, limit.size)).tocsc()
    return eo.Program(np.ones(limit.size), matrix, row_upper=high)


def linopy_route(case: str, data: dict[str, Any]) -> object:
    import linopy
    import xarray

    m = linopy.Model()
    if case == "a":
        x = m.add_variables(binary=True, coords=[pd.RangeIndex(data["value"].size, name="items")])
        m.add_constraints(x.sum() <= data["room"])
        m.add_objective((xarray.DataArray(data["value"], dims="items") * x).sum(), sense="max")
        return m.matrices.A
    if case == "c":
        x = m.add_variables(lower=0, coords=[pd.RangeIndex(data["limit"].size, name="time")])
        for t in range(data["limit"].size - 1):
            m.add_constraints(x[t + 1] - x[t] <= data["limit"][t])
        m.add_objective(x.sum())
        return m.matrices.A
    requests, models = (pd.RangeIndex(n, name=name) for n, name in zip(data["latency"].shape, ("r", "m"), strict=True))
    held = m.add_variables(binary=True, coords=[models], name="held")
    serves = m.add_variables(binary=True, coords=[requests, models], name="serves")
    m.add_constraints((xarray.DataArray(data["size"], coords=[models]) * held).sum() <= data["memory"])
    m.add_constraints(serves.sum("m") == 1)
    m.add_constraints(serves - held <= 0)
    m.add_objective((xarray.DataArray(data["latency"], coords=[requests, models]) * serves).sum())
    return m.matrices.A


def cvxpy_route(case: str, data: dict[str, Any]) -> object:
    import cvxpy as cp

    if case == "a":
        x = cp.Variable(data["value"].size, boolean=True)
        problem = cp.Problem(cp.Maximize(data["value"] @ x), [cp.sum(x) <= data["room"]])
    elif case == "c":
        x = cp.Variable(data["limit"].size, nonneg=True)
        rows = [x[t + 1] - x[t] <= limit for t, limit in enumerate(data["limit"][:-1])]
        problem = cp.Problem(cp.Minimize(cp.sum(x)), rows)
    else:
        latency = data["latency"]
        held = cp.Variable(latency.shape[1], boolean=True)
        serves = cp.Variable(latency.shape, boolean=True)
        rows = [data["size"] @ held <= data["memory"], cp.sum(serves, axis=1) == 1, serves <= held[None, :]]
        problem = cp.Problem(cp.Minimize(cp.sum(cp.multiply(latency, serves))), rows)
    return problem.get_problem_data(cp.HIGHS if hasattr(cp, "HIGHS") else cp.SCIPY)


def pyomo_route(case: str, data: dict[str, Any]) -> object:
    import pyomo.environ as pyo
    from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

    m = pyo.ConcreteModel()
    if case == "a":
        value = data["value"].tolist()
        m.x = pyo.Var(range(len(value)), domain=pyo.Binary)
        m.room = pyo.Constraint(expr=pyo.quicksum(m.x.values()) <= data["room"])
        m.goal = pyo.Objective(expr=pyo.quicksum(-v * x for v, x in zip(value, m.x.values(), strict=True)))
    elif case == "c":
        limit = data["limit"].tolist()
        m.x = pyo.Var(range(len(limit)), domain=pyo.NonNegativeReals)
        m.ramp = pyo.Constraint(range(len(limit) - 1), rule=lambda m, t: m.x[t + 1] - m.x[t] <= limit[t])
        m.goal = pyo.Objective(expr=pyo.quicksum(m.x.values()))
    else:
        size, latency = data["size"].tolist(), data["latency"].tolist()
        requests, models = range(len(latency)), range(len(size))
        m.held, m.serves = pyo.Var(models, domain=pyo.Binary), pyo.Var(requests, models, domain=pyo.Binary)
        m.memory = pyo.Constraint(expr=pyo.quicksum(size[j] * m.held[j] for j in models) <= data["memory"])
        m.once = pyo.Constraint(requests, rule=lambda m, r: pyo.quicksum(m.serves[r, j] for j in models) == 1)
        m.only = pyo.Constraint(requests, models, rule=lambda m, r, j: m.serves[r, j] <= m.held[j])
        m.goal = pyo.Objective(expr=pyo.quicksum(latency[r][j] * m.serves[r, j] for r in requests for j in models))
    return LinearStandardFormCompiler().write(m)


ROUTES: dict[str, Callable[[str, dict[str, Any]], object]] = {
    "edgeopt": edgeopt_route,
    "declaration": declaration_route,
    "by hand": by_hand,
    "linopy": linopy_route,
    "CVXPY": cvxpy_route,
    "Pyomo": pyomo_route,
}
PEERS = set(ROUTES) - {"declaration"}


FRACTION = {"min_local_fraction": 0.6}


def data_of(case: str, quick: bool) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    if case == "a":
        return {"value": rng.uniform(size=10**5 if quick else 10**6), "room": 5.0}
    if case == "c":
        return {"limit": rng.uniform(size=10**4 if quick else 10**5)}
    if case == "e":
        size = 10**5 if quick else 10**6
        return {"local_cost": rng.gamma(2.0, 1.0, size), "remote_cost": rng.gamma(2.0, 0.8, size)} | FRACTION
    if case == "f":
        size, rows = 10**3 if quick else 10**4, 100
        densities = {f"{kind}_density": rng.uniform(size=(rows, size)) for kind in ("compute", "link")}
        capacities = {f"{kind}_capacity": np.full(rows, 1e3) for kind in ("compute", "link")}
        return {"unit_revenue": rng.uniform(size=size), "traffic": np.ones(size)} | densities | capacities
    side = {"b": 300 if quick else 1000, "d": None}[case]
    shape = (6, 4) if side is None else (side, side)
    return {"size": rng.uniform(size=shape[1]), "latency": rng.uniform(size=shape), "memory": 3.0}


def measure(task: tuple[str, str, bool, int]) -> dict[str, Any]:
    """Seconds of the first and the best call, and MiB above the inputs of one more."""
    case, route, quick, repeats = task
    data, call = data_of(case, quick), ROUTES[route]
    many = 100 if case == "d" and route in ("edgeopt", "by hand") else 1
    times = []
    for number in range(repeats + 1):
        started = time.process_time()
        for _ in range(1 if number == 0 else many):
            call(case, data)
        times.append((time.process_time() - started) / (1 if number == 0 else many))
        if sum(times) > 60:
            break
    peak = 0
    if case in "abef" and route != "Pyomo":
        tracemalloc.start()
        kept = call(case, data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        del kept
    return {"case": case, "route": route, "first": times[0], "best": min(times[1:] or times), "MiB": peak / 2**20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    parser.add_argument("--routes", default=",".join(ROUTES), help="which routes, separated by commas")
    parser.add_argument("--cases", default="abcdef", help="which cases")
    parser.add_argument("--before", metavar="REVISION", help="measure edgeopt as it was at a revision of git too")
    parser.add_argument("--one", metavar="CASE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure((given.one, "edgeopt", given.quick, 9)) | {"package": eo.__file__}))
        return
    slow = {("c", "linopy"), ("c", "CVXPY")}
    tasks = [
        (case, route, given.quick, 9 if case in PAPERS else 5 if route in ("edgeopt", "by hand") else 2)
        for case in given.cases
        for route in given.routes.split(",")
        if (case, route) not in slow and (route in ("edgeopt", "declaration") if case in PAPERS else route in PEERS)
    ]
    context = multiprocessing.get_context("spawn")
    rows = []
    for task in tasks:
        with context.Pool(1) as pool:  # a fresh process for each: nobody warms another's memory
            rows.append(pool.apply(measure, (task,)))
        if given.before and task[1] == "edgeopt":
            rows.append(before(task[0], given.quick, given.before))
    table = pd.DataFrame(rows)
    for column in ("best", "MiB"):
        for route in ("by hand", "before") if given.before else ("by hand",):
            other = table[table["route"] == route].set_index("case")[column]
            table[f"{column} / {route}"] = [
                row[column] / other.get(row["case"], np.nan) if row[column] else np.nan for row in rows
            ]
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    for row in rows:
        mine = table[(table["case"] == row["case"]) & (table["route"] == "edgeopt")]["best"]
        ratio = row["best"] / float(mine.iloc[0]) if len(mine) else None
        note(f"declare {row['case']}", str(row["route"]), float(row["best"]), "s", ratio, "edgeopt")
    print("scalar rows by linopy and CVXPY are left out: 1,600 s and 900 s at 10^5 rows")


if __name__ == "__main__":
    main()
