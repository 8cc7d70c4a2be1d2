"""Shifts of demand by hand and by law, and how often the rule of drift is right."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.predictors.drift import DriftRule, block_means, distribution_shift


def test_a_shift_by_hand():
    reference = np.arange(10.0)[:, None]
    recent = np.array([[8.5]] * 10)
    found = distribution_shift(reference, recent).iloc[0]
    assert found["ks"] == pytest.approx(0.9)  # nine of ten lie below 8.5
    # A tenth of the reference in each bin, all recent slots in the last but one; half a slot is added to each of ten bins.
    p, full, empty = 1.5 / 15, 10.5 / 15, 0.5 / 15
    expected = (full - p) * np.log(full / p) + 9 * (empty - p) * np.log(empty / p)
    assert found["psi"] == pytest.approx(expected)
    assert found["mean_ratio"] == pytest.approx(8.5 / 4.5)


def test_the_same_slots_have_no_shift():
    demand = np.random.default_rng(0).random((50, 3))
    np.testing.assert_allclose(distribution_shift(demand, demand[::-1]), [[0, 0, 1]] * 3, atol=1e-12)


def test_a_shift_knows_neither_units_nor_the_order_of_slices():
    generator = np.random.default_rng(1)
    old, new = generator.gamma(2.0, size=(80, 4)), generator.gamma(3.0, size=(60, 4))
    found = distribution_shift(old, new).to_numpy()
    np.testing.assert_allclose(distribution_shift(1e6 * old, 1e6 * new), found)
    np.testing.assert_allclose(distribution_shift(old[:, ::-1], new[:, ::-1]), found[::-1])


def test_constant_demand_is_one_bin_and_zero_has_a_ratio():
    assert distribution_shift([[2.0]] * 5, [[2.0]] * 5).iloc[0].tolist() == [0.0, 0.0, 1.0]
    assert distribution_shift([[0.0]] * 5, [[0.0]] * 5).iloc[0]["mean_ratio"] == 1.0
    assert distribution_shift([[0.0]] * 5, [[1.0]] * 5).iloc[0]["mean_ratio"] == np.inf


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 2)), r"reference has shape \(2, 3\) and recent \(2, 2\)"),
        (np.ones((0, 2)), np.ones((2, 2)), "expected one slot or more"),
        ([[np.nan]], [[1.0]], r"reference\[0, 0\] is nan"),
    ],
)
def test_what_cannot_be_compared_is_refused(old, new, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        distribution_shift(old, new)


def test_blocks_are_neighbours_and_one_block_is_the_whole():
    values = np.arange(12.0)
    np.testing.assert_allclose(block_means(values, 12, 50, np.random.default_rng(0)), values.mean())
    single = block_means(values, 1, 20_000, np.random.default_rng(0))
    assert single.std() == pytest.approx(values.std() / np.sqrt(12), rel=0.02)
    # In a slow wave neighbours go together, so that the mean of blocks varies more than that of single slots.
    assert block_means(values, 4, 20_000, np.random.default_rng(0)).std() > 1.3 * single.std()


def slow_costs(generator: np.random.Generator, slots: int, level: float) -> np.ndarray:
    """Positive costs whose neighbours go together (autoregressive, 0.7)."""
    noise = np.zeros(slots + 50)
    for k in range(1, len(noise)):
        noise[k] = 0.7 * noise[k - 1] + generator.normal()
    return level * np.exp(0.3 * noise[50:])


def test_the_rule_finds_what_is_there_and_little_else():
    generator, rule = np.random.default_rng(0), DriftRule(tolerance=0.1, confidence=0.9, block=12, draws=300)
    same = [rule.judge(slow_costs(generator, 144, 1), slow_costs(generator, 288, 1)).drifted for _ in range(200)]
    double = [rule.judge(slow_costs(generator, 144, 2), slow_costs(generator, 288, 1)).drifted for _ in range(50)]
    assert np.mean(same) < 0.05
    assert np.mean(double) == 1.0


def test_the_interval_of_the_ratio_holds_the_truth_as_often_as_it_says():
    generator, rule = np.random.default_rng(3), DriftRule(confidence=0.9, block=18, draws=300)
    held = 0
    for _ in range(200):
        found = rule.judge(slow_costs(generator, 288, 1.5), slow_costs(generator, 288, 1))
        held += found.low <= 1.5 <= found.high
    assert 0.8 < held / 200 < 0.97


def test_a_rule_is_indifferent_to_units_and_the_same_twice():
    recent, validation = [3.0, 1.0, 2.0, 5.0], [1.0, 2.0, 1.0, 2.0]
    rule = DriftRule(block=2)
    found = rule.judge(recent, validation)
    assert found == rule.judge(recent, validation)
    assert found == pytest.approx(rule.judge(4 * np.array(recent), 4 * np.array(validation)))
    assert found.ratio == pytest.approx(11 / 6)
    assert found.low <= found.ratio <= found.high


def test_validation_that_seldom_costs_leaves_the_interval_open():
    assert DriftRule(block=1).judge([1.0] * 4, [0.0, 0.0, 0.0, 1.0]).high == np.inf


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": -0.1}, "tolerance is -0.1"),
        ({"tolerance": np.nan}, "tolerance is nan"),
        ({"confidence": 1.0}, "confidence is 1.0"),
        ({"block": 0}, "block is 0"),
        ({"draws": 0}, "draws is 0"),
    ],
)
def test_impossible_rules_are_refused(options, message):
    with pytest.raises(eo.InvalidOptionError, match=message):
        DriftRule(**options)


@pytest.mark.parametrize(
    ("recent", "validation", "message"),
    [
        ([], [1.0], "recent has no slot"),
        ([1.0], [], "validation has no slot"),
        ([1.0], [0.0], "validation costs nothing"),
        ([np.inf], [1.0], r"recent\[0\] is inf"),
    ],
)
def test_costs_that_tell_nothing_are_refused(recent, validation, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        DriftRule().judge(recent, validation)
