"""What the paper does not show: where its closed form is interior, what exactness gains, measured input, many users."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...control import DriftPlusPenalty, Environment, simulate
from ...data.jetson import measured_splits, read_jetson
from ...formulations.shared_slot import SharedSlot
from ...formulations.slot import SlotProblem
from ...model.outcome import Options
from ...model.tolerance import EQUAL
from ...profiles.channel import path_gain, shannon
from ...solvers.two_regime import two_regime
from ...solving.solve import solve
from ..verdicts import paired_interval

if TYPE_CHECKING:
    from pathlib import Path

    from ..report import Report
    from .runs import Runs


def reproduce(report: Report, done: Runs, seeds: int, data: Path | None) -> None:
    """Add the study of interior rates, of the exact rule, of Neely's bounds, and of measured processor loads."""
    controller, environment, slots = done.controller, done.environment, done.slots
    inside = interior_rates(environment, controller, min(slots, 20_000))
    report.table("interior_rates", inside, "Share of sending slots whose rate lies inside its bounds")
    paper = inside[(inside.bandwidth == 200e6) & (inside.largest_power == 0.1)]
    report.claim(
        "the closed-form rate decides the rate at the paper's parameters",
        "assumed",
        f"{100 * paper.interior.min():.1f} to {100 * paper.interior.max():.1f}",
        "% of sending slots",
        bool(paper.interior.max() > 0.01),
        "elsewhere it does: see interior_rates.csv",
    )
    _exact_rule(report, done, seeds)
    _several_users(report)
    _neely(report, done, seeds)
    if data is None:
        report.text("Measured loads, links and energies were left out: there is no data folder (`--data`).")
        return
    _jetson(report, controller, environment, data, slots)
    _measured(report, controller, environment, data, slots)
    _cellular(report, controller, environment, data, slots)


def interior_rates(environment: Environment, controller: DriftPlusPenalty, slots: int) -> pd.DataFrame:
    """Return how often the rate of eq. 19 lies strictly between its bounds, over bandwidth, power and V."""
    rows = []
    for bandwidth in (200e6, 20e6, 2e6):
        for power in (0.1, 1.0, 10.0):
            for tradeoff in (0.01, 1.0, 100.0):
                around = replace(environment, bandwidth=bandwidth, power_bounds=(0.01, power))
                found = simulate(
                    replace(controller, tradeoff=tradeoff), around, slots, warm_up=slots // 2, keep=True, threads=1
                ).slots[0]
                gains = np.concatenate([block[1] for block in around.blocks(slots, 0)])
                signal = gains / (around.noise_density * bandwidth)
                low, high = (bandwidth * np.log2(1 + p * signal) for p in around.power_bounds)
                sent = (found.rate.to_numpy() > 0) & (np.arange(slots) >= slots // 2)
                rate = found.rate.to_numpy()
                inside = sent & (rate > low * (1 + EQUAL)) & (rate < high * (1 - EQUAL))
                rows.append((bandwidth, power, tradeoff, inside.sum() / max(1, sent.sum()), sent[slots // 2 :].mean()))
    return pd.DataFrame(rows, columns=["bandwidth", "largest_power", "tradeoff", "interior", "sending"])


def _exact_rule(report: Report, done: Runs, seeds: int) -> None:
    """Decide the slots of the same draws by the paper's surrogate and exactly; show what the runs spend."""
    rules = [
        {"rule": r, "availability": a, "tradeoff": v, "seed": s}
        for a in (0.1, 1.0)
        for v in (0.001, 0.01, 1.0)
        for r in ("lambert-w", "two-regime")
        for s in range(seeds)
    ]
    found = done.summary("exact_rule", rules)
    columns = ["delay", "outage", "energy", "saving"]
    both = found.groupby(["availability", "tradeoff", "rule"])[columns].mean().reset_index()
    report.table("exact_rule", both, "The exact optimum of each slot against the paper's surrogate, means over seeds")
    runs = found.pivot(index="seed", columns=["availability", "tradeoff", "rule"], values="energy")
    for availability, tradeoff in both[["availability", "tradeoff"]].drop_duplicates().itertuples(index=False):
        surrogate, exact = (runs[availability, tradeoff, rule] for rule in ("lambert-w", "two-regime"))
        saved = paired_interval(100 * (1 - exact / surrogate))
        within = ", and the interval holds 0" if saved.low <= 0 <= saved.high else ""
        report.finding(
            f"energy saved by deciding each slot exactly (availability {availability:g}, V = {tradeoff:g})",
            str(saved),
            "%",
            f"paired by seed{within}; the best decision of a slot need not be the best for the run",
        )


def _neely(report: Report, done: Runs, seeds: int) -> None:
    """Show energy and queues against V; the O(V) of Neely's theory asks for slots whose squared delay has a mean."""
    values = np.logspace(-3, 1, 9)
    runs = [
        {"tradeoff": float(v), "rule": "two-regime", "availability": 0.3, "seed": s}
        for v in values
        for s in range(seeds)
    ]
    found = done.summary("neely", runs)
    columns = ["energy", "largest_delay_queue", "largest_outage_queue"]
    table = found.groupby("tradeoff")[columns].median().reset_index()
    report.table("neely", table, "Energy and queues against V, availability up to 0.3, medians over seeds")
    report.figure("neely", _draw_neely(found), "Energy of a slot and largest queues against V")
    longest = table.largest_delay_queue.to_numpy()
    least, large = int(longest.argmin()), values >= 0.3
    grown = np.polyfit(np.log(values[large]), np.log(longest[large]), 1)[0]
    report.finding(
        f"largest delay queue at V = {values[0]:g}, {values[least]:.2g} and {values[-1]:g}",
        f"{longest[0]:.3g}, {longest[least]:.3g} and {longest[-1]:.3g}",
        "s",
        f"medians over seeds; from V = 0.3 on it grows as V^{grown:.2f}. At small V both queues are empty now and "
        "then, any delay is free in such a slot, and one whose host is hardly there makes the longest queue of the "
        "run: its delay has no mean, so S of (16) is infinite and O(V) is not proved here",
    )


def _draw_neely(found: pd.DataFrame) -> Any:
    import matplotlib.pyplot as plt

    _, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharex=True)
    values = np.sort(found.tradeoff.unique())
    for axes, column, label in (
        (left, "energy", "energy"),
        (right, "largest_delay_queue", "delay queue [s]"),
        (right, "largest_outage_queue", "outage queue [slots]"),
    ):
        low, middle, high = (found.groupby("tradeoff")[column].quantile(q).to_numpy() for q in (0.0, 0.5, 1.0))
        (line,) = axes.loglog(values, middle, "o-", label=label)
        axes.fill_between(values, low, high, color=line.get_color(), alpha=0.25, linewidth=0)
    left.set(xlabel="V", ylabel="energy of a slot [J]", title="median and range over seeds")
    right.set(xlabel="V", ylabel="largest queue of a run")
    right.legend(fontsize=8)
    return left


def _several_users(report: Report) -> None:
    """Share a band and a host among users, by prices and in equal parts."""
    rows = []
    for users in (10, 100, 1000, 10_000):
        slot = crowd(users, seed=0)
        priced = solve(slot, "dual-prices")
        equal = _equal_parts(slot)
        exact = solve(slot).objective if users <= 10 else np.nan
        rows.append((users, equal, priced.objective, priced.bound, priced.gap, exact, priced.wall_time))
    columns = ["users", "equal_parts", "dual_prices", "proven_bound", "gap", "exact", "seconds"]
    table = pd.DataFrame(rows, columns=columns)
    report.table("several_users", table, "Users who share 20 MHz and 1 TFLOP/s each: objective of one slot")
    saved = 1 - table.dual_prices / table.equal_parts
    report.finding(
        "several users: what prices save against equal parts of band and host",
        f"{100 * saved.min():.1f} to {100 * saved.max():.1f}",
        "%",
        "named as future work by the paper",
    )


def crowd(users: int, seed: int) -> SharedSlot:
    """Return users of MobileNetV2 at 20 to 200 m from their cell, each with queues as a controller might have."""
    rng, environment = np.random.default_rng(seed), Environment()
    costs = environment.costs
    gain = path_gain(rng.uniform(20.0, 200.0, users), 3.5e9, 3.0) * rng.exponential(size=users)
    return SharedSlot(
        costs.local_flops,
        costs.remote_flops,
        costs.payload_bits,
        costs.local_energy,
        rng.poisson(10, users),
        gain,
        20e6 * users,
        environment.noise_density,
        environment.local_speed,
        1e12 * users,
        max_power=0.1,
        min_rate=1e5,
        min_speed=1e9,
        delay_queue=rng.exponential(2.0, users),
        outage_queue=rng.exponential(1.0, users) * (rng.random(users) < 0.5),
        tradeoff=1.0,
        max_delay=0.1,
    )


def _equal_parts(slot: SharedSlot) -> float:
    """Return the objective where each user decides exactly, with an equal part of the band and of the host."""
    band, speed, total = slot.bandwidth / slot.users, slot.remote_speed / slot.users, 0.0
    for i in range(slot.users):
        most = shannon(band, slot.max_power[i] / (slot.noise[i] * band))
        alone = SlotProblem(
            slot.local_flops,
            slot.remote_flops,
            slot.payload_bits,
            slot.local_energy,
            slot.arrivals[i],
            slot.channel_gain[i],
            band,
            slot.noise_density,
            slot.local_speed[i],
            speed,
            (slot.min_rate[i], most),
            slot.delay_queue[i],
            slot.outage_queue[i],
            slot.tradeoff,
            slot.max_delay[i],
        )
        outcome = two_regime.function(alone, Options())
        total += alone.objective(outcome.decision)
    return total


def _jetson(report: Report, controller: DriftPlusPenalty, environment: Environment, data: Path, slots: int) -> None:
    """Let measured time and energy of the layers take the place of those that MACs give."""
    layers = read_jetson(data / "dnn_profiles/jetson_mobilenet_v2/average_power_and_run_time.csv")
    measured = measured_splits(layers, environment.costs, environment.local_speed)
    rows = []
    for name, costs in (("from MACs, Jetson TX2", environment.costs), ("measured, Jetson Orin Nano", measured)):
        for rule in ("lambert-w", "two-regime"):
            around = replace(environment, costs=costs, availability=0.3)
            found = simulate(replace(controller, rule=rule), around, slots, warm_up=slots // 20).summary.iloc[0]
            seconds = costs.local_flops[-1] / environment.local_speed
            rows.append((name, 1e3 * seconds, costs.local_energy[-1], rule, found.delay, found.outage, found.saving))
    columns = ["energy", "local_ms_per_image", "local_joule_per_image", "rule", "delay", "outage", "saving"]
    report.table("jetson", pd.DataFrame(rows, columns=columns), "Computed and measured local energy, a = 0.3")


def _measured(report: Report, controller: DriftPlusPenalty, environment: Environment, data: Path, slots: int) -> None:
    """Let the host's availability follow measured processor loads instead of a uniform draw."""
    path = data / "cpu_traces/planetlab/planetlab_cpu_percent.npz"
    with np.load(path, allow_pickle=False) as archive:
        loads = next(archive[name] for name in archive.files if archive[name].ndim == 2)
    busy = np.asarray(loads, float)
    rows = []
    for quantile in (0.1, 0.5, 0.9):
        machine = busy[np.argsort(np.nanmean(busy, axis=1))[int(quantile * (len(busy) - 1))]]
        free = np.clip(1.0 - machine[np.isfinite(machine)] / 100.0, 0.0, 1.0)
        # Five-minute samples; a slot of 100 ms sees the same load for 3,000 slots.
        around = replace(environment, availabilities=np.repeat(free, 3000)[:slots])
        for rule in ("lambert-w", "two-regime"):
            found = simulate(replace(controller, rule=rule), around, slots, warm_up=slots // 20).summary.iloc[0]
            rows.append((quantile, free.mean(), rule, found.delay, found.outage, found.saving))
    columns = ["machine", "availability", "rule", "delay", "outage", "saving"]
    table = pd.DataFrame(rows, columns=columns)
    report.table("planetlab", table, "Measured loads of PlanetLab machines (quantiles of mean load) as availability")


def _cellular(report: Report, controller: DriftPlusPenalty, environment: Environment, data: Path, slots: int) -> None:
    """Let measured rates of cellular links (a second each, ten slots) limit the rate; show what is left to save."""
    traces = pd.read_csv(data / "wireless_traces/mahimahi/throughput_1s_mbps.csv.gz")
    rows = []
    for name, group in traces[traces.trace.str.endswith(".up")].groupby("trace"):
        trace = group["mbps"].to_numpy(float)
        limits = np.repeat(1e6 * trace, 10)
        around = replace(environment, rate_limits=limits, arrival_rate=1.0)
        for rule in ("lambert-w", "two-regime"):
            found = simulate(replace(controller, rule=rule), around, slots, warm_up=slots // 20).summary.iloc[0]
            row = (name, trace.mean(), rule, 1e3 * found.delay, found.outage, 100 * found.saving, found.split)
            rows.append(row)
    columns = ["trace", "mean_mbps", "rule", "delay_ms", "outage", "saving_percent", "split"]
    table = pd.DataFrame(rows, columns=columns)
    report.table("cellular", table, "One image a slot over measured cellular links: what offloading still saves")
