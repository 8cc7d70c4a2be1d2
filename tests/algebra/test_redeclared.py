"""The papers' problems that are written by hand and declared: both say the same, for many random problems."""

from __future__ import annotations

import copy
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import edgeopt as eo
from edgeopt.algebra.declared import Declared
from edgeopt.testing import check_override


@st.composite
def offloadings(draw):
    """Return problems with every option: one or several sites, together or alone, costs of sending, exits that fail."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples, sites = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    kind = draw(st.sampled_from(["one", "together", "independent"]))
    shape = (samples,) if kind == "one" else (samples, sites)
    decided = shape if kind == "independent" else (samples,)
    available = draw(st.sampled_from([None, "all", "some"]))
    return eo.OfflineOffloading(
        local_cost=rng.integers(-4, 5, shape) / 2,
        remote_cost=rng.normal(size=decided),
        min_local_fraction=draw(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0])),
        transmission_cost=draw(st.sampled_from([0.0, 0.25, -0.5])),
        independent_sites=kind == "independent",
        local_available=None if available is None else rng.uniform(size=decided) < (2.0 if available == "all" else 0.7),
    )


@st.composite
def revenues(draw):
    """Return problems with dense or sparse densities, no links, prices of every shape, idle capacity, batches."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    services, servers, links = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 3))
    batch = draw(st.sampled_from([(), (), (3,)]))
    compute = rng.uniform(0.5, 2.0, (servers, services)) * (rng.uniform(size=(servers, services)) < 0.7)
    link = rng.uniform(0.5, 2.0, (links, services)) * (rng.uniform(size=(links, services)) < 0.5)
    wrap = draw(st.sampled_from([np.asarray, sparse.csc_array, sparse.csr_matrix]))
    unlimited = np.where(rng.uniform(size=links) < 0.3, np.inf, 1.0)
    return eo.RevenueMaximization(
        rng.uniform(0.0, 3.0, draw(st.sampled_from([batch, ()])) + (services,)),
        wrap(compute),
        wrap(link),
        rng.uniform(0.0, 3.0, (*batch, servers)),
        rng.uniform(0.0, 3.0, (*batch, links)) * unlimited,
        rng.uniform(0.0, 2.0, (*batch, services)),
        compute_price=draw(st.sampled_from([0.0, 0.2])),
        link_price=rng.uniform(0.0, 0.3, links) if draw(st.booleans()) else 0.1,
    )


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(problem=offloadings(), seed=st.integers(0, 1000))
def test_offloading_by_hand_is_what_it_declares(problem, seed):
    check_override(problem, draws=3, seed=seed)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(problem=revenues(), seed=st.integers(0, 1000))
def test_revenue_by_hand_is_what_it_declares(problem, seed):
    check_override(problem, draws=3, seed=seed)


HAND = eo.OfflineOffloading([3.0, 1.0, 2.0, 5.0], [1.0, 1.5, 1.0, 1.0], 0.5)
NETWORK = eo.RevenueMaximization(
    [2.0, 1.0, 1.5], [[1.0, 1.0, 0.5], [0.5, 0.2, 0.7]], [[0.3, 1.0, 0.4]], [2.0, 3.0], [1.5], traffic=[1.0, 1.0, 2.0]
)


def test_nothing_is_declared_until_it_is_asked_for():
    for problem in (replace(HAND), replace(NETWORK)):
        eo.solve(problem)
        problem.program()
        assert not {"declaration", "_compiled"} & set(problem.__dict__)


@pytest.mark.parametrize("problem", [HAND, NETWORK], ids=["offloading", "revenue"])
def test_a_problem_whose_declaration_was_read_is_still_copied_pickled_and_isolated(problem):
    problem.summary()
    Declared.program(problem)
    for again in (pickle.loads(pickle.dumps(problem)), copy.deepcopy(problem)):
        assert Declared.program(again).columns == problem.program().columns
    assert eo.solve(problem, "highs", isolate=True).objective == pytest.approx(eo.solve(problem).objective)


@pytest.mark.parametrize("problem", [HAND, NETWORK], ids=["offloading", "revenue"])
def test_a_wrong_override_is_found(problem):
    class Wrong(type(problem)):
        def objective(self, decision):
            return super().objective(decision) + 0.01

    kept = {field.name: getattr(problem, field.name) for field in fields(problem)}
    with pytest.raises(AssertionError, match=r"objective\(\)"):
        check_override(Wrong(**kept))


@pytest.mark.parametrize("sparsely", [False, True], ids=["dense", "sparse"])
def test_what_every_entry_of_a_revenue_problem_is_worth_is_that_of_solving_again(sparsely):
    rng = np.random.default_rng(3)
    compute = rng.uniform(0.5, 2.0, (2, 5)) * (rng.uniform(size=(2, 5)) < 0.8)
    problem = eo.RevenueMaximization(
        rng.uniform(2.0, 3.0, 5),
        sparse.csc_array(compute) if sparsely else compute,
        rng.uniform(0.5, 1.5, (2, 5)),
        rng.uniform(2.0, 3.0, 2),
        rng.uniform(1.0, 2.0, 2),
        rng.uniform(0.5, 1.0, 5),
        compute_price=0.1,
        link_price=[0.2, 0.05],
    )
    assert (compute == 0).any()
    solution = eo.solve(problem)
    found = eo.sensitivity(solution).fields
    assert set(found) == {f.name for f in fields(problem) if f.name.rpartition("_")[2] != "names"}
    for name, worth in found.items():
        value = getattr(problem, name)
        value = value.toarray() if sparse.issparse(value) else value
        assert worth.shape == value.shape
        for index in np.ndindex(value.shape):
            moved = value.copy()
            moved[index] += 1e-6  # upwards only: densities are not negative
            again = eo.solve(replace(problem, **{name: moved})).objective
            assert worth[index] == pytest.approx((again - solution.objective) / 1e-6, abs=2e-5), (name, index)


def test_the_ranges_stay_and_the_prices_are_theirs():
    found = eo.sensitivity(eo.solve(NETWORK))
    price = found.resources["price"].to_numpy()
    assert np.allclose(np.concatenate([found.fields["compute_capacity"], found.fields["link_capacity"]]), price)
    assert np.allclose(found.fields["traffic"], found.services["traffic_price"])
    assert np.allclose(found.fields["unit_revenue"], found.services["admitted"])


def test_traffic_that_is_not_there_is_still_worth_what_one_more_unit_would_bring():
    problem = replace(NETWORK, traffic=[0.0, 1.0, 2.0])
    found = eo.sensitivity(eo.solve(problem))
    assert found.services["traffic_price"].iloc[0] > 0
    assert np.allclose(found.fields["traffic"], found.services["traffic_price"])


@pytest.mark.parametrize("sites", [(), (3,)], ids=["one", "several"])
def test_what_every_cost_is_worth_holds_the_choice_fixed(sites):
    rng = np.random.default_rng(1)
    problem = eo.OfflineOffloading(rng.normal(size=(6, *sites)), rng.normal(size=6), 0.5, transmission_cost=0.1)
    solution = eo.solve(problem)
    found = eo.sensitivity(solution)
    assert found.note == "derivatives hold local fixed at their optimal whole numbers"
    assert set(found.fields) == {"local_cost", "remote_cost", "min_local_fraction", "transmission_cost"}
    for name in ("local_cost", "remote_cost", "transmission_cost"):
        value = np.array(getattr(problem, name))
        for index in np.ndindex(value.shape):
            moved = value.copy()
            moved[index] += 1e-6
            changed = replace(problem, **{name: moved if moved.ndim else float(moved)})
            again = changed.objective(solution.decision)
            step = (again - solution.objective) / 1e-6
            assert np.asarray(found.fields[name])[index] == pytest.approx(step, abs=1e-8), (name, index)
    assert found.fields["min_local_fraction"] == 0.0
