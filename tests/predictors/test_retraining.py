"""Retraining over a table: by hand, against a plain loop, and what no model may see."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.data import synthetic
from edgeopt.predictors.drift import DriftRule
from edgeopt.predictors.persistence import Persistence
from edgeopt.predictors.retraining import Retraining, windowed
from edgeopt.predictors.samples import MinMax, windows
from edgeopt.profiles.costs import AllocationCost

matplotlib.use("Agg")

COST = AllocationCost(under=2.0)
UNITS = MinMax(np.zeros(2), np.ones(2))


def table(values, start="2013-11-04"):
    return pd.DataFrame(values, columns=["web", "video"], index=pd.date_range(start, periods=len(values), freq="h"))


class Highest:
    """Reserves the largest demand that it has learned from; remembers what it was shown."""

    def __init__(self):
        self.histories, self.asked = [], []

    def __call__(self, history):
        self.histories.append((history.index[0], history.index[-1]))
        highest = history.max().to_numpy()

        def answer(recent):
            self.asked.append((recent.index[0], recent.index[-1]))
            return np.tile(highest, (len(recent) - 1, 1))

        return answer


def jump(slots=12, at=8, seed=0):
    """Demand between 1 and 2 that is three times as large from slot `at` on."""
    demand = 1 + np.random.default_rng(seed).random((slots, 2))
    demand[at:] *= 3
    return table(demand)


def plan(learn, **options):
    rule = DriftRule(tolerance=0.1, block=1, draws=200)
    return Retraining(
        **{"learn": learn, "cost": COST, "window": 2, "train": 6, "every": 2, "rule": rule, "scale": UNITS} | options
    )


def test_a_jump_by_hand():
    demand = table([[1.0, 1.0]] * 8 + [[3.0, 3.0]] * 8)
    report = plan(lambda history: lambda recent: np.tile(history.max() + 0.5, (len(recent) - 1, 1))).run(demand)
    costs = report.periods["cost"].unstack("policy")
    # 0.5 in vain of each slice; after the jump a shortfall costs 2 each, until the period from which it was learned ends.
    assert costs["once"].tolist() == [1.0, 4.0, 4.0, 4.0, 4.0]
    assert costs["every"].tolist() == [1.0, 4.0, 1.0, 1.0, 1.0]
    assert costs["drift"].tolist() == [1.0, 4.0, 1.0, 1.0, 1.0]
    assert report.decisions["drifted"].tolist() == [False, True, False, False, False]
    assert report.decisions["ratio"].tolist()[:2] == [1.0, 4.0]
    violations = report.periods["violation_rate"].unstack("policy")
    assert violations["once"].tolist() == [0, 1, 1, 1, 1]
    surplus = report.periods["surplus"].unstack("policy")
    assert surplus["every"].tolist() == [1.0, 0.0, 1.0, 1.0, 1.0]
    shift = report.shift["ks"].xs("web", level="slice")
    assert shift.tolist() == [0, 1, 1, 1, 1]
    assert report.shift["mean_ratio"].xs("video", level="slice").tolist() == [1, 3, 3, 3, 3]
    assert (report.shift["ks_usual"] == 0).all()
    summary = report.summary()
    assert summary["trainings"].tolist() == [1, 5, 2]
    assert summary.loc["every", "saved"] == pytest.approx(1 - 8 / 17)
    assert summary.loc["once", ["saved", "low", "high"]].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("follow_up", "trained"), [(0, [6, 6, 10, 10, 10]), (1, [6, 6, 10, 12, 12]), (9, [6, 6, 10, 12, 14])]
)
def test_a_drift_is_followed_up(follow_up, trained):
    demand = table([[1.0, 1.0]] * 8 + [[3.0, 3.0]] * 8)
    learn = lambda history: lambda recent: np.tile(history.max() + 0.5, (len(recent) - 1, 1))  # noqa: E731
    report = plan(learn, follow_up=follow_up).run(demand)
    until = report.periods["learned_until"].xs("drift", level="policy")
    assert [demand.index.get_loc(slot) for slot in until] == trained


@pytest.mark.parametrize("memory", [None, 5])
def test_every_model_learns_from_the_slots_it_should(memory):
    learner = Highest()
    demand = table(1 + np.random.default_rng(2).random((13, 2)))
    report = plan(learner, memory=memory, rule=DriftRule(tolerance=1e6)).run(demand)
    first = [0 if memory is None else until - memory for until in (6, 8, 10)]
    index = demand.index
    assert {(index[f], index[u - 1]) for f, u in zip(first, (6, 8, 10), strict=True)} <= set(learner.histories)
    validated = (index[first[0]], index[3])  # without the two slots of validation
    assert sorted(set(learner.histories)) == sorted(
        {(index[f], index[u - 1]) for f, u in zip(first, (6, 8, 10), strict=True)} | {validated}
    )
    assert len(learner.histories) == 4  # nothing is learned twice
    # The window before a period, and the period but its last slot.
    assert set(learner.asked) == {(index[k - 2], index[k]) for k in (4, 6, 8, 10)}
    assert list(report.slot_costs.index) == list(index[6:12])  # the thirteenth slot is in no whole period


def test_costs_are_those_of_a_plain_loop():
    demand = synthetic.traffic(cells=3, days=2, seed=4)
    train, every, memory = 180, 36, 150
    scale = MinMax.fit(demand.to_numpy()[:train])
    learn = windowed(lambda: Persistence(COST), scale, 4)
    options = {"window": 4, "train": train, "every": every, "memory": memory}
    report = Retraining(learn=learn, cost=COST, scale=scale, **options).run(demand)
    known = scale.normalise(demand.to_numpy())
    for policy in ("once", "every"):
        costs = []
        for start in range(train, 288, every):
            until = train if policy == "once" else start
            model = Persistence(COST).fit(*windows(known[until - memory : until], 4))
            past, target = windows(known[start - 4 : start + every], 4)
            costs.append(COST.exact(model.allocate(past), target).sum(axis=1))
        np.testing.assert_allclose(report.slot_costs[policy], np.concatenate(costs), atol=1e-6)
        means = report.periods["cost"].xs(policy, level="policy")
        np.testing.assert_allclose(means, [c.mean() for c in costs], atol=1e-6)


def test_nothing_that_comes_later_is_known():
    demand = jump(slots=14)
    later = demand.copy()
    later.iloc[10:] *= 50
    one, two = (plan(Highest()).run(each).slot_costs for each in (demand, later))
    pd.testing.assert_frame_equal(one.iloc[:4], two.iloc[:4])


def test_slices_may_stand_in_any_order_and_unit():
    demand = jump()
    found, turned = (plan(Highest()).run(each) for each in (demand, demand[["video", "web"]]))
    pd.testing.assert_frame_equal(found.slot_costs, turned.slot_costs)
    big = plan(Highest(), scale=MinMax(UNITS.lowest, 1e6 * UNITS.span)).run(1e6 * demand)
    pd.testing.assert_frame_equal(found.slot_costs, big.slot_costs)
    np.testing.assert_allclose(big.periods["surplus"], 1e6 * found.periods["surplus"])


def test_costs_are_on_the_scale_of_the_first_slots_by_default():
    demand = jump()
    scale = MinMax.fit(demand.to_numpy()[:6])
    by_default, stated = (plan(Highest(), scale=one).run(demand).slot_costs for one in (None, scale))
    pd.testing.assert_frame_equal(by_default, stated)


def test_slices_may_be_pairs_of_nodes():
    demand = jump()
    pairs = demand.set_axis(pd.MultiIndex.from_tuples([("1", "2"), ("2", "1")], names=["source", "target"]), axis=1)
    found, named = plan(Highest()).run(pairs), plan(Highest()).run(demand)
    assert found.shift.index.get_level_values("slice").unique().tolist() == ["1->2", "2->1"]
    assert found.slices.index.get_level_values("slice").unique().tolist() == ["1->2", "2->1"]
    np.testing.assert_array_equal(found.slices, named.slices)


def test_rows_may_be_numbered():
    report = plan(Highest()).run(jump().reset_index(drop=True))
    assert report.decisions.index.tolist() == [6, 8, 10]


def test_the_figure_and_the_text_say_what_was_found():
    report = plan(Highest()).run(jump(slots=20))
    figure = report.plot()
    assert [axes.get_ylabel().split("\n")[0] for axes in figure.axes] == [
        "cost a slot",
        "saved against",
        "cost / validation",
        "KS distance",
    ]
    matplotlib.pyplot.close(figure)
    assert repr(report).startswith("7 periods, 1 drifted\n")
    assert report.summary().loc["every", "verdict"] in {"pays", "indistinguishable"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "window is 0; expected 1 or more slots"),
        ({"every": 0}, "every is 0"),
        ({"follow_up": -1}, "follow_up is -1; expected 0 or more periods"),
        ({"memory": 7}, "memory is 7; the first model has only 6 slots"),
        ({"train": 4}, "train is 4; expected at least 5 slots"),
        ({"memory": 4}, "memory is 4; expected at least 5 slots"),
        ({"validation": 4}, "train is 6; expected at least 7 slots"),
    ],
)
def test_impossible_plans_are_refused(options, message):
    with pytest.raises(eo.InvalidOptionError, match=message):
        plan(Highest(), **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.iloc[:9], "demand has 9 slots; train and two periods are 10"),
        (lambda d: d.mask(d == d.iloc[3, 0]), "demand at 2013-11-04 03:00:00, slice web is nan; .*fill the gaps"),
        (lambda d: -d, "slice web is -1"),
        (lambda d: d.assign(web="much"), "demand: could not convert .*; expected a column of numbers for each slice"),
        (
            lambda d: d.drop(d.index[4]),
            "the step from 2013-11-04 03:00:00 to 2013-11-04 05:00:00 is not that of the fi",
        ),
        (lambda d: d[::-1], "the step from"),
    ],
)
def test_tables_that_are_none_are_refused(change, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        plan(Highest()).run(change(jump()))


def test_answers_of_another_shape_are_refused():
    with pytest.raises(eo.InvalidProblemError, match=r"allocation has shape \(3, 2\); expected \(2, 2\): what `learn`"):
        plan(lambda history: lambda recent: recent.to_numpy()).run(jump())
    with pytest.raises(eo.InvalidProblemError, match=r"the allocation\[0, 0\] is nan"):
        plan(lambda history: lambda recent: np.full((2, 2), np.nan)).run(jump())
