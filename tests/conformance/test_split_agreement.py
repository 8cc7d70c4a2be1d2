"""Independent exact routes agree on random splits: ties, zero sizes, shared trunks, exits nobody needs, one layer.

``EDGEOPT_EXAMPLES`` sets how many random instances the fast routes meet.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo

EXAMPLES = int(os.environ.get("EDGEOPT_EXAMPLES", "150"))
SIZE = st.sampled_from([0.0, 0.5, 1.0, 2.0]) | st.floats(1e-3, 9)
RATE = st.floats(0.1, 10)


@st.composite
def splits(draw) -> eo.StochasticSplit:
    tiers, shared, longest = draw(st.integers(2, 3)), draw(st.booleans()), draw(st.integers(1, 4))
    never = draw(st.integers(0, 5)) == 0  # some layer cannot run everywhere
    rows = [[draw(SIZE) for _ in range(tiers)] for _ in range(longest)]
    if never:
        rows[-1][0] = np.inf
    bits = [draw(SIZE) for _ in range(longest + 1)]
    exits = []
    for k in range(draw(st.integers(1, 3))):
        layers = draw(st.integers(1, longest))
        own = [[draw(SIZE) for _ in range(tiers)]] if shared and k else [rows[layers - 1]]
        end = draw(SIZE) if shared and k else bits[layers]
        accuracy = draw(st.sampled_from([0.3, 0.5, 0.5, 0.7]))
        exits.append(eo.Exit(accuracy, rows[: layers - 1] + own, [*bits[:layers], end]))
    if draw(st.booleans()):
        demand = eo.DemandSamples([draw(st.sampled_from([0.1, 0.5, 0.6, 0.9])) for _ in range(3)])
    else:
        mass = np.array([draw(st.integers(0, 3)) for _ in range(len(exits) + 1)], float)
        demand = mass / mass.sum() if mass.any() else np.eye(len(mass))[0]
    return eo.StochasticSplit(
        exits,
        demand,
        draw(RATE),
        draw(RATE) if tiers == 3 else None,
        draw(st.none() | RATE),
        draw(st.sampled_from([0.0, 0.25])),
        shared,
        draw(st.none() | st.floats(0, 5)),
    )


def agree(split: eo.StochasticSplit, routes: list[str]) -> None:
    best = eo.solve(split, "exhaustive").objective
    for name in routes:
        found = eo.solve(split, name)
        assert found.status == "optimal", (name, found)
        assert found.objective == pytest.approx(best, rel=1e-9, abs=1e-9), name


@pytest.mark.compiled
@settings(max_examples=EXAMPLES, deadline=None)
@given(split=splits())
def test_the_fast_routes_agree_with_brute_force(split):
    agree(split, ["shortest-path", "highs"])
    assert eo.solve(split, "genetic", population=10, iterations=3).objective >= eo.solve(split).objective - 1e-12


@settings(max_examples=max(10, EXAMPLES // 50), deadline=None)
@given(split=splits())
def test_the_slow_routes_agree_with_brute_force(split):
    agree(split, ["cp-sat", "scipy", "pyomo", "cvxpy"])
