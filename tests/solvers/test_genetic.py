"""The paper's genetic algorithm: its operators, its promises, and that it never beats the optimum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import edgeopt as eo
from edgeopt.solvers.genetic import crossover, roulette, scaled_fitness


def instance(seed: int = 0, exits: int = 5, layers: int = 16, tiers: int = 3, **rest) -> eo.StochasticSplit:
    rng = np.random.default_rng(seed)
    chains = [
        eo.Exit(k / exits, rng.gamma(1.0, 1.0, (layers, tiers)), rng.gamma(1.0, 1.0, layers + 1)) for k in range(exits)
    ]
    return eo.StochasticSplit(chains, rng.dirichlet(np.ones(exits)), 2.0, 3.0 if tiers == 3 else None, **rest)


@given(latency=hnp.arrays(float, st.integers(2, 30), elements=st.floats(0.01, 100)), multiple=st.floats(1.0, 5.0))
def test_linear_scaling_turns_the_sign(latency, multiple):
    fitness = scaled_fitness(latency, multiple)
    assert (fitness >= 0).all()
    assert fitness.sum() > 0
    assert fitness[latency.argmin()] == fitness.max()
    assert (np.diff(fitness[np.argsort(latency)]) <= 1e-12).all()
    if latency.mean() - latency.min() > 1e-6:
        assert fitness.max() == pytest.approx(multiple, rel=1e-6)
        unclipped = fitness > 0
        line = np.polyfit(latency[unclipped], fitness[unclipped], 1) if np.ptp(latency[unclipped]) > 1e-6 else None
        if line is not None:  # the mean latency would get 1
            assert np.polyval(line, latency.mean()) == pytest.approx(1.0, abs=1e-4)


def test_the_wheel_prefers_the_fast():
    latency = np.array([1.0, 2.0, 3.0, 4.0])
    drawn = np.concatenate([roulette(np.random.default_rng(s), latency, 1.8) for s in range(5000)])
    share = np.bincount(drawn, minlength=4) / drawn.size
    np.testing.assert_allclose(share, scaled_fitness(latency, 1.8) / 4, atol=0.01)


def test_crossover_exchanges_tails_and_loses_no_gene():
    population = np.repeat(np.arange(6)[:, None], 9, axis=1)
    crossover(np.random.default_rng(0), population, 1.0)
    for first, second in zip(population[::2], population[1::2], strict=True):
        np.testing.assert_array_equal(
            np.sort([first, second], axis=0), np.sort([first * 0 + first[0], second * 0 + second[0]], axis=0)
        )
        assert np.count_nonzero(np.diff(first)) == 1
    untouched = np.repeat(np.arange(6)[:, None], 9, axis=1)
    crossover(np.random.default_rng(0), untouched, 0.0)
    np.testing.assert_array_equal(untouched, np.repeat(np.arange(6)[:, None], 9, axis=1))


@pytest.mark.parametrize("seed", range(5))
def test_it_never_beats_the_optimum_and_says_how_far_it_is(seed):
    problem = instance(seed)
    found, best = eo.solve(problem, "genetic", seed=seed), eo.solve(problem)
    assert found.status == "feasible"
    assert found.objective >= best.objective * (1 - 1e-12)
    assert found.gap == pytest.approx(1 - best.objective / found.objective, rel=1e-6, abs=1e-12)


def test_history_and_first_hit_belong_to_the_answer():
    found = eo.solve(instance(), "genetic", iterations=30)
    best, mean = found.statistics["best"], found.statistics["mean"]
    assert len(best) == len(mean) == 31
    assert (np.diff(best) <= 0).all()
    assert best[-1] == pytest.approx(found.objective)
    assert best[found.statistics["first_hit"]] == best[-1]
    assert found.statistics["first_hit"] == best.index(best[-1])
    assert mean[-1] < mean[0]
    assert found.statistics["evaluations"] == 31 * 200


def test_small_instances_are_solved_to_the_optimum():
    problem = instance(exits=1, layers=5, tiers=2)
    assert eo.solve(problem, "genetic").objective == pytest.approx(eo.solve(problem).objective)


def test_the_same_seed_evolves_the_same_population():
    runs = [eo.solve(instance(), "genetic", seed=7).statistics["best"] for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0] != eo.solve(instance(), "genetic", seed=8).statistics["best"]


def test_a_layer_is_never_put_where_it_cannot_run():
    rng = np.random.default_rng(3)
    times = np.where(rng.random((12, 3)) < 0.4, np.inf, rng.gamma(1.0, 1.0, (12, 3)))
    times[:, 1] = 1.0
    problem = eo.StochasticSplit([eo.Exit(0.5, times, rng.gamma(1.0, 1.0, 13))], [1.0], 1.0, 1.0)
    found = eo.solve(problem, "genetic", mutation_rate=1.0)
    assert found.status == "feasible"
    assert np.isfinite(times[np.arange(12), found.decision.tiers[0]]).all()
    assert np.isfinite(found.statistics["mean"]).all()


def test_a_warm_start_is_never_lost():
    problem = instance()
    best = eo.solve(problem)
    found = eo.solve(problem, "genetic", warm_start=best, iterations=1)
    assert found.objective == pytest.approx(best.objective)
    assert found.statistics["first_hit"] == 0


def test_a_time_limit_ends_the_evolution():
    found = eo.solve(instance(), "genetic", iterations=10**6, time_limit=0.2)
    assert found.status == "feasible"
    assert found.statistics["evaluations"] < 10**6  # a generation evaluates many


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("population", 1),
        ("population", 10.5),
        ("iterations", 0),
        ("crossover_rate", 1.5),
        ("mutation_rate", -0.1),
        ("mutation_rate", np.nan),
        ("scaling", 0.5),
        ("population", True),
        ("iterations", "many"),
        ("elite", -1),
    ],
)
def test_options_out_of_range_are_refused(option, value):
    with pytest.raises(eo.InvalidOptionError, match=f"{option} is .*expected"):
        eo.solve(instance(), "genetic", **{option: value})


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), shared=st.booleans(), tiers=st.integers(2, 3), layers=st.integers(1, 6))
def test_any_small_instance(seed, shared, tiers, layers):
    problem = instance(seed, 2, layers, tiers, shared_trunk=shared)
    found = eo.solve(problem, "genetic", population=10, iterations=5)
    assert found.status == "feasible"
    assert found.objective >= eo.solve(problem).objective * (1 - 1e-12)
