"""The networks against their published sizes."""

from __future__ import annotations

import json

import pytest
import torch

import edgeopt as eo
from edgeopt.profiles import zoo
from edgeopt.profiles.dnn import LayerTable


def table(name: str, **options) -> LayerTable:
    """Return a network's layer table without allocating its weights."""
    with torch.device("meta"):
        return LayerTable.from_module(zoo.NETWORKS[name][0](**options), zoo.example_input(name))


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("alexnet", 61_100_840, 714_188_480),
        pytest.param("vgg16", 138_357_544, 15_470_264_320, marks=pytest.mark.slow),
        ("mobilenet_v2", 3_504_872, 300_774_272),
        pytest.param("resnet18", 11_689_512, 1_814_073_344, marks=pytest.mark.slow),
    ],
)
def test_published_sizes_to_the_last_digit(name, parameters, macs):
    found = table(name)
    assert (found.parameters, found.macs) == (parameters, macs)


@pytest.mark.slow
def test_sizes_worked_by_hand():
    width, feedforward, tokens = 512, 2048, 128
    layer = 4 * width * (width + 1) + width * feedforward * 2 + feedforward + width + 4 * width
    found = table("transformer_encoder")
    assert found.parameters == 6 * layer
    assert found.macs == 6 * tokens * (4 * width**2 + 2 * width * feedforward + 2 * tokens * width)
    local = 16 * (55**2 * (81 * 16 + 1) + 25**2 * (49 * 16 + 1) + 21**2 * (25 * 16 + 1))
    others = 32 * (363 + 1) + 16 * (32 * 81 + 1) + 4096 * (16 * 441 + 1) + 4030 * 4097
    assert table("deepface").parameters == local + others


@pytest.mark.slow
def test_mobilenet_can_be_cut_at_the_papers_points():
    chain = table("mobilenet_v2").chain()
    assert sum(name.count("..") for name in chain.names) == 10  # the residual bottlenecks are units
    assert chain.output_bits[0] == 32 * 3 * 224 * 224


def test_branchy_alexnet_has_the_stated_layers():
    found = table("branchy_alexnet")
    chains = found.exits()
    assert [chain.units for chain in chains] == [12, 16, 19, 20, 22]
    shared = [len(set(chain.names) & set(chains[-1].names)) for chain in chains[:-1]]
    assert shared == [5, 9, 11, 12]
    assert [chain.units - s for chain, s in zip(chains, shared, strict=False)] == [7, 7, 8, 8]
    assert "5 exits" in repr(found)


def test_branchy_alexnets_main_branch_has_branchynets_sizes(data_dir):
    facts = json.loads((data_dir / "dnn_profiles" / "branchynet_facts.json").read_text())["B-AlexNet"]["main"]
    layers = table("branchy_alexnet").exits()[-1].table.layers
    ours = [layer for layer in layers if layer.kind in ("conv", "linear", "maxpool")]
    assert [layer.macs for layer in ours] == [fact["macs"] for fact in facts]
    assert [layer.parameters for layer in ours] == [fact["params"] for fact in facts]
    assert [list(layer.output_shape[1:]) for layer in ours] == [fact["out"] for fact in facts]


@pytest.mark.parametrize("name", ["alexnet", "mobilenet_v2", "resnet18", "branchy_alexnet", "transformer_encoder"])
def test_they_run(name):
    options = {"layers": 2, "width": 32, "heads": 4, "feedforward": 64} if name == "transformer_encoder" else {}
    model = zoo.build(name, **options)
    value = torch.zeros(1, 7, 32) if options else zoo.example_input(name)
    with torch.no_grad():
        results = model(value)
    for result in results if isinstance(results, tuple) else (results,):
        assert result.shape == ((1, 7, 32) if options else (1, 10 if name == "branchy_alexnet" else 1000))
        assert torch.isfinite(result).all()


def test_a_locally_connected_layer_is_a_convolution_where_its_filters_agree():
    layer = zoo.LocallyConnected2d(3, 4, 3, 9, stride=2)
    filters = torch.randn(4, 27)
    with torch.no_grad():
        layer.weight.copy_(filters.expand(16, 4, 27))
        value = torch.randn(2, 3, 9, 9)
        expected = torch.nn.functional.conv2d(value, filters.reshape(4, 3, 3, 3), stride=2)
        torch.testing.assert_close(layer(value), expected)


def test_weights_come_from_the_seed_alone():
    before = torch.random.get_rng_state()
    first, again, other = (zoo.build("branchy_alexnet", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    weights = [next(model.parameters()) for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not first.training


def test_an_unknown_network_is_refused_with_the_known_ones():
    for call in (zoo.build, zoo.example_input):
        with pytest.raises(eo.InvalidOptionError, match="no network is called 'lenet'.*vgg16"):
            call("lenet")
