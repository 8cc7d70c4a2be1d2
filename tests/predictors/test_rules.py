"""Offloading rules: their common contract, what they learn where the best answer is known, and what they must not see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.predictors.ddnn import DDNN
from edgeopt.predictors.exits import ExitSamples
from edgeopt.predictors.rules import (
    BenefitRule,
    Cloud,
    Edge,
    OptimizedRule,
    Oracle,
    RandomRule,
    TransmissionCostRule,
    UncertaintyRule,
    dropout_variance,
    fit_together,
    random_cost,
    trade_off,
)


def constructed(count: int = 1200, seed: int = 0) -> ExitSamples:
    """Return samples in which the cloud helps exactly where the first series is high."""
    rng = np.random.default_rng(seed)
    past = rng.random((count, 4, 6), dtype=np.float32)
    benefit = 4.0 * (past[:, 0, -1] - 0.5) + 0.01 * rng.normal(size=count)
    remote = rng.random((count, 1)) + 1.0
    features = past.reshape(count, -1)
    return ExitSamples(past, features, past[:, :, -1], remote + benefit[:, None] + 2.0, remote + 2.0)


TRAIN, TEST = constructed(), constructed(seed=1)
LEARNED = {
    "mlp": lambda share: OptimizedRule(share),
    "features": lambda share: OptimizedRule(share, view="features"),
    "local": lambda share: OptimizedRule(share, view="local"),
    "cnn": lambda share: OptimizedRule(share, estimator="cnn"),
    "weighted": lambda share: OptimizedRule(share, weighted=True),
    "calibrated": lambda share: OptimizedRule(share, calibrated=True),
    "benefit": lambda share: BenefitRule(share),
}


QUICK = ("mlp", "benefit")
"""Rules of `make test`; the others train the same way, and are met in `make test-all`."""
NAMES = [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in LEARNED]


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_finds_what_there_is_to_find(name):
    local = LEARNED[name](0.6).fit(TRAIN).decide(TEST)
    assert abs(local.mean() - 0.6) < 0.1
    share, stay = local.mean(), np.ones(len(TEST), bool)
    random = share * TEST.cost(stay) + (1 - share) * TEST.cost(~stay)
    best = TEST.cost(Oracle(share).decide(TEST))
    assert best <= TEST.cost(local) < best + 0.2 * (random - best)


def test_a_scikit_learn_classifier_will_do():
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LinearRegression

    forest = OptimizedRule(0.6, estimator=RandomForestClassifier(50, random_state=0), weighted=True)
    line = BenefitRule(0.6, estimator=LinearRegression())
    for rule in (forest, line):
        local = rule.fit(TRAIN).decide(TEST)
        assert (local == Oracle(0.6).decide(TEST)).mean() > 0.9
    everything = OptimizedRule(1.0, estimator=RandomForestClassifier(5)).fit(TRAIN)
    assert everything.decide(TEST).all()


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.integers(1, 60), st.integers(0, 10**6), st.booleans())
def test_labels_are_an_optimum_that_keeps_the_share_for_every_share(share, count, seed, tied):
    rng = np.random.default_rng(seed)
    draw = (lambda: rng.integers(0, 3, (count, 1)).astype(float)) if tied else (lambda: rng.normal(size=(count, 1)))
    zeros = np.zeros((count, 1, 1), np.float32)
    samples = ExitSamples(zeros, zeros[:, 0], zeros[:, 0], draw(), draw())
    local, critical = OptimizedRule(share).labels(samples)
    assert local.mean() >= share * (1 - 1e-12)
    kept = max(int(local.sum()), 0)
    assert samples.cost(local) == pytest.approx(
        (samples.remote_cost.sum() + np.sort(samples.benefit)[:kept].sum()) / count, abs=1e-9
    )
    assert (samples.benefit[local] <= critical + 1e-12).all()
    assert (samples.benefit[~local] >= critical - 1e-12).all()


@pytest.mark.parametrize("name", ["random", *NAMES])
def test_no_rule_but_the_oracle_sees_the_costs_of_what_it_decides(name):
    rule = (LEARNED | {"random": RandomRule})[name](0.5).fit(TRAIN)
    blind = replace(TEST, local_cost=np.full_like(TEST.local_cost, np.nan), remote_cost=TEST.remote_cost * np.nan)
    np.testing.assert_array_equal(rule.decide(TEST), rule.decide(blind))


@pytest.mark.slow
def test_the_price_of_a_transmission_is_a_multiplier():
    for price in (-9.0, -0.5, 0.0, 0.7, 9.0):
        local = TransmissionCostRule(price).fit(TRAIN).decide(TEST)
        assert (local == (TEST.benefit <= price)).mean() > 0.9
        oracle = eo.solve(TEST.problem(0.0, price)).decision.local
        np.testing.assert_array_equal(oracle, TEST.benefit < price)
    assert not TransmissionCostRule(-9.0).fit(TRAIN).decide(TEST).any()


def test_one_regression_serves_every_share():
    rule = BenefitRule(0.3).fit(TRAIN)
    held = TRAIN.rows(slice(960, None))
    for share in (0.0, 0.2, 0.5, 1.0):
        local = rule.at(share, held).decide(held)
        assert share <= local.mean() <= share + 1 / 240 + 1e-9
    assert rule.at(0.0, held).decide(TEST).sum() == 0


def test_baselines():
    assert Edge().fit(TRAIN).decide(TEST).all()
    assert not Cloud().fit(TRAIN).decide(TEST).any()
    shares = [RandomRule(0.3, seed).fit(TRAIN).decide(TEST).mean() for seed in range(20)]
    assert np.mean(shares) == pytest.approx(0.3, abs=0.03)
    curve = trade_off(lambda share, _: Oracle(share), TRAIN, TEST, (0.0, 0.5, 1.0))
    assert (curve.local >= curve.asked).all()
    assert curve.cost.is_monotonic_increasing
    random = trade_off(RandomRule, TRAIN, TEST, (0.0, 1.0), seeds=(0, 1))
    assert random.cost[:2].tolist() == [TEST.cost(np.zeros(len(TEST), bool))] * 2
    assert random.cost[2:].tolist() == [TEST.cost(np.ones(len(TEST), bool))] * 2


@pytest.mark.slow
def test_the_passes_of_one_batch_are_those_of_a_loop():
    torch.manual_seed(0)
    model = DDNN("conv3d", 4, 6, dropout=0.3)
    past = torch.from_numpy(TEST.past[:50])
    found = dropout_variance(model, past, passes=2000, seed=0)
    with torch.no_grad():
        model.sites.train()
        answers = torch.stack([model.local(model.features(past), past) for _ in range(2000)])
        model.eval()
    looped = answers.var(dim=0).amax(dim=1).numpy()
    np.testing.assert_allclose(found, looped, rtol=0.25)
    assert np.corrcoef(found, looped)[0, 1] > 0.9
    assert not any(module.training for module in model.modules())
    np.testing.assert_array_equal(found, dropout_variance(model, past, passes=2000, seed=0))


@pytest.mark.slow
def test_rules_that_are_fitted_together_decide_as_rules_that_are_not():
    together = fit_together([OptimizedRule(share) for share in (0.3, 0.7)], TRAIN)
    for rule in together:
        local = rule.decide(TEST)
        random, best = random_cost(TEST, local.mean()), TEST.cost(Oracle(local.mean()).decide(TEST))
        assert TEST.cost(local) < best + 0.2 * (random - best)
    alone, one = OptimizedRule(0.3).fit(TRAIN), fit_together([OptimizedRule(0.3)], TRAIN)[0]
    np.testing.assert_array_equal(alone.scores(TEST), one.scores(TEST))
    for others in ([OptimizedRule(0.3), OptimizedRule(0.3, seed=1)], [OptimizedRule(calibrated=True)]):
        with pytest.raises(eo.InvalidOptionError, match="fit these one by one"):
            fit_together(others, TRAIN)


def test_the_line_of_random_decisions_is_their_mean():
    drawn = [TEST.cost(RandomRule(0.3, seed).fit(TRAIN).decide(TEST)) for seed in range(400)]
    line = random_cost(TEST, [0.0, 0.3, 1.0])
    assert np.mean(drawn) == pytest.approx(line[1], abs=4 * np.std(drawn) / 20)
    stay = np.ones(len(TEST), bool)
    assert line[[0, 2]].tolist() == [TEST.cost(~stay), TEST.cost(stay)]
    with pytest.raises(eo.InvalidProblemError, match="local_fraction"):
        random_cost(TEST, 1.5)


def test_the_uncertainty_rule_keeps_its_share_of_what_it_was_fitted_on():
    model = DDNN("conv3d", 4, 6)
    for share in (0.0, 0.4, 1.0):
        rule = UncertaintyRule(model, share, passes=5).fit(TRAIN)
        assert rule.decide(TRAIN).mean() == pytest.approx(share, abs=1 / 1200)
    rule.threshold = 0.0
    assert not rule.decide(TEST).any()
    for layer in (model.sites[0].dropout, model.sites[0].exit[2]):  # one that acts is enough, none is not
        assert rule.scores(TEST).min() > 0
        layer.p = 0.0
    with pytest.raises(eo.InvalidOptionError, match="no active dropout"):
        rule.decide(TEST)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: OptimizedRule(1.5), "min_local_fraction is 1.5"),
        (lambda: OptimizedRule(view="future"), "view is 'future'"),
        (lambda: OptimizedRule(estimator="tree"), "estimator is 'tree'"),
        (lambda: OptimizedRule(estimator="cnn", view="local"), "looks at the past"),
        (lambda: OptimizedRule().decide(TEST), "has not been fitted"),
        (lambda: UncertaintyRule(DDNN("conv3d", 4, 6), passes=1), "passes is 1"),
        (lambda: UncertaintyRule(DDNN("conv3d", 4, 6, dropout=0.0)), "no active dropout at its edge"),
        (lambda: UncertaintyRule(DDNN("conv3d", 4, 6, exits=False)), "the network is centralised"),
        (lambda: dropout_variance(DDNN("lstm", 4, 6, dropout=0.0), torch.zeros(2, 4, 6), 5, 0), "no active dropout"),
        (lambda: TransmissionCostRule(float("nan")), "transmission_cost is nan"),
    ],
)
def test_impossible_rules_are_refused(call, message):
    with pytest.raises((eo.InvalidOptionError, eo.InvalidProblemError), match=message):
        call()


def test_alike_draws_make_a_score_that_of_the_sample_alone():
    torch.manual_seed(0)
    model = DDNN("conv3d", series=4, window=6, dropout=0.3)
    past = torch.rand(40, 4, 6)
    together = dropout_variance(model, past, 10, 0, alike=True)
    alone = [dropout_variance(model, past[i : i + 1], 10, 0, alike=True)[0] for i in range(40)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    drawn = {
        alike: [dropout_variance(model, past, 10, seed, alike).mean() for seed in range(40)] for alike in (True, False)
    }
    assert np.mean(drawn[True]) == pytest.approx(np.mean(drawn[False]), rel=0.1)  # of the same distribution


@pytest.mark.parametrize("rule", [BenefitRule(0.5, epochs=2), OptimizedRule(0.5, epochs=2, estimator="cnn")])
def test_what_a_rule_learned_is_a_module_s_state(rule):
    from edgeopt.predictors.rule_files import restore, stored

    samples = constructed(300)
    rule.fit(samples)
    other = restore(type(rule)(0.5, estimator=rule.estimator), stored(rule))
    np.testing.assert_array_equal(other.scores(samples), rule.scores(samples))
    assert other.threshold == rule.threshold
