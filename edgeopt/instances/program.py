"""Instances of bare programs: classic families with knobs, and published model files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from ..model.errors import InvalidOptionError
from ..model.problem import Sense
from ..model.program import Program
from .family import Family, count, fraction, rounded

if TYPE_CHECKING:
    from pathlib import Path


def knapsack(
    items: int = 50, seed: int = 0, tightness: float = 0.5, correlation: float = 0.0, rows: int = 1
) -> Program:
    """Draw a 0-1 knapsack of several rows; `correlation` ties values to weights, as in hard ones (Pisinger 2005)."""
    rng = np.random.default_rng(seed)
    n, common = count(items, "items"), fraction(correlation, "correlation")
    weights = rng.integers(10, 1000, (count(rows, "rows"), n)).astype(float)
    values = np.round(common * (weights.mean(axis=0) + 100) + (1 - common) * rng.integers(10, 1000, n))
    room = np.floor((1 - fraction(tightness, "tightness")) * weights.sum(axis=1))
    ones = np.ones(n)
    rows_of = sparse.csc_array(weights)
    return Program(values, rows_of, row_upper=room, upper=ones, integrality=ones > 0, sense=Sense.MAXIMIZE)


def assignment(size: int = 10, seed: int = 0, ties: float = 0.0) -> Program:
    """Write an assignment problem as a linear program: every vertex is integer, and every one is degenerate."""
    rng = np.random.default_rng(seed)
    n = count(size, "size", 1, 1000)
    cost = rng.integers(1, 1000, (n, n)).astype(float)
    cost[rng.random((n, n)) < fraction(ties, "ties")] = 500.0
    ones = sparse.csr_array(np.ones((1, n)))
    rows = sparse.vstack([sparse.kron(sparse.eye_array(n), ones), sparse.kron(ones, sparse.eye_array(n))])
    return Program(cost.ravel(), sparse.csc_array(rows), np.ones(2 * n), np.ones(2 * n))


def covering(sets: int = 60, elements: int = 40, seed: int = 0, density: float = 0.1, ties: float = 0.0) -> Program:
    """Draw a set-covering problem; `ties` is the share of sets of equal price."""
    rng = np.random.default_rng(seed)
    n, m = count(sets, "sets"), count(elements, "elements")
    covers = rng.random((m, n)) < fraction(density, "density")
    covers[np.arange(m), rng.integers(n, size=m)] = True
    price = rounded(rng.gamma(4.0, 1.0, n), 4)
    price[rng.random(n) < fraction(ties, "ties")] = 4.0
    ones = np.ones(n)
    return Program(price, sparse.csc_array(covers.astype(float)), np.ones(m), upper=ones, integrality=ones > 0)


def published(data: Path, file: str = "afiro") -> Program:
    """Read a model file of the data set mps (netlib and MIPLIB problems that come with HiGHS)."""
    path = data / "mps" / f"{file}.mps"
    if not path.is_file():
        raise InvalidOptionError(f"file is {file!r}; there is no {path}")
    return Program.read(path)


FILES = (
    "afiro",
    "adlittle",
    "stair",
    "25fv47",
    "israel",
    "standata",
    "egout",
    "flugpl",
    "lseu",
    "p0548",
    "bell5",
    "gt2",
)
"""Of the data set mps, those that a general solver decides in seconds."""

FAMILIES = (
    Family(
        "program/knapsack",
        "0-1 knapsacks with knobs for rows, tightness, correlation of values and weights",
        "generated",
        knapsack,
        {
            "tiny": {"items": 8},
            "small": {"items": 50, "seed": 1},
            "large": {"items": 2000, "seed": 2},
            "rows": {"items": 40, "seed": 3, "rows": 5},
            "correlated": {"items": 60, "seed": 4, "correlation": 1.0},
        },
    ),
    Family(
        "program/assignment",
        "assignment problems as linear programs: degenerate at every vertex",
        "generated",
        assignment,
        {
            "tiny": {"size": 4},
            "small": {"size": 20, "seed": 1},
            "large": {"size": 150, "seed": 2},
            "tied": {"size": 20, "seed": 3, "ties": 0.8},
        },
    ),
    Family(
        "program/covering",
        "set covering with knobs for density and equal prices",
        "generated",
        covering,
        {
            "tiny": {"sets": 10, "elements": 8},
            "small": {"seed": 1},
            "tied": {"seed": 2, "ties": 1.0},
            "large": {"sets": 1000, "elements": 200, "density": 0.02, "seed": 3},
        },
    ),
    Family(
        "program/published",
        "netlib and MIPLIB problems",
        "model files that come with HiGHS (data set mps; MIT)",
        published,
        {name: {"file": name} for name in FILES},
    ),
)
