"""Slots a second: the compiled loop beside plain Python and numpy over the splits, all on the same drawn slots.

    python benchmarks/slot.py [--quick]

Every route decides MobileNetV2's 20 splits in the paper's environment and moves both queues on. Drawing the random
inputs is not part of the times of the first table; of `simulate` it is.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace

import numpy as np
import pandas as pd
from record import median, note
from scipy.special import lambertw

from edgeopt import solve
from edgeopt.control import DriftPlusPenalty, Environment, simulate
from edgeopt.profiles.energy import SplitCosts
from edgeopt.solvers.compiled.slots import run_slots
from edgeopt.studies.labriji2023.beyond import crowd


def plain(environment: Environment, controller: DriftPlusPenalty, block: tuple[np.ndarray, ...]) -> float:
    """The paper's algorithm as one would write it down."""
    costs, z, h = environment.costs, 0.0, 0.0
    band, total = environment.bandwidth, 0.0
    for n, gain, speed, *_ in zip(*(part.tolist() for part in block), strict=True):
        noise = environment.noise_density * band / gain
        low, high = (band * math.log2(1 + p / noise) for p in environment.power_bounds)
        argument = (z + h / controller.max_delay) / (controller.tradeoff * noise)
        rate = band / math.log(2) * (lambertw((argument - 1) / math.e).real + 1) if argument > 0 else low
        rate = min(max(rate, low), high)
        best = math.inf
        for k in range(len(costs.local_flops)):
            delay = n * (costs.local_flops[k] / environment.local_speed + costs.remote_flops[k] / speed)
            delay += n * costs.payload_bits[k] / rate
            energy = n * (costs.local_energy[k] + noise * (2 ** (rate / band) - 1) * costs.payload_bits[k] / rate)
            value = z * delay + h * (delay > controller.max_delay) + controller.tradeoff * energy
            if value < best:
                best, chosen = value, (delay, energy)
        z = max(0.0, z + chosen[0] - controller.average_delay)
        h = max(0.0, h + (chosen[0] > controller.max_delay) - controller.outage)
        total += chosen[1]
    return total


def over_splits(environment: Environment, controller: DriftPlusPenalty, block: tuple[np.ndarray, ...]) -> float:
    """The same with numpy over the splits."""
    costs, z, h = environment.costs, 0.0, 0.0
    band, total = environment.bandwidth, 0.0
    local = costs.local_flops / environment.local_speed
    for n, gain, speed, *_ in zip(*block, strict=True):
        noise = environment.noise_density * band / gain
        low, high = (band * math.log2(1 + p / noise) for p in environment.power_bounds)
        argument = (z + h / controller.max_delay) / (controller.tradeoff * noise)
        rate = band / math.log(2) * (lambertw((argument - 1) / math.e).real + 1) if argument > 0 else low
        rate = min(max(rate, low), high)
        delay = n * (local + costs.remote_flops / speed + costs.payload_bits / rate)
        energy = n * (costs.local_energy + noise * (2 ** (rate / band) - 1) * costs.payload_bits / rate)
        k = int((z * delay + h * (delay > controller.max_delay) + controller.tradeoff * energy).argmin())
        z = max(0.0, z + delay[k] - controller.average_delay)
        h = max(0.0, h + float(delay[k] > controller.max_delay) - controller.outage)
        total += energy[k]
    return total


def compiled(environment: Environment, controller: DriftPlusPenalty, block: tuple[np.ndarray, ...], rule: int) -> float:
    costs, sums = environment.split_costs, np.zeros((20, 7))
    link = environment.noise_density, *environment.power_bounds
    control = controller.tradeoff, controller.average_delay, controller.max_delay, controller.outage
    clock, totals = (0, 0, max(1, block[0].size // 20)), (np.zeros(2), sums, np.zeros(costs[0].size))
    run_slots(rule, costs, block, link, control, clock, totals, np.empty((0, 7)))
    return float(sums[:, 1].sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer slots and repeats")
    quick = parser.parse_args().quick
    slots, repeats = (20_000, 3) if quick else (200_000, 5)
    environment, controller = Environment(), DriftPlusPenalty()
    block = next(iter(environment.blocks(slots, 0, size=slots)))
    few = tuple(part[: slots // 20] for part in block)
    rows = []
    for name, call, count in (
        ("plain Python", lambda: plain(environment, controller, few), few[0].size),
        ("numpy over splits", lambda: over_splits(environment, controller, few), few[0].size),
        ("lambert-w, compiled", lambda: compiled(environment, controller, block, 0), slots),
        ("two-regime, compiled", lambda: compiled(environment, controller, block, 1), slots),
    ):
        call()
        rows.append((name, count / median(call, repeats)))
    table = pd.DataFrame(rows, columns=["route", "slots_per_s"])
    table["ratio_to_plain"] = table.slots_per_s / table.slots_per_s[0]
    table["ratio_to_numpy"] = table.slots_per_s / table.slots_per_s[1]
    agree = [
        compiled(environment, controller, few, 0),
        plain(environment, controller, few),
        over_splits(environment, controller, few),
    ]
    print(table.to_string(index=False, float_format=lambda v: f"{v:,.1f}"))
    for name, pace, ratio in table[["route", "slots_per_s", "ratio_to_plain"]].itertuples(index=False):
        note("slots in turn, one thread", name, pace, "slots/s", ratio, "plain Python")
    print(f"energies agree to {max(agree) / min(agree) - 1:.1e}")
    for runs in (1, 8, 64):
        many = [{"seed": s} for s in range(runs)]
        seconds = median(lambda: simulate(controller, environment, slots, runs=many, warm_up=0), 3)  # noqa: B023
        note(f"simulate, {runs} runs, draws included", "simulate", runs * slots / seconds, "slots/s")
        print(f"simulate, {runs} runs, draws included: {runs * slots / seconds:,.0f} slots/s")
    growth(environment, controller, block, repeats)
    shared(repeats, quick)


def exponent(sizes: list[int], times: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def growth(environment: Environment, controller: DriftPlusPenalty, block: tuple[np.ndarray, ...], repeats: int) -> None:
    """Fit time against slots, splits and runs."""
    slots = block[0].size
    sizes = [slots // 8, slots // 4, slots // 2, slots]
    times = [median(lambda: compiled(environment, controller, tuple(p[:n] for p in block), 0), repeats) for n in sizes]  # noqa: B023
    print(f"time grows as slots^{exponent(sizes, times):.2f}")
    few = tuple(part[: slots // 8] for part in block)
    counts, times = [20, 80, 320, 1280], []
    for count in counts:
        rows = np.linspace(0, 19, count)
        costs = SplitCosts(
            *(
                np.interp(rows, np.arange(20), getattr(environment.costs, name))
                for name in ("local_flops", "remote_flops", "payload_bits", "local_energy")
            )
        )
        wide = replace(environment, costs=costs)
        times.append(median(lambda: compiled(wide, controller, few, 0), repeats))  # noqa: B023
    print(f"time grows as splits^{exponent(counts, times):.2f}")
    counts = [2, 8, 32]
    many = {n: [{"seed": s} for s in range(n)] for n in counts}
    times = [median(lambda: simulate(controller, environment, slots // 8, runs=many[n], warm_up=0), 3) for n in counts]  # noqa: B023
    print(f"time grows as runs^{exponent(counts, times):.2f}")


def shared(repeats: int, quick: bool) -> None:
    """Users who share band and host in one slot: time and proven gap."""
    rows = []
    for users in (5, 20, 1000, 10_000)[: 3 if quick else 4]:
        for name in ("price-and-branch", "dual-prices"):
            if users > 30 and name == "price-and-branch":
                continue
            solve(crowd(users, 0), name)
            found = [solve(crowd(users, seed), name) for seed in range(repeats)]
            gap = max(one.gap for one in found)
            rows.append((name, users, 1e3 * float(np.median([one.wall_time for one in found])), gap))
            note(f"a slot of {users:,} users, largest gap {gap:.0e}", name, rows[-1][2], "ms")
    columns = ["solver", "users", "milliseconds", "largest_gap"]
    print(pd.DataFrame(rows, columns=columns).to_string(index=False, float_format=lambda v: f"{v:,.3g}"))


if __name__ == "__main__":
    main()
