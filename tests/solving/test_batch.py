"""Batches: one solution for many instances, each of which has to stand on its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.model.batch_axis import batch_of
from edgeopt.verification.batch_certificate import BatchCertificate

RNG = np.random.default_rng(5)
EXITS = [eo.Exit(0.2 * (k + 1), RNG.gamma(1.0, 1.0, (k + 2, 3)), RNG.gamma(1.0, 1.0, k + 3)) for k in range(3)]
BATCH = eo.StochasticSplit(EXITS, RNG.dirichlet(np.ones(4), 7), RNG.gamma(2.0, 1.0, 7), RNG.gamma(2.0, 1.0, (7, 1)))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    "fields", [("demand",), ("uplink_rate",), ("backhaul_rate", "downlink_rate"), ("demand", "uplink_rate")]
)
def test_a_batch_equals_its_instances(fields, shared):
    whole = replace(BATCH, downlink_rate=RNG.gamma(2.0, 1.0, 7), shared_trunk=shared)
    names = ("demand", "uplink_rate", "backhaul_rate", "downlink_rate")
    single = {name: getattr(whole, name)[0] for name in names if name not in fields}
    batch = replace(whole, **single)
    solution = eo.solve(batch)
    assert solution.status == "optimal"
    assert solution.objective.shape == solution.bound.shape == solution.gap.shape == (7,)
    assert eo.verify(batch, solution).holds
    for i in range(7):
        one = eo.solve(batch.instance(i))
        assert solution.objective[i] == pytest.approx(one.objective, rel=1e-12)
        assert batch.instance(i).objective(batch.pick(solution.decision, i)) == pytest.approx(one.objective, rel=1e-12)


def test_a_large_batch_on_several_threads_equals_one():
    rates = RNG.gamma(2.0, 1.0, 40_000)
    batch = replace(BATCH.instance(0), uplink_rate=rates)
    solution, single = eo.solve(batch), eo.solve(batch, threads=1)
    np.testing.assert_array_equal(solution.objective, single.objective)
    for i in (0, 17_001, 39_999):
        assert solution.objective[i] == pytest.approx(eo.solve(batch.instance(i)).objective, rel=1e-12)


@pytest.mark.parametrize("name", ["highs", "exhaustive", "local-only"])
def test_a_solver_without_batches_solves_the_instances_in_turn(name):
    solution, best = eo.solve(BATCH, name), eo.solve(BATCH)
    assert solution.status == ("feasible" if name == "local-only" else "optimal")
    assert (solution.objective >= best.objective * (1 - 1e-9)).all()
    if name != "local-only":
        np.testing.assert_allclose(solution.objective, best.objective, rtol=1e-9)
    assert eo.verify(BATCH, solution).holds


def test_a_batch_is_stored_with_its_solution(tmp_path):
    for name in ("shortest-path", "highs"):
        solution = eo.solve(BATCH, name)
        eo.save(BATCH, tmp_path / "problem.json")
        eo.save(solution, tmp_path / "solution.json")
        loaded = eo.load(tmp_path / "solution.json")
        np.testing.assert_array_equal(loaded.objective, solution.objective)
        assert eo.verify(eo.load(tmp_path / "problem.json"), loaded).holds


def test_compare_shows_means_and_the_largest_gap():
    table = eo.compare(BATCH, ["shortest-path", "local-only"])
    assert table.objective[0] == pytest.approx(eo.solve(BATCH).objective.mean())
    assert table.gap[0] == 0.0
    assert table.gap[1] > 0.0


def test_isolated_batches():
    solution = eo.solve(BATCH, isolate=True, time_limit=60)
    np.testing.assert_allclose(solution.objective, eo.solve(BATCH).objective, rtol=1e-12)


def lying(outcome):
    @eo.solver("liar", solves=eo.StochasticSplit, exact=True, batched=True)
    def liar(problem, options):
        return outcome

    return eo.solve(BATCH, liar)


def test_one_wrong_instance_is_enough_to_fail():
    best = eo.solve(BATCH)
    tiers = [array.copy() for array in best.decision.tiers]
    tiers[2][3] = (tiers[2][3] + 1) % 3
    worse = eo.SplitDecision(tuple(tiers))
    assert lying(eo.Outcome.optimal(best.decision, best.certificate)).status == "optimal"
    found = lying(eo.Outcome.optimal(worse, best.certificate))
    assert found.status == "failed"
    assert "instance 3" in found.message
    honest = lying(eo.Outcome.feasible(worse, best.certificate))
    assert honest.status == "feasible"
    assert (honest.gap > 0).tolist() == [False] * 3 + [True] + [False] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda best: eo.Outcome.optimal(best.decision, BatchCertificate((None,) * 7)), "proves nothing"),
        (lambda best: eo.Outcome.optimal(BATCH.pick(best.decision, 0), best.certificate), "malformed"),
        (
            lambda best: eo.Outcome.optimal(best.decision, type(best.certificate)(best.certificate.potential[0])),
            "number",
        ),
        (lambda best: eo.Outcome.optimal(best.decision, BatchCertificate(())), "cannot be checked"),
        (lambda best: eo.Outcome.failed("out of order"), "out of order"),
    ],
)
def test_what_is_not_proved_for_all_is_not_believed(change, message):
    solution = lying(change(eo.solve(BATCH)))
    assert solution.status == "failed"
    assert message in solution.message


def test_a_stated_number_that_is_not_proved_is_refused():
    solution = eo.solve(BATCH)
    for name in ("objective", "bound"):
        assert not eo.verify(BATCH, replace(solution, **{name: solution.objective * 1.01})).holds


def test_a_batch_has_no_program_and_no_warm_start():
    with pytest.raises(eo.InvalidProblemError, match="instance"):
        BATCH.program()
    with pytest.raises(eo.InvalidOptionError, match="warm_start"):
        eo.solve(BATCH, "highs", warm_start=eo.solve(BATCH).decision)


def test_a_limit_that_ends_between_instances_gives_no_solution():
    assert eo.solve(BATCH, "highs", time_limit=0).status == "no_solution"


def test_a_problem_without_a_batch_axis_has_no_methods_of_one():
    problem = eo.OfflineOffloading([1.0], [2.0])
    assert batch_of(problem) is None
    assert not hasattr(problem, "instance")
