"""Simulate a controller over many slots: sequential in time, compiled, runs side by side on threads.

Memory does not grow with the number of slots: the environment is drawn block by block, and only sums over batches of
slots are kept. Batch means give confidence intervals although neighbouring slots are dependent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import cpu_count
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.slot import SlotDecision
from ..model.errors import InvalidOptionError
from ..model.tolerance import NEXT_TO_NOTHING
from .drift_plus_penalty import RULES, DriftPlusPenalty, SlotState
from .environment import Environment

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

BATCHES = 20
"""Batches of slots whose means give the confidence intervals."""

_KEPT = ("split", "rate", "delay", "energy", "late", "delay_queue", "outage_queue")


@dataclass(frozen=True, eq=False)
class Simulation:
    """What came of a simulation.

    Attributes
    ----------
    summary : DataFrame
        One row a run: what it varied, mean `delay` and `energy` of a slot, `outage`, mean `split`, each with the half
        width of its 95 % interval (``…_ci``), the queues at the end over the number of slots, and the energy `saving`
        against running everything on the device. A queue never falls behind what its constraint is exceeded by, so
        over all slots the mean delay is at most ``average_delay + delay_queue_rate``, and the outage likewise: the
        queues are mean-rate stable where these rates vanish. `delay_met` and `outage_met` say whether the constraints
        held in the means, up to their intervals.
    shares : (runs, splits) float
        Share of the slots that chose each split.
    slots : list of DataFrame
        Every slot of each run, where that was asked for: split, rate, delay, energy, late, queues before the slot.
    controllers : list of DriftPlusPenalty
        The controllers as the runs left them.
    """

    summary: pd.DataFrame
    shares: NDArray[np.float64]
    slots: list[Any]
    controllers: list[DriftPlusPenalty]


def simulate(
    controller: DriftPlusPenalty,
    environment: Environment,
    slots: int,
    *,
    seed: int = 0,
    runs: Sequence[Mapping[str, Any]] = ({},),
    warm_up: int = 10_000,
    keep: bool = False,
    audit: bool = False,
    threads: int | None = None,
) -> Simulation:
    """Run the controller.

    Parameters
    ----------
    slots : int
        Slots of each run.
    seed : int
        Of the draws; a run's result does not depend on which others stand beside it.
    runs : sequence of mapping
        What each run changes: fields of the controller (``tradeoff``, ``rule``, …) or of the environment
        (``availability``, ``mean_gain``, …), or ``seed``.
    warm_up : int
        Slots at the start that the means leave out.
    keep : bool
        Whether to keep every slot (56 bytes each).
    audit : bool
        Whether to certify every slot against all splits and the convex bound of each (a tenth of a millisecond a
        slot). The summary then has `largest_gap`, relative to the slot's optimum, and `drift_constant`, the largest
        ``((D - D_avg)**2 + (u - epsilon)**2) / 2`` that was met (``S`` of eq. 16).
    threads : int, optional
        Most threads to use.

    Raises
    ------
    InvalidOptionError
        If a run changes what is no field, or no slot is left after the warm-up.
    """
    for name, value in (("slots", slots), ("warm_up", warm_up)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise InvalidOptionError(f"{name} is {value!r}; expected a whole number of slots")
    if not 0 <= warm_up < slots:
        raise InvalidOptionError(f"warm_up is {warm_up} of {slots} slots; at least one slot must be left")
    prepared = [_changed(controller, environment, seed, run) for run in runs]
    with ThreadPoolExecutor(min(threads or cpu_count() or 1, len(prepared))) as pool:
        done = list(pool.map(lambda one: _run(one[0], one[1], one[2], slots, warm_up, keep or audit), prepared))
    import pandas as pd

    summary = pd.DataFrame([dict(run) | row for run, (row, *_) in zip(runs, done, strict=True)])
    if audit:
        found = [_audit(*one, kept) for one, (*_, kept, _) in zip(prepared, done, strict=True)]
        summary["largest_gap"], summary["drift_constant"] = (list(part) for part in zip(*found, strict=True))
    shares = np.array([share for _, share, *_ in done])
    return Simulation(summary, shares, [kept for *_, kept, _ in done] if keep else [], [after for *_, after in done])


def _changed(
    controller: DriftPlusPenalty, environment: Environment, seed: int, run: Mapping[str, Any]
) -> tuple[DriftPlusPenalty, Environment, int]:
    own = {name: value for name, value in run.items() if name in controller.__dataclass_fields__}
    around = {name: value for name, value in run.items() if name in environment.__dataclass_fields__}
    if unknown := sorted(set(run) - set(own) - set(around) - {"seed"}):
        raise InvalidOptionError(f"a run changes {unknown[0]!r}, which is no field of the controller or environment")
    return replace(controller, **own), replace(environment, **around), int(run.get("seed", seed))


def _run(
    controller: DriftPlusPenalty, environment: Environment, seed: int, slots: int, warm_up: int, keep: bool
) -> tuple[dict[str, float], Any, Any, DriftPlusPenalty]:
    from ..solvers.compiled.slots import run_slots

    energies = environment.costs.local_energy
    queues = np.array([controller.delay_queue, controller.outage_queue])
    sums, chosen = np.zeros((BATCHES, 7)), np.zeros(energies.size)
    link = environment.noise_density, *environment.power_bounds
    control = controller.tradeoff, controller.average_delay, controller.max_delay, controller.outage
    batch, first, kept = max(1, (slots - warm_up) // BATCHES), 0, []
    images, everything = 0.0, 0.0
    for block in environment.blocks(slots, seed):
        arrivals = block[0]
        rows = np.empty((arrivals.size if keep else 0, len(_KEPT)))
        rule, clock = RULES.index(controller.rule), (first, warm_up, batch)
        run_slots(rule, environment.split_costs, block, link, control, clock, (queues, sums, chosen), rows)
        counted = arrivals[max(0, warm_up - first) :]
        images, everything = images + counted.size, everything + float(counted.sum())
        first += arrivals.size
        kept.append(rows)
    after = replace(controller, delay_queue=float(queues[0]), outage_queue=float(queues[1]))
    row = _summary(sums, after, slots, energies[-1] * everything / images)
    return row, chosen / chosen.sum(), _frame(kept) if keep else None, after


def _audit(
    controller: DriftPlusPenalty, environment: Environment, seed: int, kept: pd.DataFrame
) -> tuple[float, float]:
    """Return the largest relative gap that the certificate of a slot leaves, and the largest drift term."""
    gap = 0.0
    rows = kept.itertuples()
    for block in environment.blocks(len(kept), seed):
        for seen in zip(*block, strict=True):
            row: Any = next(rows)
            now = replace(controller, delay_queue=row.delay_queue, outage_queue=row.outage_queue)
            slot = now.problem(SlotState(*map(float, seen)), environment)
            decision = SlotDecision(int(row.split), float(row.rate))
            missed = slot.certify(decision).optimality_gap(slot, decision)
            gap = max(gap, missed / max(slot.objective(decision), NEXT_TO_NOTHING))
    drift = (kept.delay - controller.average_delay) ** 2 + (kept.late - controller.outage) ** 2
    return gap, float(drift.max()) / 2


def _frame(blocks: list[NDArray[np.float64]]) -> Any:
    import pandas as pd

    return pd.DataFrame(np.concatenate(blocks), columns=list(_KEPT)).astype({"split": int, "late": bool})


def _summary(sums: NDArray[np.float64], after: DriftPlusPenalty, slots: int, all_local: float) -> dict[str, float]:
    from scipy import stats

    count = sums[:, 4]
    used = count > 0
    row: dict[str, float] = {}
    for column, name in enumerate(("delay", "energy", "outage", "split")):
        total = sums[:, column]
        row[name] = float(total.sum() / count.sum())
        means = total[used] / count[used]
        spread = means.std(ddof=1) / np.sqrt(used.sum()) if used.sum() > 1 else np.nan
        row[f"{name}_ci"] = float(spread * stats.t.ppf(0.975, max(1, used.sum() - 1)))
    row["delay_queue_rate"] = after.delay_queue / slots
    row["outage_queue_rate"] = after.outage_queue / slots
    row["largest_delay_queue"], row["largest_outage_queue"] = float(sums[:, 5].max()), float(sums[:, 6].max())
    row["delay_met"] = row["delay"] - row["delay_ci"] <= after.average_delay
    row["outage_met"] = row["outage"] - row["outage_ci"] <= after.outage
    row["saving"] = 1.0 - row["energy"] / all_local if all_local > 0 else np.nan
    return row
