"""An early-exit network at run time: the trunk runs once, and calibrated shares of samples leave at each exit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import edgeopt as eo
from edgeopt.profiles.capture import capture
from edgeopt.profiles.deployment.confidence import ExitRule, calibrate, confidence
from edgeopt.profiles.deployment.early_exit import EarlyExits, split_exits
from edgeopt.profiles.dnn import LayerTable


class Branchy(nn.Module):
    """Three exits on a trunk; the second head reads what the first one computed."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.neck, self.first, self.second, self.last = (
            nn.Linear(16, 6),
            nn.Linear(6, 4),
            nn.Linear(22, 4),
            nn.Linear(16, 4),
        )

    def forward(self, x):
        x = self.a(x).relu()
        neck = self.neck(x)
        first = self.first(neck)
        x = self.b(x).relu()
        second = self.second(torch.cat([x, neck], 1))
        return first, second, self.last(self.c(x).relu())


@pytest.fixture(scope="module")
def branchy():
    torch.manual_seed(0)
    model = Branchy().eval()
    return model, capture(model, torch.randn(1, 8))


def counted(exits: EarlyExits) -> list[int]:
    """Count how often each part runs from here on."""
    runs = [0] * len(exits.parts)
    for index, part in enumerate(exits.parts):

        def hook(*_, index=index):
            runs[index] += 1

        part.module.register_forward_hook(hook)
    return runs


@pytest.mark.parametrize("seed", range(6))
def test_each_exit_gives_what_the_model_gives_wherever_layers_lie(branchy, seed):
    model, captured = branchy
    table = LayerTable.of(captured)
    tiers = np.random.default_rng(seed).integers(0, 3, len(table.layers)) if seed else None
    exits = split_exits(captured, None if tiers is None else eo.GraphSplitDecision(tiers))
    runs = counted(exits)
    value = torch.randn(1, 8)
    with torch.no_grad():
        expected = model(value)
        for exit in range(3):
            runs[:] = [0] * len(runs)
            thresholds = [np.inf if k < exit else 0.0 for k in range(2)]
            answer = exits.run({"x": value}, ExitRule("max-probability", thresholds))
            assert answer.exit == exit
            torch.testing.assert_close(answer.result, expected[exit], rtol=0, atol=1e-6)
            count = sum(len(stage) for stage in exits.stages[: exit + 1])
            assert runs == [1] * count + [0] * (len(runs) - count)  # the trunk once, later stages never
    assert sorted(name for stage in exits.layers for name in stage) == sorted(table.names)


@given(
    samples=st.integers(1, 40),
    exits=st.integers(2, 4),
    measure=st.sampled_from(["max-probability", "entropy"]),
    seed=st.integers(0, 9),
)
def test_the_shares_that_leave_are_those_that_were_asked_for(samples, exits, measure, seed):
    rng = np.random.default_rng(seed)
    answers = [rng.normal(size=(samples, 5)) * (k + 1) for k in range(exits)]
    shares = rng.dirichlet(np.ones(exits))
    rule = calibrate(answers, shares, measure)
    assert np.abs(np.cumsum(rule.shares) - np.cumsum(shares)).max() <= 0.5 / samples + 1e-9
    left = rule.exits_of(answers)
    np.testing.assert_allclose(np.bincount(left, minlength=exits) / samples, rule.shares)
    for sample in range(min(samples, 5)):  # one at a time, as they arrive
        asked = next(k for k in range(exits) if rule.leaves([answer[sample] for answer in answers[: k + 1]]))
        assert asked == left[sample]


def test_patience_counts_exits_that_agree():
    classes = np.array([[0, 0, 1], [0, 1, 1], [0, 1, 1]])  # exits x samples
    answers = [np.eye(2)[row] for row in classes]
    assert confidence("patience", answers).tolist() == [[1, 1, 1], [2, 1, 2], [3, 2, 3]]
    rule = calibrate(answers, [0.0, 2 / 3, 1 / 3], "patience")
    assert rule.thresholds.tolist() == [2.0, 2.0]
    assert rule.exits_of(answers).tolist() == [1, 2, 1]


def test_confidence_by_hand():
    logits = [np.log([[0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3]])]
    assert confidence("max-probability", logits)[0] == pytest.approx([0.5, 1 / 3])
    assert confidence("entropy", logits)[0] == pytest.approx([1 - 1.5 * np.log(2) / np.log(3), 0.0])


def test_latencies_are_those_of_the_formulation_and_the_heads_asked_before(branchy):
    _, captured = branchy
    table = LayerTable.of(captured)
    rng = np.random.default_rng(1)
    seconds = {name: rng.random(2) for name in table.names}
    chains = table.exits()
    exits = []
    for k, chain in enumerate(chains):
        times = np.array([seconds[name] for name in chain.table.names])
        units = np.stack([chain.total(times[:, tier]) for tier in (0, 1)], axis=1)
        exits.append(eo.Exit(0.5 + k / 10, units, chain.output_bits, chain.names))
    problem = eo.StochasticSplit(exits, [0.3, 0.3, 0.4], 1e3, shared_trunk=True)
    for device in (True, False):
        decision = eo.SplitDecision(tuple(np.full(chain.units, 0 if device else 1) for chain in chains))
        staged = split_exits(captured, decision)
        found = staged.latencies(seconds, 1e3)
        own = problem.latencies(decision)
        tier = 0 if device else 1
        asked = [set(), *(_before(chains, exit) for exit in (1, 2))]
        extra = [sum(seconds[name][tier] for name in names) for names in asked]
        np.testing.assert_allclose(found, own + extra)


def _before(chains, exit: int) -> set[str]:
    """Layers of the exits before one that it does not need itself."""
    own = set(chains[exit].table.names)
    return {name for chain in chains[:exit] for name in chain.table.names} - own


REFUSED = {
    "measure": (lambda: calibrate([np.eye(3)] * 2, [0.5, 0.5], "guess"), "measure is 'guess'; choose from"),
    "shares": (lambda: calibrate([np.eye(3)] * 2, [0.5, 0.6]), "expected 2 numbers >= 0 that sum to 1"),
    "nan": (lambda: calibrate([np.full((2, 3), np.nan)] * 2, [0.5, 0.5]), "answer of exit 0"),
    "one class": (lambda: calibrate([np.ones((2, 1))] * 2, [0.5, 0.5]), "at least 2 classes"),
    "samples": (lambda: calibrate([np.eye(3), np.eye(4)], [0.5, 0.5]), r"answers has \[3, 4\] samples"),
    "threshold": (lambda: ExitRule("entropy", [np.nan]), "thresholds is"),
    "patience of one": (lambda: calibrate([np.eye(3)], [1.0], "patience"), "patience compares several exits"),
}


@pytest.mark.parametrize(("call", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_rule_is_refused(call, said):
    with pytest.raises(eo.EdgeOptError, match=said):
        call()


def test_what_does_not_fit_is_refused(branchy):
    _, captured = branchy
    exits = split_exits(captured)
    with pytest.raises(eo.InvalidProblemError, match="the rule has 2 exits; the network has 3"):
        exits.run({"x": torch.randn(1, 8)}, ExitRule("entropy", [0.5]))
    with pytest.raises(eo.InvalidProblemError, match=r"exit 0 gives shape \(2, 4\)"):
        exits.run({"x": torch.randn(2, 8)}, ExitRule("entropy", [0.5, 0.5]))
    with pytest.raises(eo.InvalidProblemError, match="seconds has no layer"):
        exits.latencies({}, 1e6)
    chains = LayerTable.of(captured).exits()
    apart = eo.SplitDecision(tuple(np.full(chain.units, k % 2) for k, chain in enumerate(chains)))
    with pytest.raises(eo.InvalidProblemError, match=r"exits place layer a on tiers 0 and 1; .* shared_trunk=True"):
        split_exits(captured, apart)
