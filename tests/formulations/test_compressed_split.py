"""Cut and precision together: hand-worked numbers, every placement tried, another engine, forged prices, the traps."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

import edgeopt as eo
from edgeopt.formulations.compressed_split import CapPrices, NothingFits
from edgeopt.formulations.compressed_split.certificate import rest_of
from edgeopt.instances.compressed_split import generated
from edgeopt.model.outcome import Status
from edgeopt.solvers.backends.cap_prices import PricedPaths
from edgeopt.testing.families.compressed_split import compressed_enumerated

HAND = eo.CompressedSplit(
    exec_time=[[0.02, 0.002], [0.10, 0.01]],
    sent_bits=[[8e5, 8e5], [3.2e5, 8e4], [1e3, 1e3]],
    loss=[[0.0, 0.0], [0.0, 0.004], [0.0, 0.0]],
    uplink_rate=4e6,
    accuracy=0.78,
    accuracy_floor=0.77,
)


def drawn(rng: np.random.Generator, layers: int = 3, tiers: int = 2, ways: int = 2) -> eo.CompressedSplit:
    """Draw a problem of which nothing is easy: ties, layers that cannot run, caps of both kinds, negative losses."""
    whole = rng.random() < 0.3  # whole numbers tie
    number = (lambda *s: rng.integers(0, 4, s).astype(float)) if whole else (lambda *s: rng.gamma(1.0, 1.0, s))
    times = number(layers, tiers)
    if rng.random() < 0.3:
        times[rng.integers(layers), rng.integers(tiers)] = np.inf
    loss = number(layers + 1, ways) - (rng.random() < 0.2)
    if rng.random() < 0.2:
        loss[rng.integers(layers + 1), 0] = np.inf
    data = {"link_delay": number(tiers - 1), "encode_time": number(layers + 1, ways, tiers) * (rng.random() < 0.5)}
    kind = rng.integers(3)
    if kind:
        data |= {"compute_power": number(tiers), "radio_power": number(tiers - 1)}
        data |= {"max_energy": float(rng.uniform(1, 8))} if kind == 1 else {"goal": "energy", "max_latency": 6.0}
    budget = float(rng.integers(0, 6)) if whole else float(rng.uniform(0.0, 4.0))
    rates = {"uplink_rate": 2.0, "backhaul_rate": [4.0] * (tiers - 2) or None, "accuracy": budget}
    return eo.CompressedSplit(times, number(layers + 1, ways), loss, **rates, **data)


def agrees(problem: eo.CompressedSplit) -> None:
    best, found = compressed_enumerated(problem), eo.solve(problem)
    if best == math.inf:
        assert found.status is Status.INFEASIBLE
        assert found.certificate.holds(problem)
    else:
        assert found.status is Status.OPTIMAL, found
        assert found.objective == pytest.approx(best, rel=1e-9, abs=1e-9)
        assert found.proved


def test_hand() -> None:
    decision = eo.CompressedSplitDecision([0, 1], [-1, 1, 0])
    assert HAND.latency(decision) == pytest.approx(0.02 + 8e4 / 4e6 + 0.01 + 1e3 / 4e6)
    assert HAND.accuracy_of(decision) == pytest.approx(0.776)
    assert eo.solve(HAND).objective == pytest.approx(HAND.latency(decision))
    # Above 0.776 the tensor crosses in full: 0.02 + 0.08 + 0.01 s is still less than 0.12 s on the device.
    assert eo.solve(replace(HAND, accuracy_floor=0.779)).decision.precision.tolist() == [-1, 0, 0]


def test_every_placement_tried() -> None:
    rng = np.random.default_rng(0)
    for _ in range(150):
        agrees(drawn(rng))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_every_placement_of_thousands_tried(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    for _ in range(1000):
        agrees(drawn(rng, int(rng.integers(1, 4)), int(rng.integers(2, 4)), int(rng.integers(1, 4))))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_another_engine(seed: int) -> None:
    problem = drawn(np.random.default_rng(seed), 30, 3, 4)
    problem = replace(problem, accuracy=10.0)
    ours, theirs = eo.solve(problem), eo.solve(problem, "highs", relative_gap=1e-9)
    assert ours.status == theirs.status
    if ours.status is Status.OPTIMAL:
        assert ours.objective == pytest.approx(theirs.objective, rel=1e-7)


def test_one_after_the_other_is_worse() -> None:
    """The best precision at the cut of the uncompressed network leaves a better cut unseen."""
    problem = eo.CompressedSplit(
        exec_time=[[1.0, 0.1], [5.0, 0.5]],
        sent_bits=[[8.0, 8.0], [8.0, 1.0], [0.0, 0.0]],
        loss=np.zeros((3, 2)),
        uplink_rate=1.5,
    )
    plain = eo.solve(replace(problem, sent_bits=problem.sent_bits[:, :1], loss=problem.loss[:, :1]))
    assert plain.decision.tiers.tolist() == [1, 1]  # 8 / 1.5 + 0.6 s, and its input cannot be compressed
    together = eo.solve(problem)
    assert together.decision.tiers.tolist() == [0, 1]
    assert together.objective < 0.5 * plain.objective


def test_prices_alone_leave_a_gap() -> None:
    """The two caps' best prices prove less than the count of what they leave open."""
    rng = np.random.default_rng(4)
    share = 2.0 ** -np.arange(3)
    bits = rng.uniform(1.0, 2.0, (7, 1))
    problem = eo.CompressedSplit(
        rng.uniform(0, 1, (6, 2)), bits * share, bits * (1 - share), 1.0, accuracy=1.0, accuracy_floor=0.0
    )
    problem = replace(problem, exec_time=np.where(np.arange(6)[:, None] % 2 == [1, 0], np.inf, problem.exec_time))
    found = eo.solve(problem)
    assert found.proved
    assert found.statistics["labels"] > 0


@pytest.mark.parametrize("price", [0.0, 0.01, 1.0, 100.0])
def test_any_price_is_a_proof_and_none_proves_too_much(price: float) -> None:
    found = eo.solve(HAND)
    worse = eo.CompressedSplitDecision([0, 0], [-1, -1, -1])
    assert CapPrices([price]).optimality_gap(HAND, found.decision) == pytest.approx(0.0, abs=1e-12)
    true = HAND.objective(worse) - found.objective
    assert CapPrices([price]).optimality_gap(HAND, worse) >= true * (1 - 1e-9)


def test_certificates_of_other_shapes_prove_nothing() -> None:
    found = eo.solve(HAND)
    assert CapPrices([0.0, 0.0]).optimality_gap(HAND, found.decision) == math.inf
    assert not NothingFits([0.0]).holds(HAND)
    assert not NothingFits([1.0]).holds(HAND)
    with pytest.raises(eo.InvalidProblemError, match="prices"):
        CapPrices([-1.0])


def test_two_caps_that_cannot_be_kept_at_once() -> None:
    """Each cap alone can be kept: only the count shows that both cannot."""
    problem = eo.CompressedSplit(
        exec_time=[[0.0, np.inf], [np.inf, 0.0]],
        sent_bits=[[0.0, 0.0], [10.0, 1.0], [0.0, 0.0]],
        loss=[[0.0, 0.0], [0.0, 0.1], [0.0, 0.0]],
        uplink_rate=1.0,
        accuracy=0.8,
        accuracy_floor=0.75,
        compute_power=0.0,
        radio_power=1.0,
        max_energy=5.0,
    )
    found = eo.solve(problem)
    assert found.status is Status.INFEASIBLE
    assert found.certificate.holds(problem)
    assert eo.solve(replace(problem, max_energy=11.0)).status is Status.OPTIMAL
    assert "accuracy" in str(problem.explain())


@pytest.mark.parametrize("seed", range(6))
def test_best_prices_of_two_caps_together(seed: int) -> None:
    """They reach the bound of the linear relaxation; one price after the other stops below it on a ridge."""
    problem = generated(30, seed=seed, budget=0.01, cap="energy", share=0.6 + 0.07 * seed, adversarial=seed % 2 == 1)
    program = problem.program()
    equal = program.row_lower == program.row_upper
    rows = program.matrix.tocsr()
    relaxed = linprog(
        program.cost, rows[~equal], program.row_upper[~equal], rows[equal], program.row_upper[equal], bounds=(0, 1)
    )
    prices = PricedPaths(problem.moves).prices()
    if not relaxed.success:
        assert np.isinf(prices[1])
        found = eo.solve(problem)
        assert (found.status, found.proved) == (Status.INFEASIBLE, True)
    else:
        bound = rest_of(problem.moves, prices)[0, 0, 0] - prices @ problem.moves.caps
        assert bound == pytest.approx(relaxed.fun, rel=1e-9)


def test_a_long_chain_under_two_caps_that_no_mixture_keeps() -> None:
    """Far too many placements to look at each: prices of both caps together show that none fits."""
    problem = generated(200, seed=1, budget=0.03, cap="energy", share=1.0)
    least = eo.solve(replace(problem, goal="energy", max_energy=None)).objective
    found = eo.solve(replace(problem, max_energy=1.000001 * least, accuracy_floor=problem.accuracy - 0.0301))
    assert found.status is Status.OPTIMAL
    tight = replace(problem, accuracy_floor=problem.accuracy, max_energy=0.5 * least + 0.5 * no_loss(problem))
    found = eo.solve(tight)
    assert (found.status, found.proved) == (Status.INFEASIBLE, True)


def no_loss(problem: eo.CompressedSplit) -> float:
    """Return the least energy without any loss of accuracy."""
    whole = replace(problem, goal="energy", max_energy=None, accuracy_floor=problem.accuracy)
    return eo.solve(whole).objective


@pytest.mark.parametrize(
    ("changes", "demand", "repair"),
    [
        (
            {"accuracy_floor": 0.79},
            "the accuracy is at least 0.79 (accuracy_floor)",
            "accuracy_floor 0.79 becomes 0.78",
        ),
        (
            {"compute_power": 1.0, "radio_power": 1.0, "max_energy": 1e-9},
            "the energy is at most 1e-09 J (max_energy)",
            "max_energy 1e-09 becomes 0.04025",  # 0.02 J in the first layer, 0.02 J for 8e4 bits, 0.00025 J back
        ),
    ],
)
def test_what_cannot_be_kept_is_told_in_the_problem_s_fields(changes: dict, demand: str, repair: str) -> None:
    told = eo.explain(replace(HAND, **changes))
    assert demand in told.conflict
    assert not any("move[" in line or "row" in line for line in told.conflict)
    assert told.repair is not None
    assert told.repair.text == repair
    assert eo.solve(told.repair.apply()).status is Status.OPTIMAL


def test_a_loss_of_several_tensors_is_refused() -> None:
    """A loss that does not add up over the tensors would break the comparison of labels."""
    with pytest.raises(eo.InvalidProblemError, match="must add up"):
        replace(HAND, loss=np.zeros((3, 2, 3, 2)))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"sent_bits": [[1.0, -1.0]] * 3}, r"sent_bits\[0, 1\]"),
        ({"sent_bits": [[1.0, 1.0]] * 2}, "sent_bits"),
        ({"loss": [[0.0, math.nan]] * 3}, "loss"),
        ({"goal": "speed"}, "goal"),
        ({"goal": "energy"}, "compute_power"),
        ({"max_energy": 1.0}, "compute_power"),
        ({"max_latency": 1.0}, "max_latency"),
        ({"compute_power": 1.0}, "radio_power"),
        ({"precisions": ("one",)}, "precisions"),
        ({"uplink_rate": [1.0, 2.0]}, "batch"),
        ({"encode_time": [1.0]}, "encode_time"),
        ({"accuracy": math.nan}, "accuracy"),
    ],
)
def test_bad_input_is_named(changes: dict, named: str) -> None:
    with pytest.raises(eo.InvalidProblemError, match=named):
        replace(HAND, **changes)


def test_a_precision_belongs_to_a_tensor_that_crosses() -> None:
    for tiers, precision in (([0, 1], [-1, -1, 0]), ([0, 0], [-1, 0, -1]), ([0, 1], [-1, 2, 0])):
        with pytest.raises(eo.InvalidProblemError, match=r"decision\.precision\[1\]"):
            HAND.check(eo.CompressedSplitDecision(tiers, precision))


def test_side_constraint_and_words() -> None:
    known = replace(HAND, compute_power=2.0, radio_power=3.0)
    first = known.subject_to(on_the_edge=lambda m: m.runs[0, 1] == 1, once=lambda m: m.sent.sum() <= 2)
    assert eo.solve(first).decision.tiers.tolist() == [1, 1]
    frugal = eo.solve(known.minimize(lambda m: m.energy + 0.0 * m.latency + 0.0 * m.lost)).decision
    assert known.energy(frugal) == pytest.approx(eo.solve(replace(known, goal="energy")).objective)


def test_jalad_cuts_once() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        problem = drawn(rng, 4, 3, 2)
        one, best = eo.solve(problem, "jalad"), eo.solve(problem)
        if one.status.has_decision:
            assert np.count_nonzero(np.diff(np.r_[0, one.decision.tiers])) <= 1
            assert one.objective >= best.objective * (1 - 1e-12)
