"""The study of Labriji et al. (2023): it runs, leaves what it promises, and its claims are the paper's."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
import pytest

from edgeopt.control import DriftPlusPenalty, Environment, simulate
from edgeopt.studies import find, studies
from edgeopt.studies.labriji2023 import paper, runs

mpl.use("Agg")


@pytest.mark.slow
def test_every_table_and_figure_is_written_and_the_paper_s_claims_hold(any_data, tmp_path):
    assert "labriji2023" in studies()
    claims = find("labriji2023").reproduce(tmp_path, quick=True, data=any_data).set_index("claim")
    for name in ("figure_1", "figure_2a", "figure_2b", "figure_3", "neely"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
    for claim in (
        "MACs of full local inference",
        "outage within 1 %",
        "outage of full offloading is more than ten times the requirement",
        "less availability, lower energy savings",
        "a higher exponent, more local layers (3 and 4)",
        "the deviation of the split rises and falls with the availability (exponent 3)",
    ):
        assert claims.loc[claim, "verdict"] == "holds", claims.loc[claim]
    assert claims.loc["largest energy saving at availability 0.1", "verdict"] == "not decidable"
    # An independent simulation of Fig. 3 at the largest V: deviations of 2.9, 8.2 at most and 2.0; means 17.2 to 0.5.
    depth = pd.read_csv(tmp_path / "figure_3.csv").set_index(["exponent", "availability"]).loc[3.0]
    assert depth.deviation[[0.001, 0.01, 1.0]].tolist() == pytest.approx([2.9, 8.1, 1.9], abs=0.3)
    assert depth.split[[0.001, 1.0]].tolist() == pytest.approx([17.2, 0.5], abs=0.2)
    means = pd.read_csv(tmp_path / "figure_2.csv")
    assert set(means.availability) == set(paper.AVAILABILITIES)
    # The closed form is idle at the paper's own parameters: the rate sits at its upper bound.
    inside = pd.read_csv(tmp_path / "interior_rates.csv")
    assert inside[(inside.bandwidth == 200e6) & (inside.largest_power == 0.1)].interior.max() < 0.01
    assert inside.interior.max() > 0.99
    assert len(pd.read_csv(tmp_path / "planetlab.csv")) == 6


def test_a_simulation_is_kept_and_read_under_what_it_depends_on(monkeypatch, tmp_path):
    settings = [{"availability": a, "seed": s} for a in (0.1, 1.0) for s in range(2)]
    done = runs.Runs(tmp_path, DriftPlusPenalty(), Environment(), 400)
    first = done.summary("few", settings)
    found = simulate(done.controller, done.environment, 400, runs=settings, warm_up=20)
    assert first[list(found.summary)].equals(found.summary)
    assert (first.filter(like="share_").to_numpy() == found.shares).all()
    asked = []
    monkeypatch.setattr(runs, "simulate", lambda *given, **more: asked.append(given) or simulate(*given, **more))
    assert done.summary("few", settings).equals(first)
    assert not asked
    for other in (
        runs.Runs(tmp_path, DriftPlusPenalty(tradeoff=0.5), Environment(), 400),
        runs.Runs(tmp_path, DriftPlusPenalty(), Environment(availabilities=[0.5, 0.1]), 400),
        runs.Runs(tmp_path, DriftPlusPenalty(), Environment(availabilities=[0.5, 0.2]), 400),
        runs.Runs(tmp_path, DriftPlusPenalty(), Environment(), 401),
    ):
        other.summary("few", settings)
    done.summary("few", settings[:3])
    assert len(asked) == 5
