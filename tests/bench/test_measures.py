"""What a table says, against what a hand counts; figures that draw it."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeopt as eo
from edgeopt.bench import figures, measures
from edgeopt.bench.heuristics import against_optima, gaps

mpl.use("Agg")


def test_a_liar_ranks_last(table):
    ranking = measures.by_solver(table)
    assert ranking["solver"].tolist() == ["sure", "quick", "rough", "liar"]
    last = ranking.iloc[-1]
    assert (last["solved"], last["unverified"], last["mean_time"]) == (0.0, 3, pytest.approx(100.0))
    assert measures.win_loss(table).loc["liar"].max() <= 0.5
    assert measures.performance_profile(measures.times(table))["liar"].max() == 0.0


def test_solved_means_verified_and_as_good_as_known(table):
    good = dict(zip(zip(table["solver"], table["instance"], strict=True), measures.solved(table), strict=True))
    assert good["rough", "b"]
    assert not good["rough", "a"]
    assert not good["liar", "a"]
    assert measures.solved(table, tolerance=0.2)[table.index[(table["solver"] == "rough")]].all()


def test_without_a_record_the_best_of_the_table_counts(made, row):
    unknown = {"best": None, "best_status": "", "excess": None}
    table = made(
        row("a", "x", 1.0, **unknown, objective=2.0),
        row("b", "x", 1.0, **unknown, objective=3.0, status="feasible"),
        row("c", "y", 1.0, **unknown, objective=5.0, status="feasible", sense="maximize"),
        row("d", "y", 1.0, **unknown, objective=6.0, status="feasible", sense="maximize"),
        row("e", "z", 1.0, **unknown, objective=None, status="infeasible"),
    )
    assert measures.excess(table).tolist() == pytest.approx([0.0, 0.5, 1 / 6, 0.0, 0.0])


def test_a_liar_is_found_out_by_an_honest_solver(made, row):
    unknown = {"best": None, "best_status": "", "excess": None, "sense": "maximize"}
    table = made(
        row("a-liar", "x", 0.1, **unknown, objective=0.0),
        row("highs", "x", 1.0, **unknown, objective=4484.0),
        row("a-liar", "y", 0.1, **unknown, objective=0.0),
        row("highs", "y", 1.0, **unknown, objective=0.0),
    )
    lie = table[(table["solver"] == "a-liar") & (table["instance"] == "x")].iloc[0]
    assert (lie["verified"], lie["message"]) == (False, "says optimal, but highs found 4484")
    ranking = measures.by_solver(table)
    assert ranking["solver"].tolist() == ["highs", "a-liar"]
    assert ranking["unverified"].tolist() == [0, 1]


def test_rounding_is_no_contradiction_and_a_denial_is_one(made, row):
    unknown = {"best": None, "best_status": "", "excess": None, "magnitude": 1.0}
    table = made(
        row("a", "x", 1.0, **unknown, objective=5.5e-17),
        row("b", "x", 1.0, **unknown, objective=1.1e-16),
        row("c", "y", 1.0, **unknown, objective=2.0),
        row("denier", "y", 0.1, **unknown, objective=None, status="infeasible"),
    )
    assert table.loc[table["instance"] == "x", "verified"].all()
    assert measures.solved(table[table["instance"] == "x"]).all()
    denier = table[table["solver"] == "denier"].iloc[0]
    assert (denier["verified"], denier["message"]) == (False, "says infeasible, but c found 2")


def test_who_answers_nothing_ranks_behind_who_answers_badly(made, row):
    silent = {"status": "failed", "verified": False, "objective": None, "excess": None}
    table = made(
        *(row("a-liar", name, 0.1, **silent) for name in "ab"),
        *(row("honest", name, 0.1, status="feasible", excess=0.01, objective=1.01) for name in "ab"),
    )
    assert measures.by_solver(table)["solver"].tolist() == ["honest", "a-liar"]


def test_a_part_of_a_table_and_another_order_give_the_same(table):
    whole = measures.by_solver(table)
    pd.testing.assert_frame_equal(measures.by_solver(table.iloc[::-1]), whole)
    part = table[table["solver"] == "sure"]
    assert measures.by_solver(part)["solved"].tolist() == [1.0]
    assert measures.solved(part).all()
    figures.mean_times(part).figure.draw_without_rendering()
    with pytest.raises(eo.InvalidOptionError, match="twice"):
        measures.times(pd.concat([table, table]))


def test_a_large_profile_takes_little_memory():
    rng = np.random.default_rng(0)
    profile = measures.performance_profile(pd.DataFrame(rng.gamma(1.0, 1.0, (20_000, 6))))
    assert profile.iloc[-1].tolist() == [1.0] * 6


def test_the_performance_profile_by_hand(table):
    profile = measures.performance_profile(measures.times(table[table["solver"].isin(["quick", "sure"])]))
    assert profile.index.tolist() == [1.0, 2.0, 4.0]
    assert profile["quick"].tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3])
    assert profile["sure"].tolist() == pytest.approx([1 / 3, 2 / 3, 1.0])


@given(st.lists(st.tuples(*[st.floats(1e-6, 1e3) | st.just(np.inf)] * 3), min_size=1, max_size=12))
def test_performance_profiles_rise_to_the_share_solved(seconds):
    frame = pd.DataFrame(seconds, columns=list("abc"))
    profile = measures.performance_profile(frame)
    assert (profile.diff().dropna() >= 0).all().all()
    np.testing.assert_allclose(profile.iloc[-1], np.isfinite(frame).mean())
    solved_by_one = np.isfinite(frame.min(axis=1)).mean()
    assert profile.iloc[0].sum() >= solved_by_one - 1e-12  # someone is fastest wherever someone solves


def test_shifted_geometric_means():
    assert measures.shifted_geometric_mean([4.0, 9.0], shift=0.0) == pytest.approx(6.0)
    assert measures.shifted_geometric_mean([1.0, np.inf]) == np.inf
    with pytest.raises(eo.InvalidOptionError):
        measures.shifted_geometric_mean([])


def test_bootstrap_intervals_cover():
    rng = np.random.default_rng(0)
    covered = [
        low <= 0.0 <= high
        for low, high in (measures.bootstrap_interval(rng.normal(size=40), draws=300, seed=k) for k in range(200))
    ]
    assert np.mean(covered) > 0.88
    assert measures.bootstrap_interval([3.0]) == (3.0, 3.0)
    with pytest.raises(eo.InvalidOptionError):
        measures.bootstrap_interval([])


def test_wins_and_losses_add_up(table):
    share = measures.win_loss(table)
    assert share.loc["quick", "sure"] == pytest.approx(2 / 3)
    pairs = share + share.T
    np.testing.assert_allclose(pairs.to_numpy()[~np.eye(4, dtype=bool)], 1.0)


def test_growth_finds_the_exponent(made, row):
    table = made(*(row("cubic", str(n), 1e-6 * n**3, size=n) for n in (10, 20, 40, 80)), row("flat", "x", 1.0))
    fits = measures.growth(table)
    assert fits["solver"].tolist() == ["cubic"]
    assert fits["exponent"].iloc[0] == pytest.approx(3.0)


def test_heuristics_against_optima(made, row):
    table = made(
        row("genetic[population=9]", "a", 0.1, excess=0.2),
        row("genetic", "b", 0.3, excess=0.0),
        row("algorithm-1", "a", 0.1, status="failed", verified=False, excess=None),
        row("highs", "a", 1.0),
    )
    found = against_optima(table).set_index("heuristic")
    assert len(found) == 2
    genetic = found.loc["genetic algorithm (Zuo 2024), separate genes"]
    assert (genetic["runs"], genetic["optimal"], genetic["worst_gap"]) == (2, 0.5, pytest.approx(0.2))
    assert found.loc["Algorithm 1 (Giannakas et al. 2025)", "unanswered"] == 1


def test_only_proved_optima_count_and_nothing_lies_below_them(made, row):
    table = made(
        row("genetic", "a", 0.1, best_status="feasible"),
        row("genetic", "b", 0.1, best=None, best_status="", excess=None),
    )
    assert against_optima(table).empty
    found = gaps("rule", 1, [-0.05, 0.0, 0.3], [1.0, 1.0, 1.0])
    assert (found["unanswered"], found["optimal"], found["worst_gap"]) == (1, pytest.approx(1 / 3), 0.3)


@pytest.mark.parametrize("name", ["performance_profile", "mean_times", "gap_against_time", "win_loss"])
def test_a_figure_is_drawn_on_axes_of_ones_own_or_new_ones(name, table):
    from matplotlib.figure import Figure

    draw = getattr(figures, name)
    axes = Figure().add_subplot()
    assert draw(table, axes=axes) is axes
    fresh = draw(table)
    fresh.figure.draw_without_rendering()
    words = (
        [text.get_text() for text in fresh.get_legend().get_texts()]
        if fresh.get_legend()
        else [text.get_text() for text in fresh.get_yticklabels()]
    )
    expected = {"sure", "quick", "rough"} if name == "gap_against_time" else {"sure", "quick", "rough", "liar"}
    assert set(words) == expected


def test_the_scaling_figure_names_the_exponent(table):
    axes = figures.scaling(table, "OfflineOffloading")
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "sure: size^1.00" in words
    axes.figure.draw_without_rendering()
