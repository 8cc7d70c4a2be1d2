"""Time to a solved offloading problem: edgeopt's solvers, and what a user would otherwise write by hand.

    python benchmarks/offloading.py                 # K = 10^3, 10^5, 10^6, 10^7; routes stop where they take too long
    python benchmarks/offloading.py --sizes 1000000 --routes selection,partition,highs,highspy

Every route runs in a fresh process, so that its peak memory is its own. ``build`` is making the model or the validated
problem, ``solve`` everything after it: for edgeopt that includes the independent verification. Medians of several runs.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from statistics import median

import numpy as np
from record import note

FRACTION = 0.6
SIZES = (10**3, 10**5, 10**6, 10**7)


def costs(size: int):
    """Costs as two exits give them: positive, skewed, the remote one better on average."""
    rng = np.random.default_rng(0)
    return rng.gamma(2.0, 1.0, size), rng.gamma(2.0, 0.8, size)


def edgeopt_route(solver: str):
    """Return build and solve steps through ``edgeopt.solve``."""
    import edgeopt as eo

    def build(local, remote):
        return eo.OfflineOffloading(local, remote, FRACTION)

    def solve(problem):
        solution = eo.solve(problem, solver)
        if solution.status != "optimal":
            raise RuntimeError(f"{solver}: {solution}")
        return solution.objective, solution.verify_time

    return build, solve


def partition():
    """``numpy.partition`` of the benefit with its mask: the least that any exact method does."""

    def solve(data):
        local, remote = data
        benefit = local - remote
        count = int(np.ceil(FRACTION * benefit.size))
        mask = benefit <= np.partition(benefit, count - 1)[count - 1]
        return (lambda: float(np.where(mask, local, remote).mean())), 0.0

    return (lambda local, remote: (local, remote)), solve


def highspy():
    """A hand-written highspy call with arrays."""
    import highspy as hs

    def build(local, remote):
        count = local.size
        model = hs.HighsLp()
        model.num_col_, model.num_row_ = count, 1
        model.col_cost_ = (local - remote) / count
        model.col_lower_, model.col_upper_ = np.zeros(count), np.ones(count)
        model.row_lower_, model.row_upper_ = np.array([np.ceil(FRACTION * count)]), np.array([np.inf])
        model.a_matrix_.format_ = hs.MatrixFormat.kColwise
        model.a_matrix_.start_ = np.arange(count + 1, dtype=np.int32)
        model.a_matrix_.index_ = np.zeros(count, dtype=np.int32)
        model.a_matrix_.value_ = np.ones(count)
        model.integrality_ = [hs.HighsVarType.kInteger] * count
        model.offset_ = float(remote.mean())
        solver = hs.Highs()
        solver.setOptionValue("output_flag", False)
        solver.passModel(model)
        return solver

    def solve(solver):
        solver.run()
        return solver.getInfo().objective_function_value, 0.0

    return build, solve


def pyomo():
    """A hand-written Pyomo model, solved by HiGHS."""
    import pyomo.environ as pyo
    from pyomo.contrib.solver.common.factory import SolverFactory

    def build(local, remote):
        count = local.size
        model = pyo.ConcreteModel()
        model.k = pyo.RangeSet(0, count - 1)
        model.x = pyo.Var(model.k, domain=pyo.Binary)
        model.cost = pyo.Objective(
            expr=sum(local[k] * model.x[k] + remote[k] * (1 - model.x[k]) for k in model.k) / count
        )
        model.fraction = pyo.Constraint(expr=sum(model.x[k] for k in model.k) >= np.ceil(FRACTION * count))
        return model

    def solve(model):
        return SolverFactory("highs").solve(model).incumbent_objective, 0.0

    return build, solve


def cvxpy():
    """A hand-written CVXPY model, solved by HiGHS."""
    import cvxpy as cp

    def build(local, remote):
        x = cp.Variable(local.size, boolean=True)
        cost = (local @ x + remote @ (1 - x)) / local.size
        return cp.Problem(cp.Minimize(cost), [cp.sum(x) >= np.ceil(FRACTION * local.size)])

    return build, lambda problem: (problem.solve(solver=cp.HIGHS), 0.0)


def linopy():
    """A hand-written linopy model, solved by HiGHS."""
    import linopy

    def build(local, remote):
        model = linopy.Model()
        x = model.add_variables(binary=True, coords=[range(local.size)], name="x")
        model.add_constraints(x.sum() >= np.ceil(FRACTION * local.size))
        model.add_objective((x * ((local - remote) / local.size)).sum())
        return model, float(remote.mean())

    def solve(built):
        model, offset = built
        model.solve(solver_name="highs", io_api="direct", log_to_console=False, output_flag=False)
        return float(model.objective.value) + offset, 0.0

    return build, solve


def pulp():
    """A hand-written PuLP model, solved by HiGHS."""
    import pulp as pl

    def build(local, remote):
        model = pl.LpProblem("offloading", pl.LpMinimize)
        x = [pl.LpVariable(f"x{k}", cat="Binary") for k in range(local.size)]
        model += pl.LpAffineExpression(list(zip(x, (local - remote) / local.size, strict=True)), float(remote.mean()))
        model += pl.lpSum(x) >= np.ceil(FRACTION * local.size)
        return model

    def solve(model):
        model.solve(pl.HiGHS(msg=False))
        return pl.value(model.objective), 0.0

    return build, solve


# The route, and the largest size at which it ends within minutes.
OURS = {
    "selection": 10**7,
    "selection-stream": 10**7,
    "highs": 10**6,
    "cvxpy": 10**6,
    "scipy": 10**4,
    "cp-sat": 10**5,
    "pyomo": 10**5,
}
BY_HAND = {
    "partition": (partition, 10**7),
    "highspy": (highspy, 10**6),
    "cvxpy by hand": (cvxpy, 10**6),
    "linopy by hand": (linopy, 10**6),
    "pyomo by hand": (pyomo, 10**6),
    "pulp by hand": (pulp, 10**5),
}
ROUTES = {**OURS, **{name: most for name, (_, most) in BY_HAND.items()}}


def measure(route: str, size: int, budget: float) -> dict[str, float]:
    """Return the medians of 3 to 25 runs within about `budget` seconds; a route that takes 40 s runs once."""
    build, solve = BY_HAND[route][0]() if route in BY_HAND else edgeopt_route(route)
    build_and_solve(build, solve, *costs(8))  # imports and caches warm
    local, remote = costs(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runs: list[tuple[float, float, float, float]] = []
    started = time.perf_counter()
    while len(runs) < 3 or (len(runs) < 25 and time.perf_counter() - started < budget):
        runs.append(build_and_solve(build, solve, local, remote))
        if time.perf_counter() - started > 40:  # a route this slow is not going to be close
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    middle = [median(column) for column in zip(*runs, strict=True)]
    names = ("build", "solve", "verify", "objective")
    return {**dict(zip(names, middle, strict=True)), "runs": len(runs), "memory": peak / 1024}


def build_and_solve(build, solve, local, remote) -> tuple[float, float, float, float]:
    """Return build, solve and verification seconds, and the objective."""
    start = time.perf_counter()
    model = build(local, remote)
    built = time.perf_counter()
    objective, verify = solve(model)
    solved = time.perf_counter()
    return built - start, solved - built, verify, objective() if callable(objective) else objective


def run(route: str, size: int, budget: float) -> dict[str, float] | str:
    """Measure one route in a process of its own."""
    command = [sys.executable, __file__, "--measure", route, "--sizes", str(size), "--budget", str(budget)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["failed"])[-1]
    return json.loads(done.stdout.strip().splitlines()[-1])


def table(size: int, routes: list[str], budget: float) -> None:
    """Print one table: every route at one size."""
    rows = {route: run(route, size, budget) for route in routes if size <= ROUTES[route]}
    base = rows.get("selection")
    print(f"\n### K = {size:,}\n")
    print(
        "| route | build [ms] | solve [ms] | of it verification [ms] | solve / selection | peak memory [MB] | "
        "relative difference of the optimum | runs |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for route, row in rows.items():
        if isinstance(row, str) or not isinstance(base, dict):
            print(f"| {route} | {row} |")
            continue
        note(f"K = {size:,}", route, 1e3 * row["solve"], "ms", base["solve"] / row["solve"], "selection")
        apart = abs(row["objective"] - base["objective"]) / abs(base["objective"])
        print(
            f"| {route} | {1e3 * row['build']:.3g} | {1e3 * row['solve']:.3g} | {1e3 * row['verify']:.3g} | "
            f"{row['solve'] / base['solve']:.3g} | {row['memory']:.0f} | {apart:.1e} | {row['runs']} |",
            flush=True,
        )


def main() -> None:
    """Print the tables, machine and versions first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--routes", default=",".join(ROUTES))
    parser.add_argument("--budget", type=float, default=5.0, help="seconds for the repetitions of one route")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sizes = [int(float(size)) for size in arguments.sizes.split(",")]
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, sizes[0], arguments.budget)))
        return
    packages = ("numpy", "scipy", "highspy", "ortools", "pyomo", "cvxpy", "linopy", "pulp")
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(", ".join(f"{package} {version(package)}" for package in packages))
    for size in sizes:
        table(size, arguments.routes.split(","), arguments.budget)
    print("\nRegenerate: python benchmarks/offloading.py")


if __name__ == "__main__":
    main()
