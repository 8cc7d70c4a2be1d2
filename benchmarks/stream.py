"""Offline offloading from disk: time, passes and resident memory of ``select_stream`` for costs larger than memory.

    python benchmarks/stream.py --samples 200000000

The files are written to a temporary folder (8 bytes per sample) and read back as float32 memory maps.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from record import note

import edgeopt as eo


def write(folder: Path, samples: int) -> None:
    """Write both cost files, a million samples at a time."""
    rng = np.random.default_rng(0)
    with (folder / "local.f32").open("wb") as local, (folder / "remote.f32").open("wb") as remote:
        for start in range(0, samples, 1_000_000):
            count = min(1_000_000, samples - start)
            rng.gamma(2.0, 1.0, count).astype(np.float32).tofile(local)
            rng.gamma(2.0, 0.8, count).astype(np.float32).tofile(remote)


def main() -> None:
    """Write, select, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=20_000_000)
    parser.add_argument("--min-local-fraction", type=float, default=0.6)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), arguments.samples)
        maps = [np.memmap(Path(folder) / f"{name}.f32", dtype=np.float32, mode="r") for name in ("local", "remote")]
        started = time.perf_counter()
        found = eo.select_stream(*maps, arguments.min_local_fraction)
        elapsed = time.perf_counter() - started
        kept = sum(int(mask.sum()) for mask in found.masks())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{arguments.samples:,} samples: {elapsed:.1f} s, {found.passes} passes, peak resident memory {peak:.0f} MB")
    note(f"{arguments.samples:,} samples from disk, {peak:.0f} MB resident", "select_stream", elapsed, "s")
    print(f"objective {found.objective:.9f}, multiplier {found.multiplier:.9f}, {kept:,} samples local")


if __name__ == "__main__":
    main()
