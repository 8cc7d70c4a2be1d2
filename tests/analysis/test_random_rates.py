"""Random link rates and demands: against the plain average over scenarios of every placement."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.analysis.random_rates import split_under_uncertainty


def instance(seed: int, lengths=(2, 3), tiers: int = 2, **rest) -> eo.StochasticSplit:
    rng = np.random.default_rng(seed)
    times, bits = rng.gamma(1.0, 1.0, (max(lengths), tiers)), rng.gamma(1.0, 1.0, max(lengths) + 1)
    exits = [
        eo.Exit(k / 9, np.vstack([times[: n - 1], rng.gamma(1.0, 1.0, (1, tiers))]), bits[: n + 1], fixed_time=0.1 * k)
        for k, n in enumerate(lengths)
    ]
    down = {} if rng.random() < 0.5 else {"downlink_rate": 2.0}
    demand = rng.dirichlet(np.ones(len(lengths) + 1))
    penalty = 2.0 if rng.random() < 0.5 else None
    return eo.StochasticSplit(
        exits, demand, 1.0, 3.0 if tiers == 3 else None, link_delay=0.05, unmet_penalty=penalty, **down, **rest
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), shared=st.booleans(), tiers=st.integers(2, 3), dependent=st.booleans())
def test_it_is_the_best_average_of_all_placements(seed, shared, tiers, dependent):
    problem = instance(seed, (2, 3) if tiers == 2 else (1, 2), tiers, shared_trunk=shared)
    rng = np.random.default_rng(seed + 1)
    rates, shares = rng.gamma(1.0, 2.0, 4) + 0.05, rng.dirichlet(np.ones(4))
    demand = rng.dirichlet(np.ones(len(problem.exits) + 1), 4) if dependent else None
    found = split_under_uncertainty(problem, rates, shares, demand)
    scenarios = [
        replace(problem, uplink_rate=rate, demand=problem.demand if demand is None else demand[s])
        for s, rate in enumerate(rates)
    ]

    def average(decision):
        return shares @ [scenario.objective(decision) for scenario in scenarios]

    nodes = problem.costs.tree.parent.size
    every = [average(problem.decision_at(np.array(t))) for t in product(range(tiers), repeat=nodes)]
    assert found.expected == pytest.approx(min(every))
    assert found.expected == pytest.approx(average(found.decision))
    assert found.wait_and_see == pytest.approx(shares @ [eo.solve(scenario).objective for scenario in scenarios])
    assert found.mean_value_expected == pytest.approx(average(found.mean_value_decision))
    assert found.evpi >= -1e-12
    assert found.vss >= -1e-12


def test_scenarios_that_are_all_the_same_leave_nothing_to_know():
    found = split_under_uncertainty(instance(1), [2.0, 2.0, 2.0])
    assert found.evpi == pytest.approx(0.0, abs=1e-12)
    assert found.vss == pytest.approx(0.0, abs=1e-12)
    assert "EVPI" in repr(found)


def test_both_values_by_hand():
    """3 s on the device, or 1 s at the edge after 2 bits: at 0.5 bit/s or 4 bit/s with even odds.

    The edge takes 1 + 2 / r: 5 or 1.5 s, 3.25 on average, so the device (3 s) is best on average. The mean rate of 2.25
    would suggest the edge (1.89 s), which costs 3.25 on average: VSS 0.25. Knowing the rate gives 3 or 1.5: EVPI 0.75.
    """
    problem = eo.StochasticSplit([eo.Exit(1.0, [[3.0, 1.0]], [2.0, 0.0])], [1.0], 1.0)
    found = split_under_uncertainty(problem, [0.5, 4.0])
    assert found.expected == pytest.approx(3.0)
    assert found.decision.tiers[0].tolist() == [0]
    assert found.mean_value_decision.tiers[0].tolist() == [1]
    assert found.vss == pytest.approx(0.25)
    assert found.evpi == pytest.approx(0.75)


def test_a_layer_that_cannot_run_on_a_tier_never_does():
    problem = eo.StochasticSplit([eo.Exit(1.0, [[np.inf, 1.0], [1.0, 9.0]], [1.0, 1.0, 1.0])], [1.0], 1.0)
    assert split_under_uncertainty(problem, [0.5, 4.0]).decision.tiers[0].tolist() == [1, 0]


def test_a_measured_lte_link(any_data):
    """Seconds without service are dropped by hand: there is no rate to plan with."""
    frame = pd.read_csv(any_data / "wireless_traces" / "mahimahi" / "throughput_1s_mbps.csv.gz")
    column = [name for name in frame.columns if frame[name].dtype.kind == "f"][-1]
    rates = 1e6 * frame[column].dropna().to_numpy()
    chain = eo.Exit(1.0, [[0.05, 0.005], [0.2, 0.02], [0.05, 0.005]], [1.2e6, 8e5, 5e4, 320.0])
    problem = eo.StochasticSplit([chain], [1.0], 1e6)
    if (rates <= 0).any():
        with pytest.raises(eo.InvalidProblemError, match="uplink_rates"):
            split_under_uncertainty(problem, rates)
    served = rates[rates > 0]
    found = split_under_uncertainty(problem, served)
    assert found.wait_and_see < found.expected <= found.mean_value_expected + 1e-12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0],), r"uplink_rates\[0\] is 0.0"),
        (([],), "uplink_rates has shape"),
        (([1.0, 2.0], [0.5, 0.6]), "probabilities sum to 1.1"),
        (([1.0, 2.0], [1.5, -0.5]), r"probabilities\[1\] is -0.5"),
        (([1.0, 2.0], [1.0]), r"probabilities has shape \(1,\)"),
        (([1.0, 2.0], None, np.full((3, 2), 0.5)), "demand"),
    ],
)
def test_bad_scenarios_are_refused(arguments, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        split_under_uncertainty(instance(0), *arguments)


def test_a_batch_is_refused():
    with pytest.raises(eo.InvalidProblemError, match="batch"):
        split_under_uncertainty(replace(instance(0), uplink_rate=[1.0, 2.0]), [1.0])
