"""The random streams of a training: set by its seed, kept in its checkpoints, and hidden from the caller's own.

A loss may draw from torch (dropout does), from numpy's global generator or from Python's. A training that goes on from
a checkpoint equals one that was never stopped only if all of them continue where they were.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

# numpy's legacy generator is set here because losses of users may draw from it; edgeopt itself never does.


def collect() -> dict[str, Any]:
    """Return the states of all global generators, of tensors, numbers and tuples alone: torch loads them safely."""
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    states = {
        "torch": torch.get_rng_state(),
        "numpy": (str(name), torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest),
        "python": random.getstate(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def restore(states: dict[str, Any]) -> None:
    """Set all global generators to states of :func:`collect`."""
    name, keys, *rest = states["numpy"]
    torch.set_rng_state(states["torch"])
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    random.setstate(states["python"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])


def start(seed: int, process: int = 0) -> None:
    """Start all global generators; each process of a training has streams of its own, the first those of `seed`."""
    words = np.random.SeedSequence([seed, process]).generate_state(2)
    torch.manual_seed(seed if process == 0 else int(words[0]))
    np.random.seed(words[1])  # noqa: NPY002
    random.seed(int(words[1]))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block on streams of its own; the caller's continue afterwards as if nothing had been drawn."""
    before = collect()
    try:
        start(seed)
        yield
    finally:
        restore(before)
