"""What the benchmarks share: a median of times, and the rows that they leave for the one table of ``make bench``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROWS = "EDGEOPT_BENCH_ROWS"
"""Environment variable: the file to which rows are appended; without it nobody wants them."""


def median(call: Callable[[], object], repeats: int, patience: float = float("inf")) -> float:
    """Return the median seconds of some calls; no further ones after `patience` seconds in all."""
    times: list[float] = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
        if sum(times) > patience:
            break
    return float(np.median(times))


def note(case: str, route: str, value: float, unit: str, ratio: float | None = None, against: str = "") -> None:
    """Leave a row: what was measured, and its ratio to another route of the same run (above 1: better than it)."""
    if path := os.environ.get(ROWS):
        row = {
            "benchmark": Path(sys.argv[0]).stem,
            "case": case,
            "route": route,
            "value": float(value),
            "unit": unit,
            "ratio": None if ratio is None else float(ratio),
            "against": against,
        }
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
