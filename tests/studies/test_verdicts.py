"""Four words for a claim, and how paired runs choose among them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import edgeopt as eo
from edgeopt.studies.verdicts import Verdict, paired_interval, paired_verdict


def test_the_interval_is_that_of_the_paired_t_test():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=7), rng.normal(0.5, size=7)
    expected = stats.ttest_rel(second, first).confidence_interval(0.9)
    found = paired_interval(second - first, 0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.mean == pytest.approx((second - first).mean())
    assert str(paired_interval([1.0, 1.0])) == "1 (1 to 1)"


def test_what_paired_runs_decide():
    lower, noise = np.array([1.0, 5.0, 9.0]), np.array([0.01, -0.01, 0.0])
    assert paired_verdict(lower, lower + 1 + noise) is Verdict.HOLDS  # seeds differ more than the two quantities do
    assert paired_verdict(lower + 1 + noise, lower) is Verdict.FAILS
    assert paired_verdict(lower, lower + noise) is Verdict.INDISTINGUISHABLE
    assert paired_verdict(lower, lower) is Verdict.INDISTINGUISHABLE
    assert paired_verdict(lower, lower + 1 + noise, by=1.5) is Verdict.FAILS
    assert paired_verdict([1.0], [2.0]) is Verdict.UNDECIDABLE
    assert (Verdict.of(True), Verdict.of(False)) == (Verdict.HOLDS, Verdict.FAILS)


def test_the_share_of_false_verdicts_is_that_of_the_interval():
    rng = np.random.default_rng(2)
    drawn = [paired_verdict(rng.normal(size=5), rng.normal(size=5)) for _ in range(2000)]
    assert np.mean([one is not Verdict.INDISTINGUISHABLE for one in drawn]) == pytest.approx(0.05, abs=0.02)


def test_runs_that_are_no_pairs_are_refused():
    with pytest.raises(eo.InvalidProblemError, match="lower has 2 seeds and higher 3; they are paired by seed"):
        paired_verdict([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(eo.InvalidProblemError, match="differences has 1 seeds; an interval needs two at least"):
        paired_interval([1.0])
    with pytest.raises(eo.InvalidProblemError, match=r"higher\[1\] is nan"):
        paired_verdict([1.0, 2.0], [1.0, np.nan])
