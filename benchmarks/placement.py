"""Placement benchmark: compressed cuts, pipelines, language models: exact beside MILP, heuristics, every placement.

    python benchmarks/placement.py [--quick] [--seed N] [--picture FILE] [--language FILE]

Times are medians of the solver alone and of its certificate's check; answers are compared with HiGHS on typical
instances and with brute force on thousands of small ones. The script ends with an error where an answer is wrong.
"""

from __future__ import annotations

import argparse
import platform
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from record import median, note

import edgeopt as eo
from edgeopt.analysis import throughput_front
from edgeopt.formulations.compressed_split.certificate import rest_of
from edgeopt.formulations.language_split import LanguageSplit
from edgeopt.instances.compressed_split import generated as compressed
from edgeopt.instances.language_split import FAMILIES as LANGUAGE
from edgeopt.instances.language_split import published
from edgeopt.instances.pipelined_split import generated as pipelined
from edgeopt.solvers.label_setting import cheapest
from edgeopt.solvers.stage_bisection import stage_bisection
from edgeopt.testing.families.compressed_split import compressed_enumerated
from edgeopt.testing.families.language_split import drawn as language_drawn
from edgeopt.testing.families.language_split import language_enumerated
from edgeopt.testing.families.pipelined_split import pipelined_enumerated

WRONG: list[str] = []


def expect(good: bool, what: str) -> None:
    """Remember an answer that is wrong."""
    if not good:
        WRONG.append(what)


def beside_highs(problem: eo.Problem, name: str, best: float, limit: float) -> float:
    """Return the seconds of HiGHS; its objective must be that of the exact solver unless its limit ended it."""
    started = perf_counter()
    other = eo.solve(problem, "highs", time_limit=limit, relative_gap=1e-9)
    seconds = perf_counter() - started
    if other.status == "optimal":
        expect(abs(other.objective - best) <= 1e-7 * abs(best), f"{name}: {best} is not highs' {other.objective}")
    elif other.status.has_decision:
        expect(other.objective >= best * (1 - 1e-9), f"{name}: highs found {other.objective}, better than {best}")
    return seconds


def compressed_cuts(seeds: int, limit: float) -> pd.DataFrame:
    """Time label setting at 20 and 200 layers, and what prices alone and one cut miss."""
    rows = []
    kinds = {"typical": {}, "adversarial": {"adversarial": True}, "energy capped": {"cap": "energy"}}
    kinds |= {"energy capped, adversarial": {"cap": "energy", "adversarial": True}}
    for (kind, knobs), layers in ((entry, n) for entry in kinds.items() for n in (20, 200)):
        times, checks, gaps, cuts, highs = [], [], [], [], []
        for seed in range(3 * seeds if "cap" in knobs else seeds):  # two caps differ more from seed to seed
            problem = compressed(layers, seed=seed, budget=0.03, **knobs)
            if "cap" in knobs:
                problem = halfway(problem)
            found = eo.solve(problem)
            expect(found.proved, f"{kind} {layers} {seed} is not proved: {found}")
            if not found.status.has_decision:
                continue
            times.append(median(lambda problem=problem: cheapest(problem.moves), 5))
            checks.append(found.verify_time)
            one = eo.solve(problem, "jalad")
            if one.status.has_decision:
                cuts.append(one.objective / found.objective - 1)
            gaps.append(found.objective / proved_by_prices(problem, found) - 1)
            if seed < 2:
                highs.append(beside_highs(problem, f"{kind} {layers} {seed}", found.objective, limit))
        rows.append(
            {
                "compressed cuts": kind,
                "layers": layers,
                "solver [ms]": 1e3 * np.median(times),
                "slowest [ms]": 1e3 * np.max(times),
                "check [ms]": 1e3 * np.median(checks),
                "slowest check [ms]": 1e3 * np.max(checks),
                "highs [ms]": 1e3 * np.median(highs),
                "prices alone": f"{np.max(gaps):.1%}",
                "one cut (jalad)": f"{np.median(cuts):.1%}" if cuts else "none fits",
            }
        )
    return pd.DataFrame(rows)


def halfway(problem: eo.CompressedSplit) -> eo.CompressedSplit:
    """Cap the energy halfway between the least there is and that of the fastest placement."""
    free = replace(problem, max_energy=None)
    fast, frugal = (eo.solve(replace(free, goal=goal)).decision for goal in ("latency", "energy"))
    return replace(problem, max_energy=0.5 * (problem.energy(fast) + problem.energy(frugal)))


def proved_by_prices(problem: eo.CompressedSplit, found: eo.Solution) -> float:
    """Return the bound of the certificate's prices alone, without the count of what they leave open."""
    prices = found.certificate.prices
    return float(rest_of(problem.moves, prices)[0, 0, 0] - prices @ problem.moves.caps)


def pipelines(sizes: list[int], limit: float) -> pd.DataFrame:
    """Time bisection and the whole front, and what balanced blocks miss."""
    rows = []
    for layers in sizes:
        problem = pipelined(layers, seed=layers)
        found = eo.solve(problem)
        expect(found.status == "optimal" and found.proved, f"pipeline of {layers} is not proved: {found}")
        front = throughput_front(problem)
        expect(abs(front.period[-1] / found.objective - 1) < 1e-9, f"the front of {layers} ends at {front.period[-1]}")
        highs = beside_highs(problem, f"pipeline {layers}", found.objective, limit) if layers <= 200 else np.nan
        fastest = eo.solve(replace(problem, goal="latency")).decision
        rows.append(
            {
                "pipelines: layers": layers,
                "solver [ms]": 1e3 * median(lambda problem=problem: stage_bisection(problem, eo.Options()), 9),
                "check [ms]": 1e3 * found.verify_time,
                "front [ms]": 1e3 * median(lambda problem=problem: throughput_front(problem), 3),
                "points": len(front),
                "highs [ms]": 1e3 * highs,
                "balanced blocks (gpipe)": f"{eo.solve(problem, 'gpipe').objective / found.objective - 1:.1%}",
                "fastest frame": f"{problem.period(fastest) / found.objective - 1:.1%}",
            }
        )
    return pd.DataFrame(rows)


def language_models(limit: float) -> pd.DataFrame:
    """Time label setting on the library's language models, and what one cut misses."""
    rows = []
    members = [(family, member) for family in LANGUAGE for member in family.members]
    for family, member in members:
        problem = family.build(**family.members[member])
        found, name = eo.solve(problem), f"{family.name.partition('/')[2]}-{member}"
        expect(found.status == "optimal" and found.proved, f"language model {name} is not proved: {found}")
        one = eo.solve(problem, "neurosurgeon")
        gap = f"{one.objective / found.objective - 1:.1%}" if one.status.has_decision else "none fits"
        rows.append(
            {
                "language models": name,
                "layers": len(problem.prefill_time),
                "solver [ms]": 1e3 * median(lambda problem=problem: cheapest(problem.moves), 9),
                "check [ms]": 1e3 * found.verify_time,
                "highs [ms]": 1e3 * beside_highs(problem, f"language model {name}", found.objective, limit),
                "one cut (neurosurgeon)": gap,
            }
        )
    return pd.DataFrame(rows)


def brute_force(number: int, seed: int) -> pd.DataFrame:
    """Compare small random instances with every placement tried."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "formulations"))
    import test_compressed_split
    import test_pipelined_split
    import test_stages

    rows = []
    for name, drawn, enumerated in (
        ("compressed cuts", test_compressed_split.drawn, compressed_enumerated),
        ("pipelines", test_pipelined_split.drawn, pipelined_enumerated),
        ("language models", scarce, language_enumerated),
    ):
        rng, agreed = np.random.default_rng(seed), 0
        for k in range(number):
            problem = drawn(rng)
            best, found = enumerated(problem), eo.solve(problem)
            if best == np.inf:
                good = found.status == "infeasible"
            else:
                good = found.status == "optimal" and abs(found.objective - best) <= 1e-9 * max(1.0, best)
            expect(good and found.proved, f"{name} {k}: every placement gives {best}, the solver {found}")
            agreed += good
        rows.append({"every placement tried": name, "instances": number, "equal": agreed})
    rng, agreed = np.random.default_rng(seed), 0
    for k in range(number // 8):
        best, found = test_stages.graph_pipeline(rng)
        good = found.status == "infeasible" if best == np.inf else abs(found.objective - best) <= 1e-9 * max(1.0, best)
        expect(good, f"pipelines of graphs {k}: every placement gives {best}, the solver {found}")
        agreed += good
    rows.append({"every placement tried": "pipelines of graphs", "instances": number // 8, "equal": agreed})
    return pd.DataFrame(rows)


def scarce(rng: np.random.Generator) -> LanguageSplit:
    """Draw a small language model over two tiers that have room for all of it, for most, or for too little."""
    return language_drawn(
        int(rng.integers(1 << 30)), int(rng.integers(1, 7)), 2, float(rng.choice([0.3, 0.5, 0.6, 0.8]))
    )


def language_picture(path: str) -> None:
    """Draw what memory of the server buys, and what each pass of the exact placement is made of."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    shares = np.linspace(0.62, 1.0, 39)
    for solver, label in (("label-setting", "exact"), ("neurosurgeon", "one cut (Neurosurgeon)")):
        found = [eo.solve(published(edge=share), solver) for share in shares]
        left.plot(100 * shares, [one.objective for one in found], drawstyle="steps-post", label=label)
    left.set(xlabel="share of the model that the server holds [%]", ylabel="time of a request [s]", ylim=(0, None))
    left.set_title("Llama 2 7B on a phone and a server")
    left.legend()
    for rate, colour in ((1e7, "tab:green"), (5e7, "tab:blue")):
        problems = [published(phone=1.0, edge=share, rate=rate) for share in shares]
        decisions = [eo.solve(problem).decision for problem in problems]
        pairs = list(zip(problems, decisions, strict=True))
        first = [problem.first_token_time(decision) for problem, decision in pairs]
        token = [problem.token_time(decision) for problem, decision in pairs]
        right.step(100 * shares, first, where="post", color=colour, label=f"first token, {rate / 1e6:.0f} Mbit/s")
        right.step(
            100 * shares, token, "--", where="post", color=colour, label=f"each further, {rate / 1e6:.0f} Mbit/s"
        )
    right.set(xlabel="share of the model that the server holds [%]", ylabel="time [s]", yscale="log", ylim=(3e-3, None))
    right.set_title("both phases of the exact placement")
    right.legend(fontsize="small", loc="lower left")
    figure.savefig(path, dpi=110)


def picture(path: str) -> None:
    """Draw what compression and pipelining buy on one typical chain."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    problem = compressed(40, seed=1)
    losses = np.linspace(0.0, 0.08, 33)
    for solver, label in (("label-setting", "exact"), ("jalad", "one cut (JALAD)")):
        found = [eo.solve(replace(problem, accuracy_floor=0.78 - loss), solver) for loss in losses]
        left.step(100 * losses, [1e3 * one.objective for one in found], where="post", label=label)
    left.set(xlabel="accuracy that may be lost [points]", ylabel="latency [ms]", title="cut and precision together")
    left.legend()
    chain = pipelined(40, seed=1)
    front = throughput_front(chain)
    right.step(1e3 * front.latency, front.throughput, where="post", label="no other beats it")
    balanced = eo.solve(chain, "gpipe").decision
    right.plot(1e3 * chain.latency(balanced), 1.0 / chain.period(balanced), "o", label="balanced blocks (GPipe)")
    right.set(xlabel="latency [ms]", ylabel="frames a second", title="frames in flight")
    right.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer seeds and instances, within a minute")
    parser.add_argument("--seed", type=int, default=1, help="of the small instances of which every placement is tried")
    parser.add_argument("--picture", metavar="FILE", help="draw docs/placement.png there, and nothing else")
    parser.add_argument("--language", metavar="FILE", help="draw docs/language_models.png there, and nothing else")
    arguments = parser.parse_args()
    if arguments.picture:
        picture(arguments.picture)
    if arguments.language:
        language_picture(arguments.language)
    if arguments.picture or arguments.language:
        return
    quick = arguments.quick
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    tables = [
        compressed_cuts(2 if quick else 12, 5.0 if quick else 60.0),
        pipelines([20, 200] if quick else [20, 200, 2000], 5.0 if quick else 60.0),
        language_models(5.0 if quick else 60.0),
        brute_force(200 if quick else 3000, arguments.seed),
    ]
    for table in tables:
        print(table.to_string(index=False, float_format="%.3g"), end="\n\n")
    for kind, layers, ours, highs in tables[0][["compressed cuts", "layers", "solver [ms]", "highs [ms]"]].to_numpy():
        note(f"compressed cuts, {kind}, {layers} layers", "label-setting", ours, "ms", highs / ours, "highs")
    for layers, ours, highs in tables[1][["pipelines: layers", "solver [ms]", "highs [ms]"]].to_numpy():
        note(f"pipeline of {int(layers)} layers", "stage-bisection", ours, "ms", highs / ours, "highs")
    for name, ours, highs in tables[2][["language models", "solver [ms]", "highs [ms]"]].to_numpy():
        note(f"language model {name}", "label-setting", ours, "ms", highs / ours, "highs")
    if WRONG:
        raise SystemExit("wrong answers:\n  " + "\n  ".join(WRONG))


if __name__ == "__main__":
    main()
