"""The study of Zuo (2024): it runs, leaves what it promises, and its numbers are what its problem says."""

from __future__ import annotations

from itertools import product

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.data import portend
from edgeopt.data.folder import data_folder
from edgeopt.studies import find, studies
from edgeopt.studies.zuo2024 import measured, paper, readings, regimes

mpl.use("Agg")


@pytest.mark.slow
def test_the_whole_study_quickly(any_data, tmp_path):
    claims = find("zuo2024").reproduce(tmp_path / "report", quick=True, data=any_data)
    files = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"README.md", "claims.csv", "regimes.csv", "regimes.png", "split_map.csv", "split_map.png"} <= files
    assert {"genetic_curve.png", "latency_against_rate.png", "measured_gaps.csv", "expected_latency.csv"} <= files
    stored = pd.read_csv(tmp_path / "report" / "claims.csv")
    assert list(stored.columns) == ["claim", "paper", "ours", "unit", "verdict", "note"]
    verdicts = dict(zip(claims.claim, claims.verdict, strict=True))
    assert verdicts["reduction against Edgent"] == "does not hold"
    assert verdicts["expected latency of the optimum"] == "not decidable"
    gaps = pd.read_csv(tmp_path / "report" / "measured_gaps.csv").set_index(["networks", "solver"])
    assert (gaps["mean gap [%]"] >= -1e-9).all()
    assert gaps.xs("shortest-path", level="solver")["optimal in [%]"].tolist() == [100.0, 100.0]


def test_the_readings_of_table_4_2():
    """An outside reading of the paper found these optima, none with a gap to Edgent."""
    tables = paper.chains()
    found = readings.reading_frame(paper.problem(tables), tables)
    assert found["optimum [ms]"].tolist() == pytest.approx([36.88, 12.8, 43.1, 38.4, 19.1], abs=0.06)
    assert found["Edgent above it [%]"].abs().max() < 1e-9
    first = paper.problem(tables)
    again = readings.read_as(first, tables, *readings.READINGS[0])
    assert eo.solve(again).objective == pytest.approx(eo.solve(first).objective)


def test_the_printed_transfer_sends_the_output_of_the_layer_behind_it():
    exits = [eo.Exit(1.0, [[9.0, 1.0], [1.0, 9.0]], [8.0, 4.0, 2.0])]
    problem = eo.StochasticSplit(exits, [1.0], 1.0)
    decision = eo.SplitDecision([np.array([1, 0])])
    # By (4.5): up without charge, down with Output_1 = 2; truly up with the input 8, down with Output_0 = 4.
    assert problem.objective(decision) == pytest.approx(1 + 1 + 8 + 4)
    assert paper.printed_transfers(problem).objective(decision) == pytest.approx(1 + 1 + 2)


def printed_transmission(tiers, output, wireless, wired):
    """(4.5) word by word: layers 0 to N - 1, then layer N, the result on the device."""
    placed, produced, total = [*tiers, 0], [*output[1:], output[-1]], 0.0
    for i in range(1, len(placed)):
        wireless_changes = (placed[i] == 0) != (placed[i - 1] == 0)
        wired_changes = (placed[i] == 2) != (placed[i - 1] == 2)
        total += (wireless_changes / wireless + wired_changes / wired) * produced[i]
    return total


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_the_printed_transfers_are_equation_4_5(layers):
    rng = np.random.default_rng(layers)
    times, bits = rng.random((layers, 3)), rng.integers(1, 100, layers + 1).astype(float)
    printed = paper.printed_transfers(eo.StochasticSplit([eo.Exit(0.5, times, bits)], [1.0], 3.0, 7.0))
    for tiers in product(range(3), repeat=layers):
        expected = sum(times[i, tier] for i, tier in enumerate(tiers)) + printed_transmission(tiers, bits, 3.0, 7.0)
        assert printed.objective(eo.SplitDecision((tiers,))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_without_data_the_measured_part_is_left_out_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(paper, "SETTINGS", ({},))
    monkeypatch.setattr(regimes, "reproduce", lambda report, quick: None)
    find("zuo2024").reproduce(tmp_path, quick=True, data=None)
    assert "were left out" in (tmp_path / "README.md").read_text()


def test_the_papers_problem():
    problem = paper.problem(paper.chains())
    assert [entry.layers for entry in problem.exits] == [12, 16, 19, 20, 22]
    assert problem.demand.sum() == pytest.approx(1.0)
    optimum = eo.solve(problem)
    everything = eo.solve(problem, "remote-only")
    assert optimum.objective == pytest.approx(everything.objective)  # the edge runs it all: no gap to find
    # Worked by hand for the first layer: 5 x 5 filters, 3 feature maps, 32 filters.
    mobile = 6.13e-3 * 3 + 2.67e-2 * 25 * 32 * 3 - 9.909
    assert problem.exits[0].exec_time[0, 0] == pytest.approx(1e-3 * mobile)
    loaded = paper.problem(paper.chains(), loading=True)
    assert loaded.constant > 0.088
    faster = paper.problem(paper.chains(), speed_up=10.0)
    np.testing.assert_allclose(10 * faster.exits[2].exec_time[:, 0], problem.exits[2].exec_time[:, 0])


def test_gaps_are_gaps():
    frame = regimes.gap_frame({100.0: paper.problem(paper.chains(), speed_up=100.0)}, np.array([1e6, 3e8]))
    assert (frame[["edgent gap", "genetic gap", "best single tier gap"]] >= -1e-12).all().all()
    assert frame["edgent gap"].iloc[1] > 0.01  # a fast device on a fast link changes tiers more than once


def test_portends_exits_have_its_measured_accuracies(any_data):
    data = portend.read_portend(any_data / "dnn_profiles" / "portend")
    for model in portend.NETWORKS:
        exits, shares = measured.portend_exits(data, model)
        assert len(exits) == len(measured.INPUTS[model][0]) == shares.size
        assert [entry.layers for entry in exits] == list(range(1, len(exits) + 1))
        assert shares.sum() == pytest.approx(1.0)
        assert (shares >= -1e-12).all()
    first = data.exits.query("model == 'ResNet20' and partition_start == 1 and partition_end == 1 and threshold == 1")
    assert measured.portend_exits(data, "ResNet20")[0][0].accuracy == first["accuracy"].iloc[0]


def test_studies_are_found_by_name(tmp_path, monkeypatch):
    assert "zuo2024" in studies()
    with pytest.raises(eo.InvalidOptionError, match="no study is called 'zuo'; there are: .*zuo2024"):
        find("zuo")
    with pytest.raises(eo.InvalidOptionError, match="does not exist"):
        data_folder(tmp_path / "nowhere")
    monkeypatch.setenv("EDGEOPT_DATA", str(tmp_path / "nowhere"))
    assert data_folder(None) is None
    assert data_folder(tmp_path) == tmp_path
