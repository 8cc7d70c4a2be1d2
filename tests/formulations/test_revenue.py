"""The network-revenue program: what it refuses, what it computes, its batch axis and its prices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import edgeopt as eo
from edgeopt.formulations.revenue import ResourcePrices

GOOD = {
    "unit_revenue": [3.0, 2.0],
    "compute_density": [[1.0, 1.0]],
    "link_density": [[0.5, 0.0], [0.0, 2.0]],
    "compute_capacity": [4.0],
    "link_capacity": [1.0, 3.0],
    "traffic": [5.0, 2.0],
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"traffic": [1.0, -2.0]}, r"traffic\[1\] is -2.0.*not be negative"),
        ({"link_capacity": [1.0, -3.0]}, r"link_capacity\[1\] is -3.0"),
        ({"compute_capacity": [np.nan]}, r"compute_capacity\[0\] is nan"),
        ({"traffic": [1.0, np.inf]}, r"traffic\[1\] is inf"),
        ({"unit_revenue": [1.0, np.nan]}, r"unit_revenue\[1\] is nan"),
        ({"unit_revenue": []}, "unit_revenue is empty"),
        ({"compute_density": [[1.0, -1.0]]}, r"compute_density\[0, 1\] is -1.0"),
        ({"link_density": [[np.inf, 0.0], [0.0, 1.0]]}, r"link_density\[0, 0\] is inf"),
        ({"link_density": [[1.0, 0.0, 0.0]]}, r"link_density has shape \(1, 3\)"),
        ({"compute_capacity": [1.0, 2.0]}, r"compute_capacity has shape \(2,\); expected 1"),
        ({"traffic": [1.0]}, r"traffic has shape \(1,\); expected 2"),
        ({"compute_density": "no"}, "compute_density is no matrix"),
        ({"compute_price": [1.0, 2.0]}, r"compute_price has shape \(2,\)"),
        ({"traffic": np.ones((3, 2)), "link_capacity": np.ones((4, 2))}, "leading batch axes disagree"),
        ({"traffic": np.ones((0, 2))}, "the batch is empty"),
        ({"server_names": ["a", "b"]}, "server_names has 2 names; expected 1"),
    ],
)
def test_bad_data_are_refused_by_field_index_and_value(changes, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        eo.RevenueMaximization(**GOOD | changes)


def test_the_profit_pays_for_the_resources():
    problem = eo.RevenueMaximization(**GOOD, compute_price=0.5, link_price=[2.0, 0.25])
    np.testing.assert_allclose(problem.unit_profit, [3.0 - 0.5 - 2.0 * 0.5, 2.0 - 0.5 - 0.25 * 2.0])


@pytest.mark.parametrize(
    ("admitted", "broken"),
    [
        ([5.0, 0.0], "capacity of server[0]"),
        ([0.0, 2.0], "capacity of link[1]"),
        ([0.0, 3.0], "traffic of admitted[1]"),
        ([-1.0, 0.0], "sign of admitted[0]"),
    ],
)
def test_what_an_admission_breaks_is_named(admitted, broken):
    problem = eo.RevenueMaximization(**GOOD | {"link_capacity": [9.0, 3.0]})
    found = problem.violations(eo.AdmissionDecision(admitted))
    assert any(broken in name for name in found)


def test_a_batch_is_its_instances():
    rng = np.random.default_rng(0)
    batch = eo.RevenueMaximization(
        **GOOD | {"traffic": rng.gamma(2.0, 1.0, (40, 2)), "link_capacity": rng.gamma(2.0, 1.0, (40, 2))}
    )
    together = eo.solve(batch)
    assert together.status == "optimal"
    assert (together.solver, batch.batch) == ("simplex", 40)
    alone = [eo.solve(batch.instance(i), "highs").objective for i in range(40)]
    np.testing.assert_allclose(together.objective, alone, rtol=1e-12)
    in_turn = eo.solve(batch, "highs")
    np.testing.assert_allclose(in_turn.objective, alone, rtol=1e-12)
    assert eo.verify(batch, together).holds


def test_wrong_prices_prove_nothing():
    problem = eo.RevenueMaximization(**GOOD)
    best = eo.solve(problem)
    prices = best.certificate.resource_price
    assert best.certificate.optimality_gap(problem, best.decision) == pytest.approx(0.0, abs=1e-12)
    for wrong in (prices + 0.1, -prices - 0.1, prices[:-1], np.full_like(prices, np.nan)):
        assert ResourcePrices(wrong).optimality_gap(problem, best.decision) > 0.01


def test_sparse_and_dense_densities_are_one_problem(tmp_path):
    dense = eo.RevenueMaximization(**GOOD)
    thin = eo.RevenueMaximization(**GOOD | {"link_density": sparse.coo_array(np.array(GOOD["link_density"]))})
    assert eo.solve(dense).objective == eo.solve(thin).objective
    eo.save(thin, tmp_path / "revenue.json")
    assert eo.solve(eo.load(tmp_path / "revenue.json")).objective == eo.solve(dense).objective


def test_the_program_says_who_is_who():
    problem = eo.RevenueMaximization(
        **GOOD, service_names=["vgg", "face"], server_names=["rome"], link_names=["a", "b"]
    )
    program = problem.program()
    assert list(program.column_names) == ["vgg", "face"]
    assert list(program.row_names) == ["rome", "a", "b"]
    with pytest.raises(eo.InvalidProblemError, match="a program is one instance|ask one instance"):
        eo.RevenueMaximization(**GOOD | {"traffic": np.ones((2, 2))}).program()
