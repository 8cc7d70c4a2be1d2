"""Splitting benchmark: the exact shortest path beside MILP, CP-SAT and genetic algorithms, on the same instances.

    python benchmarks/split.py [--quick]

Every route gets the same validated problem. Times are medians; the gap is measured against the proved optimum. DEAP and
pymoo take part where they are installed (``pip install -r benchmarks/requirements-peers.txt``).
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pandas as pd
from record import median, note

import edgeopt as eo
from edgeopt.solvers.shortest_path import least_latency

POPULATION, ITERATIONS = 200, 50


def instance(exits: int, layers: int, tiers: int = 3, seed: int = 0) -> eo.StochasticSplit:
    """Random exits: no tier is best for all layers, so the optimum changes tiers where a tensor is small."""
    rng = np.random.default_rng(seed)
    chains = [
        eo.Exit(k / exits, rng.gamma(1.0, 1.0, (layers, tiers)), rng.gamma(1.0, 1.0, layers + 1)) for k in range(exits)
    ]
    return eo.StochasticSplit(chains, rng.dirichlet(np.ones(exits)), 2.0, 5.0 if tiers == 3 else None)


def deap_ga(problem: eo.StochasticSplit, seed: int = 0) -> float:
    """The paper's GA in DEAP: roulette, one point, one mutated layer; the population is evaluated in one call."""
    import random

    from deap import tools

    random.seed(seed)
    rng = np.random.default_rng(seed)
    layers = problem.costs.tree.parent.size
    population = rng.integers(0, problem.tiers, (POPULATION, layers)).tolist()
    best = np.inf
    for _ in range(ITERATIONS):
        latency = problem.costs.expected_latency(np.array(population)) + problem.constant
        best = min(best, float(latency.min()))
        fitness = latency.max() - latency + 1e-9
        chosen = rng.choice(POPULATION, POPULATION, p=fitness / fitness.sum())
        population = [list(population[i]) for i in chosen]
        for first, second in zip(population[::2], population[1::2], strict=True):
            tools.cxOnePoint(first, second)
        for individual in population:
            tools.mutUniformInt(individual, 0, problem.tiers - 1, 1.0 / layers)
    return best


def pymoo_ga(problem: eo.StochasticSplit, seed: int = 0) -> float:
    """Pymoo's GA with one-point crossover on integers, the population evaluated in one call."""
    from pymoo.algorithms.soo.nonconvex.ga import GA
    from pymoo.core.problem import Problem
    from pymoo.operators.crossover.pntx import SinglePointCrossover
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.optimize import minimize

    layers = problem.costs.tree.parent.size

    class Split(Problem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(n_var=layers, n_obj=1, xl=0, xu=problem.tiers - 1, vtype=int)

        def _evaluate(self, x: np.ndarray, out: dict, *args: object, **kwargs: object) -> None:
            out["F"] = problem.costs.expected_latency(np.asarray(x, int)) + problem.constant

    algorithm = GA(
        pop_size=POPULATION,
        sampling=IntegerRandomSampling(),
        crossover=SinglePointCrossover(),
        mutation=PM(prob_var=1.0 / layers, vtype=float, repair=RoundingRepair()),
        eliminate_duplicates=False,
    )
    return float(minimize(Split(), algorithm, ("n_gen", ITERATIONS), seed=seed).F[0])


def routes(problem: eo.StochasticSplit, large: bool) -> list[tuple[str, Callable[[], object], int]]:
    """(name, call, repeats) of every way to the answer; the call returns the objective where it has one."""
    solve = lambda name, **rest: lambda: eo.solve(problem, name, **rest).objective  # noqa: E731
    listed = [
        ("eo.solve, verified", solve("auto"), 200),
        ("array kernel alone", lambda: least_latency(problem.costs) and None, 200),
        ("the same in numpy", lambda: problem.costs.potentials() is None, 5),
        ("highs, flow program", solve("highs"), 3),
        ("cp-sat, flow program", solve("cp-sat", time_limit=60.0), 1),
        ("genetic (ours)", solve("genetic", population=POPULATION, iterations=ITERATIONS), 3),
        ("edgent", solve("edgent"), 3),
    ]
    if find_spec("deap"):
        listed.append(("genetic (DEAP)", lambda: deap_ga(problem), 1 if large else 3))
    if find_spec("pymoo"):
        listed.append(("genetic (pymoo)", lambda: pymoo_ga(problem), 1 if large else 3))
    return listed


def compare(exits: int, layers: int) -> pd.DataFrame:
    problem = instance(exits, layers)
    optimum = eo.solve(problem).objective
    rows = []
    for name, call, repeats in routes(problem, exits * layers > 1000):
        found = call()  # once before timing: compilers, imports
        seconds = median(call, repeats)
        gap = "" if not isinstance(found, float) else f"{found / optimum - 1:.1%}"
        rows.append({"route": name, "time [ms]": 1e3 * seconds, "above the optimum": gap})
    table = pd.DataFrame(rows)
    table.insert(2, "ratio", table["time [ms]"] / table["time [ms]"][0])
    return table


def batch(devices: int) -> pd.DataFrame:
    problem = instance(5, 16)
    many = replace(problem, uplink_rate=np.random.default_rng(1).gamma(2.0, 1.0, devices))
    least_latency(many.costs, devices)
    kernel = median(lambda: least_latency(many.costs, devices), 5)
    solution = eo.solve(many)
    nodes = problem.costs.tree.parent.size
    steps = {"array kernel": kernel, "solve": solution.wall_time, "verification": solution.verify_time}
    rows = [{"step": step, "time [s]": t, "ns per layer": 1e9 * t / devices / nodes} for step, t in steps.items()]
    return pd.DataFrame(rows)


def growth(sizes: list[int]) -> tuple[pd.DataFrame, float]:
    """Time of the kernel against the number of layers, and the exponent of its power law."""
    times = []
    for layers in sizes:
        problem = instance(5, layers)
        times.append(median(lambda problem=problem: least_latency(problem.costs), 30))
    exponent = float(np.polyfit(np.log(sizes), np.log(times), 1)[0])
    frame = pd.DataFrame({"layers of each of 5 exits": sizes, "time [us]": 1e6 * np.array(times)})
    frame["ns per layer"] = 1e3 * frame["time [us]"] / (5 * frame.iloc[:, 0])
    return frame, exponent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the small instance and a small batch only")
    quick = parser.parse_args().quick
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    for exits, layers in [(5, 16)] if quick else [(5, 16), (20, 200)]:
        print(f"\n{exits} exits of {layers} layers on 3 tiers")
        table = compare(exits, layers)
        print(table.to_string(index=False, float_format="{:.4g}".format))
        for name, milliseconds, ratio in table[["route", "time [ms]", "ratio"]].itertuples(index=False):
            note(
                f"{exits} exits of {layers} layers, 3 tiers", name, milliseconds, "ms", 1 / ratio, "eo.solve, verified"
            )
    devices = 1_000 if quick else 100_000
    print(f"\nA batch of {devices} devices with their own link rates, 80 layers each")
    steps = batch(devices)
    print(steps.to_string(index=False, float_format="{:.4g}".format))
    for step, seconds in steps[["step", "time [s]"]].itertuples(index=False):
        note(f"batch of {devices:,} devices, 80 layers each", step, seconds, "s")
    frame, exponent = growth([200, 400, 800] if quick else [200, 400, 800, 1600, 3200, 6400])
    print(f"\nGrowth with the number of layers: time ~ layers^{exponent:.2f}")
    print(frame.to_string(index=False, float_format="{:.4g}".format))


if __name__ == "__main__":
    main()
