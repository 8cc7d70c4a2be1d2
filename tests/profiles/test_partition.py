"""Parts of a network: their composition is the network, at every cut of every network of the zoo."""

from __future__ import annotations

from itertools import pairwise

import made_networks
import numpy as np
import pytest
import torch
from torch import nn

import edgeopt as eo
from edgeopt.profiles import zoo
from edgeopt.profiles.capture import capture
from edgeopt.profiles.dnn import LayerTable
from edgeopt.profiles.partition import run_parts, split_module

SMALL = {"transformer_encoder": {"layers": 3, "width": 32, "heads": 4, "feedforward": 64}}


def network(name: str):
    """Return a network and an input; the smallest that the architecture allows."""
    model = zoo.build(name, **SMALL.get(name, {"classes": 10}))
    side = {"alexnet": 64, "vgg16": 32, "mobilenet_v2": 32, "resnet18": 32, "deepface": 152, "branchy_alexnet": 32}
    shape = (2, 6, 32) if name in SMALL else (1, 3, side[name], side[name])
    return model, torch.randn(shape, generator=torch.Generator().manual_seed(0))


def run(parts, value):
    with torch.no_grad():
        for part in parts:
            assert tuple(value.shape) == part.input_shape
            assert value.dtype == part.input_dtype
            assert 8 * value.nbytes == part.input_bits
            value = part.module(value)
            assert tuple(value.shape) == part.output_shape
            assert 8 * value.nbytes == part.output_bits
    return value


SLOW = ("vgg16", "mobilenet_v2", "resnet18", "deepface")
ELSEWHERE = ["detector", "experts", "attention", "chunks", "encoder_layer", "cells"]
NETWORKS = ["alexnet", "transformer_encoder", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_cut_of_every_network(name):
    model, value = network(name)
    captured = capture(model, value)
    chain = LayerTable.of(captured).chain()
    with torch.no_grad():
        expected = model(value)
    for cut in range(chain.units + 1):
        parts = split_module(captured, np.where(np.arange(chain.units) < cut, 0, 1))
        assert [part.tier for part in parts] == ([0, 1] if 0 < cut < chain.units else [0] if cut else [1])
        if len(parts) == 2:
            assert parts[0].output_bits == parts[1].input_bits == chain.output_bits[cut]
        assert (run(parts, value) - expected).abs().max() <= 1e-6
        assert sum((part.units for part in parts), ()) == chain.names


@pytest.mark.parametrize("exit", [0, *(pytest.param(exit, marks=pytest.mark.slow) for exit in range(1, 5))])
def test_every_cut_of_every_exit(exit):
    model, value = network("branchy_alexnet")
    captured = capture(model, value)
    chain = LayerTable.of(captured).exits()[exit]
    with torch.no_grad():
        expected = model(value)[exit]
    for cut in range(chain.units + 1):
        parts = split_module(captured, np.where(np.arange(chain.units) < cut, 1, 0), exit=exit)
        assert (run(parts, value) - expected).abs().max() <= 1e-6


def test_a_decision_is_a_deployment():
    model, value = network("branchy_alexnet")
    rng = np.random.default_rng(0)
    captured = capture(model, value)
    chains = LayerTable.of(captured).exits()
    times = {name: rng.gamma(1.0, 1.0, 3) for chain in chains for name in chain.names}
    exits = [
        eo.Exit(0.5 + k / 10, [times[name] for name in chain.names], chain.output_bits, chain.names)
        for k, chain in enumerate(chains)
    ]
    for shared in (False, True):
        problem = eo.StochasticSplit(exits, np.full(5, 0.2), 1e6, 1e7, shared_trunk=shared)
        decision = eo.solve(problem).decision
        for exit in range(5):
            parts = split_module(captured, decision, exit=exit)
            changes = np.count_nonzero(np.diff(decision.tiers[exit]))
            assert len(parts) == changes + 1
            with torch.no_grad():
                assert (run(parts, value) - model(value)[exit]).abs().max() <= 1e-6


@pytest.mark.slow
def test_parts_can_be_exported():
    model, value = network("resnet18")
    units = LayerTable.from_module(model, value).chain().units
    with torch.no_grad():
        expected = model(value)
        for part in split_module(model, (np.arange(units) > 9).astype(int), value):
            program = torch.export.export(part.module, (value,))
            value = program.module()(value)
    assert (value - expected).abs().max() <= 1e-5


def test_parts_share_the_parameters():
    model, value = network("alexnet")
    units = LayerTable.from_module(model, value).chain().units
    parts = split_module(model, (np.arange(units) > 5).astype(int), value)
    ours = {id(p) for part in parts for p in part.module.parameters()}
    assert ours == {id(p) for p in model.parameters()}
    before = run(parts, value)
    with torch.no_grad():
        next(model.parameters()).mul_(2.0)
    assert not torch.equal(run(parts, value), before)


class Sized(nn.Module):
    """Reads the size of a tensor, as code written by hand does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(256, 5)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        x = self.conv(x) * self.scale
        return self.head(x.view(x.size(0), -1))


def test_sizes_and_parameters_travel_with_their_part():
    model, value = Sized().eval(), torch.randn(2, 3, 8, 8)
    assert LayerTable.from_module(model, value).chain().units == 3
    for tiers in ([0, 0, 1], [0, 1, 0], [1, 0, 2]):
        assert (run(split_module(model, tiers, value), value) - model(value)).abs().max() <= 1e-6


def test_what_was_exported_can_be_split_too():
    class Looping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            for _ in range(x.shape[0]):
                x = self.layer(x)
            return x

    model, value = Looping().eval(), torch.randn(3, 4)
    assert (run(split_module(model, [0, 1, 0], value), value) - model(value)).abs().max() <= 1e-6


def test_a_decision_that_does_not_fit_is_refused():
    captured = capture(*network("branchy_alexnet"))
    for decision, exit, message in (
        ([0, 1], -1, "one integer tier for each of 22 units"),
        (np.zeros(22), -1, "float64 of shape"),
        (np.full(22, -1), -1, "the tier of unit 0 is -1"),
        (eo.SplitDecision(([0],)), 3, "the decision has 1 exits"),
        (np.zeros(22, int), 7, "output 7 does not exist; the network has 5"),
    ):
        with pytest.raises(eo.InvalidProblemError, match=message):
            split_module(captured, decision, exit=exit)


@pytest.mark.parametrize("name", ["unet", *(pytest.param(name, marks=pytest.mark.slow) for name in ELSEWHERE)])
def test_layers_may_lie_anywhere(name):
    """Placements drawn at random over three tiers: branches apart, results that come back."""
    build, args, kwargs, _ = made_networks.NETWORKS[name]
    captured = capture(build().eval(), args, kwargs)
    table = LayerTable.of(captured)
    with torch.no_grad():
        expected = captured.graph.program.run(captured.call.tensors)
    inputs = dict(zip((node.name for node in captured.graph.inputs), captured.call.tensors, strict=True))
    rng = np.random.default_rng(0)
    for _ in range(5):
        tiers = rng.integers(0, 3, len(table.layers))
        parts = split_module(captured, eo.GraphSplitDecision(tiers))
        assert all(part.tier != following.tier for part, following in pairwise(parts))
        placed = {unit: part.tier for part in parts for unit in part.units}
        assert all(tiers[table.names.index(unit)] == tier for unit, tier in placed.items())
        with torch.no_grad():
            given = run_parts(parts, inputs)
        for ours, theirs in zip(given, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_graph_split_is_a_deployment():
    """What is sent between the parts is what the optimum was charged for."""
    build, args, _, _ = made_networks.NETWORKS["unet"]
    captured = capture(build().eval(), args)
    table = LayerTable.of(captured)
    times = np.array([[5.0, 0.1] if layer.macs else [0.0, 0.0] for layer in table.layers])
    times[table.names.index("a"), 1] = np.inf  # raw images stay at home
    bits = [layer.output_bits for layer in table.layers]
    problem = eo.GraphSplit(times, table.edges, table.input_bits, bits, 1e5, outputs=table.outputs)
    best = eo.solve(problem)
    parts = split_module(captured, best.decision)
    assert [part.tier for part in parts] == [0, 1]
    moved = parts[0].output_bits + parts[1].output_bits
    assert best.objective == pytest.approx(5.2 + moved / 1e5)


def test_a_decision_of_another_graph_is_refused():
    build, args, _, _ = made_networks.NETWORKS["unet"]
    with pytest.raises(eo.InvalidProblemError, match=r"tiers have shape \(2,\)"):
        split_module(build(), eo.GraphSplitDecision([0, 1]), args)
