"""Language models over tiers: times by hand and pass by pass, every placement tried, HiGHS, the shortest path."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.formulations.language_split import LanguageSplit
from edgeopt.instances.language_split import generated
from edgeopt.profiles.language_model import LanguageModel, Processor, RequestLengths
from edgeopt.testing.families.language_split import drawn, language_enumerated, request_seconds

TWO_BLOCKS = LanguageModel(4, 2, 8, 10, 2, kv_heads=1, bits=16)
PHONE, EDGE = Processor(1e3, 1e6), Processor(1e4, 1e7)


def two_blocks(**changes) -> LanguageSplit:
    given = {"requests": RequestLengths([3.0], [2.0]), "uplink_rate": 1e3, "link_delay": 0.01} | changes
    return LanguageSplit.of(TWO_BLOCKS, [PHONE, EDGE], **given)


def test_two_blocks_worked_by_hand():
    # Heads of 2: queries and output 4 x 4 each, keys and values 4 x 2 each, gated feed-forward 3 x 4 x 8: 144 MACs a
    # token; scores and their sum 2 x n x (n + p) x 4. Three tokens: 432 + 72, the fourth after them 144 + 32.
    problem = two_blocks()
    np.testing.assert_allclose(problem.prefill_time[:, 0], [3 * 64 / 1e6, 0.504, 0.504, 0.040])
    np.testing.assert_allclose(problem.decode_time[:, 1], [64 / 1e7, 0.0176, 0.0176, 0.004])
    assert problem.prefill_input_bits.tolist() == [3 * 64, 3 * 64, 3 * 64, 64]
    assert problem.decode_input_bits.tolist() == [64, 64, 64, 64]
    assert (problem.token_bits, problem.decode_steps) == (64, 1)
    # Keys and values: 2 numbers of a head of size 2 for each of 4 tokens; weights 144 and two norms of 4.
    assert problem.cache_bits.tolist() == [0, 2 * 2 * 16 * 4, 2 * 2 * 16 * 4, 0]
    assert problem.weight_bits.tolist() == [16 * 40, 16 * 152, 16 * 152, 16 * 44]
    second = problem.placement(np.array([0, 0, 1, 1]))
    first_token = 192e-6 + 0.504 + (0.192 + 0.01) + 0.0504 + 0.004 + (0.064 + 0.01)
    token = 64e-6 + 0.176 + (0.064 + 0.01) + 0.0176 + 0.004 + (0.064 + 0.01)
    assert problem.first_token_time(second) == pytest.approx(first_token, rel=1e-12)
    assert problem.token_time(second) == pytest.approx(token, rel=1e-12)
    assert problem.objective(second) == pytest.approx(first_token + token, rel=1e-12)


def test_measured_times_take_the_place_of_a_processor():
    class Measured:
        def __init__(self, factor):
            self.factor = factor

        def seconds(self, model, tokens, past):
            return self.factor * EDGE.seconds(model, tokens, past)

    requests = RequestLengths([3.0, 7.0], [2.0, 5.0], [0.25, 0.75])
    problem = LanguageSplit.of(TWO_BLOCKS, [Measured(3.0), EDGE], requests, 1e3)
    np.testing.assert_allclose(problem.prefill_time[:, 0], 3.0 * problem.prefill_time[:, 1], rtol=1e-15)
    np.testing.assert_allclose(problem.decode_time[:, 0], 3.0 * problem.decode_time[:, 1], rtol=1e-15)


def test_the_state_is_never_sent():
    # What crosses does not grow with the prompt behind a pass; the cache on the block's tier does.
    short, long = (two_blocks(requests=RequestLengths([n], [2.0])) for n in (3.0, 30.0))
    assert short.decode_input_bits.tolist() == long.decode_input_bits.tolist()
    assert (long.cache_bits[1:3] == 31 / 4 * short.cache_bits[1:3]).all()


def test_the_cut_of_a_decode_pass_weighs_the_hidden_state_alone():
    # Hidden state of 1152 numbers of four bytes; with the keys and values of a token it would be three times as much.
    model = LanguageModel(1152, 12, 4608, 50257, 8, bits=32)
    problem = LanguageSplit.of(model, [PHONE, EDGE], RequestLengths([100.0], [20.0]), 1e6)
    hidden, state = problem.decode_input_bits / 8, model.cache_bits_per_token / 8
    assert hidden[5] == 4_608
    assert hidden[5] + state[5] == 13_824


def test_requests_of_many_lengths_pass_by_pass():
    """Every placement, the mean over every pair of lengths, every pass with what lies behind it."""
    prompts, outputs = {3: 0.5, 7: 0.5}, {1: 0.25, 2: 0.25, 5: 0.5}
    requests = RequestLengths.independent(prompts, outputs)
    problem = two_blocks(requests=requests, memory=[7000.0, 7500.0])
    processors, held = [PHONE, EDGE], problem.weight_bits + problem.cache_bits
    assert problem.cache_bits[1] == model_state(7 + 4)  # the last token of the longest answer is not kept

    def seconds(tiers, tokens, past):
        bits, total = TWO_BLOCKS.tensor_bits(tokens), 0.0
        for layer, (here, there) in enumerate(pairwise([0, *tiers, 0])):
            total += (bits[layer] / 1e3 + 0.01) if here != there else 0.0
            total += processors[there].seconds(TWO_BLOCKS, tokens, past)[layer] if layer < 4 else 0.0
        return total

    best = np.inf
    for tiers in product(range(2), repeat=4):
        mean = sum(
            a * b * (seconds(tiers, p, 0) + sum(seconds(tiers, 1, p + i) for i in range(o - 1)))
            for p, a in prompts.items()
            for o, b in outputs.items()
        )
        decision = problem.placement(np.array(tiers))
        assert problem.objective(decision) == pytest.approx(mean, rel=1e-12)
        if all(held[np.array(tiers) == t].sum() <= problem.memory[t] for t in range(2)):
            best = min(best, mean)
    found = eo.solve(problem)
    assert found.proved
    assert found.objective == pytest.approx(best, rel=1e-12)
    assert set(np.argmax(found.decision.runs, axis=1)) == {0, 1}  # neither tier has room for all


def model_state(tokens):
    return tokens * TWO_BLOCKS.cache_bits_per_token[1]


def test_files_keep_problem_and_proof(tmp_path):
    problem = generated(6, seed=2)
    found = eo.solve(problem)
    eo.save(problem, tmp_path / "problem.json")
    eo.save(found, tmp_path / "solution.json")
    again, answer = eo.load(tmp_path / "problem.json"), eo.load(tmp_path / "solution.json")
    verdict = eo.verify(again, answer)
    assert verdict.holds
    assert answer.objective == found.objective
    nowhere = replace(problem, memory=0.1 * np.asarray(problem.memory))
    assert "memory" in str(eo.solve(nowhere).explain())


@pytest.mark.parametrize("seed", range(20))
def test_chain_and_objective_against_every_placement(seed):
    rng = np.random.default_rng(seed)
    for _ in range(5):
        problem = drawn(int(rng.integers(1 << 30)), int(rng.integers(1, 6)), 2, 1.0)
        best = language_enumerated(problem)
        split = eo.solve(problem.chain(), "shortest-path")
        assert split.proved
        assert split.objective == pytest.approx(best, rel=1e-12)
        decision = problem.placement(split.decision.tiers[0])
        assert problem.objective(decision) == pytest.approx(best, rel=1e-12)
        first, token = request_seconds(problem, split.decision.tiers[0])
        assert problem.first_token_time(decision) == pytest.approx(first, rel=1e-12)
        assert problem.token_time(decision) == pytest.approx(token, rel=1e-12)


@pytest.mark.slow
def test_thousands_of_chains_against_every_placement():
    rng = np.random.default_rng(1)
    for _ in range(3000):
        layers, tiers = (int(rng.integers(1, 6)), 2) if rng.random() < 0.5 else (int(rng.integers(1, 4)), 3)
        problem = drawn(int(rng.integers(1 << 30)), layers, tiers, 1.0)
        # A chain takes one rate for both directions behind the first link.
        rates = np.r_[problem.downlink_rate[:1], problem.uplink_rate[1:]]
        problem = replace(problem, downlink_rate=rates)
        found = eo.solve(problem.chain(), "shortest-path").objective
        assert found == pytest.approx(language_enumerated(problem), rel=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_scarce_memory_against_every_placement(seed):
    problem = drawn(seed, 4, 2 + seed % 2, (0.4, 0.6, 0.8)[seed % 3])
    best, found = language_enumerated(problem), eo.solve(problem, "highs")
    if np.isinf(best):
        assert found.status == "infeasible"
    else:
        assert found.objective == pytest.approx(best, rel=1e-9)


@pytest.mark.slow
def test_scarce_memory_against_every_placement_many_times():
    for seed in range(300):
        problem = drawn(1000 + seed, 2 + seed % 4, 2 + seed % 2, (0.3, 0.5, 0.6, 0.8)[seed % 4])
        best, found = language_enumerated(problem), eo.solve(problem, "highs")
        assert found.objective == pytest.approx(best, rel=1e-9) if np.isfinite(best) else found.status == "infeasible"


def proved_as_every_placement_says(problem: LanguageSplit) -> None:
    best, found = language_enumerated(problem), eo.solve(problem)
    assert found.solver == "label-setting"
    assert found.proved
    assert found.objective == pytest.approx(best, rel=1e-12) if np.isfinite(best) else found.status == "infeasible"


@pytest.mark.parametrize("seed", range(12))
def test_labels_prove_what_memory_binds(seed):
    proved_as_every_placement_says(drawn(2000 + seed, 2 + seed % 4, 2, (0.3, 0.5, 0.6, 0.8)[seed % 4]))


@pytest.mark.slow
def test_labels_prove_what_memory_binds_thousands_of_times():
    for seed in range(2000):
        problem = drawn(5000 + seed, 2 + seed % 5, 2, (0.3, 0.5, 0.6, 0.8)[seed % 4])
        if seed % 2:  # two memories of three may be full
            problem = drawn(9000 + seed, 2 + seed % 3, 3, (0.3, 0.5, 0.6, 0.8)[seed % 4])
            memory = np.array(problem.memory)
            memory[seed % 3] = (problem.weight_bits + problem.cache_bits).sum()
            problem = replace(problem, memory=memory)
        proved_as_every_placement_says(problem)


def test_a_false_optimum_is_not_proved():
    problem = drawn(0, 4, 2, 0.6)
    found = eo.solve(problem)
    worse = max(
        (problem.placement(np.array(tiers)) for tiers in product(range(2), repeat=4)),
        key=lambda one: -np.inf if problem.violations(one) else problem.objective(one),
    )
    gap = found.certificate.optimality_gap(problem, worse)
    assert gap == pytest.approx(problem.objective(worse) - found.objective, rel=1e-9)
    assert gap > 0.1


def test_more_memories_than_labels_weigh_are_left_to_a_program():
    problem = drawn(3, 3, 3, 0.6)
    assert problem.limited.all()
    assert eo.solve(problem).solver == "highs"
    with pytest.raises(eo.UnsupportedPairError, match="two memories that may be full, not 3"):
        eo.solve(problem, "label-setting")
    batch = replace(drawn(0, 4, 2, 0.6), decode_steps=np.array([1.0, 2.0]))
    found = eo.solve(batch)
    singles = [eo.solve(batch.instance(i)).objective for i in range(2)]
    np.testing.assert_allclose(found.objective, singles, rtol=1e-12)


def test_all_memory_together_is_too_small():
    problem = generated(200, room=0.45)
    found = eo.solve(problem)  # far too many placements to look at each
    assert (found.status, found.proved) == ("infeasible", True)


def test_the_best_single_cut():
    for seed in range(6):
        problem = drawn(40 + seed, 5, 2, 0.7)
        cuts = [np.where(np.arange(5) < depth, 0, 1) for depth in range(6)]
        fitting = [problem.objective(one) for one in map(problem.placement, cuts) if not problem.violations(one)]
        found = eo.solve(problem, "neurosurgeon")
        if fitting:
            assert found.objective == pytest.approx(min(fitting), rel=1e-12)
        else:
            assert found.status in ("infeasible", "no_solution")
    with pytest.raises(eo.InvalidOptionError, match="language split knows none"):
        eo.solve(problem, "neurosurgeon", objective="energy", compute_power=1.0, radio_power=1.0)


def test_solvers_compared_and_infeasibility_explained():
    problem = generated(8, seed=3)
    table = eo.compare([problem], ["label-setting", "highs", "neurosurgeon"])
    assert table.status.tolist() == ["optimal", "optimal", "feasible"]
    assert table.objective[0] == pytest.approx(table.objective[1], rel=1e-9)
    assert table.objective[2] >= table.objective[0]
    told = eo.explain(replace(problem, memory=0.7 * np.asarray(problem.memory)))
    assert "memory" in str(told)
    assert told.repair is not None


def test_a_model_that_does_not_fit_on_the_device():
    whole = two_blocks()
    half = two_blocks(memory=[0.5 * (whole.weight_bits + whole.cache_bits).sum(), 1e9], uplink_rate=10.0)
    assert (eo.solve(whole.chain()).decision.tiers[0] == 1).all()  # the edge is ten times as fast
    slow_link = two_blocks(uplink_rate=10.0)
    assert (eo.solve(slow_link.chain()).decision.tiers[0] == 0).all()
    assert eo.solve(half).objective > eo.solve(slow_link).objective
    assert not eo.solve(half).decision.runs[:, 0].all()
    nowhere = two_blocks(memory=[1.0, 1.0])
    assert "memory" in str(eo.explain(nowhere))


def test_side_constraints_in_the_words_of_the_problem():
    problem = drawn(4, 4, 2, 1.0)
    every = [np.array(tiers) for tiers in product(range(2), repeat=4)]
    times = {tuple(tiers): request_seconds(problem, tiers) for tiers in every}
    cap = sorted(token for _, token in times.values())[3]
    capped = problem.subject_to(
        steady=lambda m: m.token_time <= cap, small=lambda m: m.used[0] <= problem.memory[0] / 2
    )
    held = problem.weight_bits + problem.cache_bits
    best = min(
        first + problem.decode_steps * token
        for tiers, (first, token) in times.items()
        if token <= cap and held[np.array(tiers) == 0].sum() <= problem.memory[0] / 2
    )
    assert eo.solve(capped).objective == pytest.approx(best, rel=1e-9)
    eager = problem.subject_to(soon=lambda m: m.first_token <= min(first for first, _ in times.values()))
    first = problem.first_token_time(eo.solve(eager).decision)
    assert first == pytest.approx(min(first for first, _ in times.values()), rel=1e-9)


def test_published_models_on_two_tiers():
    llama = LanguageModel(4096, 32, 11008, 32000, 32)
    requests = RequestLengths.independent({64: 0.5, 512: 0.5}, {32: 0.5, 256: 0.5})
    phone, server = Processor(5e11, 4e11), Processor(5e13, 8e12)
    problem = LanguageSplit.of(llama, [phone, server], requests, 5e7, link_delay=5e-3)
    split = eo.solve(problem.chain())
    assert split.proved
    assert eo.solve(problem, "highs").objective == pytest.approx(split.objective, rel=1e-6)
    tight = LanguageSplit.of(llama, [phone, server], requests, 5e7, link_delay=5e-3, memory=[1e11, 5e10])
    found = eo.solve(tight, "highs")
    used = (tight.weight_bits + tight.cache_bits) @ found.decision.runs
    assert (used <= tight.memory).all()
    assert found.objective > split.objective


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"uplink_rate": [1.0, 1.0], "downlink_rate": [1.0, 1.0], "link_delay": [0.0, 0.0]}, "has 2 links; expected 1"),
        ({"uplink_rate": [0.0]}, r"uplink_rate\[0\] is 0.*rate above 0"),
        ({"decode_steps": -1.0}, "decode_steps is -1"),
        ({"token_bits": -1.0}, "token_bits is -1"),
        ({"prefill_time": [[1.0, np.nan]] * 4}, r"prefill_time\[0, 1\]|prefill_time"),
    ],
)
def test_what_is_refused(changes, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        replace(drawn(0, 4, 2, 1.0), **changes)


def test_what_helpers_refuse():
    problem = drawn(0, 4, 2, 1.0)
    with pytest.raises(eo.InvalidProblemError, match=r"expected \(4,\) integers"):
        problem.placement(np.array([0, 1]))
    with pytest.raises(eo.InvalidProblemError, match=r"tiers\[1\] is 2.*from 0 to 1"):
        problem.placement(np.array([0, 2, 0, 0]))
    with pytest.raises(eo.InvalidProblemError, match="context is 3; the longest request has 4 tokens"):
        two_blocks(context=3)
    uneven = replace(drawn(0, 2, 3, 1.0), uplink_rate=[1.0, 2.0], downlink_rate=[1.0, 4.0])
    with pytest.raises(eo.InvalidProblemError, match="behind the first link"):
        uneven.chain()
    batch = replace(problem, decode_steps=np.array([1.0, 2.0]))
    with pytest.raises(eo.InvalidProblemError, match=r"take problem.instance\(i\)"):
        batch.chain()
