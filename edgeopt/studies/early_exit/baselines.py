"""What every exit has to beat: the latest demand with the cheapest margin, and the two simple allocators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...exchange.storage import write_atomically
from ...predictors.allocators import Allocator, CloudAllocator, EdgeAllocator
from ...predictors.persistence import Persistence
from ..fingerprints import fingerprint
from ..verdicts import Interval, Verdict, paired_interval, paired_verdict
from .fingerprints import BASELINE_CODE, of_code, of_cost, of_data

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from ...profiles.costs import AllocationCost
    from .networks import Workshop

ALLOCATORS: dict[str, Callable[..., Allocator]] = {
    "persistence": Persistence,
    "EdgeAllocator": EdgeAllocator,
    "CloudAllocator": CloudAllocator,
}
NAMES = tuple(ALLOCATORS)


@dataclass(frozen=True)
class Bar:
    """Mean costs and shares of shortfalls of the baselines on the test period, by name and seed.

    Attributes
    ----------
    cost, shortfall : DataFrame, seed x baseline
    """

    cost: pd.DataFrame
    shortfall: pd.DataFrame

    def verdict(self, remote: ArrayLike) -> tuple[Verdict, str]:
        """Return whether a remote exit, by seed, beats all baselines, and the sentence that says against which not."""
        costs = np.asarray(remote, dtype=float)
        for name in NAMES:
            found = paired_verdict(costs, self.cost[name].to_numpy()[: len(costs)])
            if found is not Verdict.HOLDS:
                return found, f"the cloud costs {costs.mean():.3g} and {name} {self.cost[name].mean():.3g}"
        return Verdict.HOLDS, "the cloud beats " + ", ".join(NAMES)


def baselines(shop: Workshop, window: int, cost: AllocationCost, seeds: Sequence[int]) -> Bar:
    """Fit the baselines on training and validation together, and price them on the test; kept in ``baselines/``."""
    data = of_data(shop.frame, shop.box.order, shop.samples(window)[2])
    key = fingerprint(data, window, of_cost(cost), list(seeds), of_code(BASELINE_CODE))
    path = shop.folder / "baselines" / f"N{window}-{cost.label}-{key}.csv"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = [shop.part(window, part) for part in ("train", "validation")]
        past, demand = (np.concatenate(both) for both in zip(*parts, strict=True))
        own = shop.in_box(cost)
        test, wanted = shop.part(window, "test")
        rows = []
        for seed in seeds:
            for name, make in ALLOCATORS.items():
                found = make(own, seed=seed).fit(past, demand).provisioning(test, wanted)
                rows.append((seed, name, float(found.cost.sum()), float(found.violation_rate.mean())))
        frame = pd.DataFrame(rows, columns=["seed", "baseline", "cost", "shortfall"])
        write_atomically(path, frame.to_csv(index=False).encode())
    kept = pd.read_csv(path)
    return Bar(*(kept.pivot(index="seed", columns="baseline", values=name) for name in ("cost", "shortfall")))


def gated(own: Verdict, gate: tuple[Verdict, str], note: str) -> tuple[Verdict, str]:
    """Return the verdict of a claim about what a cloud is worth: not decidable unless the cloud beats the baselines."""
    beats, sentence = gate
    if beats is Verdict.HOLDS:
        return own, f"{note}; {sentence}" if note else sentence
    within = f"among the network's own exits: {own}"
    return Verdict.UNDECIDABLE, "; ".join(part for part in (within, sentence, note) if part)


def percent(lower: ArrayLike, higher: ArrayLike) -> Interval | float:
    """Return by how many per cent the first is below the second, with an interval where there are two seeds."""
    less, more = np.asarray(lower, dtype=float), np.asarray(higher, dtype=float)
    saved = 100 * (1 - less / more)
    return paired_interval(saved) if len(saved) > 1 else float(saved[0])


def said(found: Interval | float) -> str:
    """Return a number with its interval as text."""
    return f"{found:.2f}" if isinstance(found, float) else f"{found.mean:.2f} ({found.low:.2f} to {found.high:.2f})"
