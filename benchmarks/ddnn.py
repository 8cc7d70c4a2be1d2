"""Early-exit networks on this machine: training, inference, the uncertainty rule's passes, and preprocessing.

    python benchmarks/ddnn.py [--quick]

The passes of the uncertainty rule run as one batch; beside them a loop of single passes, which is how one would write
eq. 10 of Giannakas et al. (2025) down. Shape-based distances are those of all pairs of 10,000 series, in one run;
beside them SciPy's correlation pair by pair, on a few.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd
import torch
from record import median, note
from scipy.signal import correlate

from edgeopt.predictors.boxes import shape_distances
from edgeopt.predictors.ddnn import DDNN, resources
from edgeopt.predictors.joint import train_jointly
from edgeopt.predictors.rules import dropout_variance
from edgeopt.profiles.costs import AllocationCost


def networks(repeats: int, samples: int) -> pd.DataFrame:
    """Time an epoch and an inference of each network."""
    rng, rows = np.random.default_rng(0), []
    for kind, series, window, sites in (
        ("conv3d", 49, 6, 1),
        ("conv3d", 49, 25, 1),
        ("conv", 16, 144, 2),
        ("lstm", 16, 144, 2),
    ):
        past, demand = rng.random((samples, series, window)), rng.random((samples, series))
        few = past[:64], demand[:64]
        model = DDNN(kind, series, window, sites=sites)
        epoch = median(lambda: train_jointly(model, (past, demand), few, AllocationCost(1.0), epochs=1), 1)  # noqa: B023
        given = torch.from_numpy(past[:512].astype(np.float32))
        with torch.no_grad():
            model(given)
            infer = median(lambda: model(given), repeats)  # noqa: B023
        macs = sum(part["macs"] for part in resources(model).values()) / 1e6
        rows.append((kind, series, window, sites, macs, samples / epoch, 512 / infer))
    columns = ["network", "M", "N", "sites", "MMACs", "trained_per_s", "inferred_per_s"]
    return pd.DataFrame(rows, columns=columns)


def passes(repeats: int, samples: int) -> None:
    """Time B = 10 passes of single decisions, as they come in: batched, and in a loop."""
    model, past = DDNN("conv3d", 49, 6), torch.rand(samples, 49, 6)

    def loop() -> None:
        model.sites.train()
        with torch.no_grad():
            for one in past:
                answers = [model.local(model.features(one[None]), one[None]) for _ in range(10)]
                torch.cat(answers).var(dim=0).amax()
        model.eval()

    def batched() -> None:
        for one in past:
            dropout_variance(model, one[None], 10, 0)

    looped = median(loop, repeats)
    single = looped / median(batched, repeats)
    print(f"uncertainty rule, B = 10, a sample at a time: {single:.1f} x a loop of passes")
    note(
        "uncertainty of 10 passes, a sample at a time",
        "batched passes",
        samples * single / looped,
        "1/s",
        single,
        "loop",
    )
    together = median(lambda: dropout_variance(model, past, 10, 0), repeats)
    print(f"uncertainty rule, B = 10, {samples} samples at once: {looped / together:.1f} x a loop of passes")
    ratio = looped / together
    note(f"uncertainty of 10 passes, {samples} samples", "batched passes", samples / together, "1/s", ratio, "loop")


def distances(cells: int) -> None:
    """Time the shape-based distances of all pairs."""
    series = np.random.default_rng(0).random((51, cells))
    started = time.perf_counter()
    shape_distances(series)
    seconds = time.perf_counter() - started
    centred = series - series.mean(axis=0)
    few = [(i, j) for i in range(40) for j in range(i)]
    pair = median(lambda: [correlate(centred[:, i], centred[:, j]).max() for i, j in few], 3) / len(few)
    pairs = cells * (cells - 1) / 2
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"shape-based distances of all {pairs:.3g} pairs of {cells} series: {seconds:.1f} s, at most {memory:.1f} GB,"
    )
    print(f"  {pair * pairs / seconds:.0f} x pair by pair with scipy.signal.correlate")
    case = f"shape-based distances, {cells:,} series"
    note(case, "shape_distances", seconds, "s", pair * pairs / seconds, "scipy.signal.correlate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer samples and series")
    quick = parser.parse_args().quick
    repeats = 3 if quick else 5
    distances(1000 if quick else 10_000)
    print(networks(repeats, 256 if quick else 2048).to_string(index=False, float_format=lambda v: f"{v:,.1f}"))
    passes(repeats, 20 if quick else 100)


if __name__ == "__main__":
    main()
