"""Codecs that give back what they say, losses that are measured, and parts that compute what was measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import edgeopt as eo
from edgeopt.profiles.codecs import codec
from edgeopt.profiles.compression import compressed_parts, measure_losses
from edgeopt.profiles.device import DeviceModel
from edgeopt.profiles.dnn import LayerTable

WAYS = ("float32", "float16", "int8", "top-k:0.25")


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * 16, 10)).eval()


@pytest.fixture(scope="module")
def measured():
    inputs = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return measure_losses(network(), inputs[:1], inputs, precisions=WAYS, repeats=1)


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (2, 9), (3, 4, 6), (1, 1)])
@pytest.mark.parametrize("name", WAYS)
def test_what_comes_back(name: str, shape: tuple[int, ...]) -> None:
    value = 10.0 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    way = codec(name)
    back = way.restored(value)
    assert back.shape == value.shape
    assert back.dtype == value.dtype
    if name == "float32":
        assert torch.equal(back, value)
    elif name == "float16":
        assert torch.allclose(back, value, rtol=2**-11, atol=1e-6)
        assert way.sent_bits(value) == 16 * value.numel()
    elif name == "int8":
        over = tuple(range(2 if value.ndim > 2 else 1, value.ndim))
        step = (value.amax(over, keepdim=True) - value.amin(over, keepdim=True)) / 255
        assert ((back - value).abs() <= 0.501 * step + 1e-5).all()
        assert way.sent_bits(value) == 8 * value.numel() + 64 * step.numel()
    else:
        kept = back != 0
        assert (kept.flatten(1).sum(dim=1) == -(-value[0].numel() // 4)).all()
        assert torch.equal(back[kept], value[kept])
        assert value.abs()[kept].min() >= 0.0


def test_edges_of_codecs() -> None:
    constant = torch.full((1, 2, 3, 3), 7.0)
    assert torch.equal(codec("int8").restored(constant), constant)
    assert torch.isfinite(codec("float16").restored(torch.tensor([[1e30, -1e30]]))).all()
    assert torch.equal(codec("top-k:1").restored(constant), constant)
    for name in ("int4", "top-k", "top-k:0", "top-k:2", "top-k:nan", "float16:2"):
        with pytest.raises(eo.InvalidProblemError, match="expected one of"):
            codec(name)


def test_losses_are_those_of_single_tensors(measured) -> None:
    assert measured.accuracy == 1.0  # agreement with itself
    assert (measured.loss[:, 0] == 0.0).all()
    assert measured.sent_bits[0].tolist() == [64 * 32, 64 * 16, 64 * 8 + 64, 16 * 64 + 4 * 32]
    assert measured.loss.shape == (len(measured.units) + 1, len(WAYS))
    for tensor, q in ((0, 2), (1, 3), (len(measured.units), 2)):
        precision = np.full(len(measured.units) + 1, -1)
        precision[tensor] = q
        alone = eo.CompressedSplitDecision(np.zeros(len(measured.units), int), precision)
        assert measured.measured_loss(alone) == pytest.approx(measured.loss[tensor, q])
        assert measured.predicted_loss(alone) == pytest.approx(measured.loss[tensor, q])
    assert measured.additivity(10) >= 0.0


@pytest.mark.slow
def test_losses_that_do_not_add_up_are_told() -> None:
    """Each of two tensors may lose half its values at little cost where the other does not."""
    inputs = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    found = measure_losses(network(), inputs[:1], inputs, precisions=("float32", "top-k:0.02"), repeats=1)
    both = np.full(len(found.units) + 1, -1)
    both[[1, 2]] = 1
    decision = eo.CompressedSplitDecision(np.zeros(len(found.units), int), both)
    assert found.measured_loss(decision) != pytest.approx(found.predicted_loss(decision), abs=1e-6)


@pytest.mark.slow
def test_parts_compute_what_was_measured(measured) -> None:
    model, sample = network(), torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    units = len(measured.units)
    for tiers in ([0] * units, [1] * units, [0, *[1] * (units - 1)], [1, *[0] * (units - 1)]):
        path = np.r_[0, tiers, 0]
        precision = np.where(path[1:] != path[:-1], 2, -1)
        decision = eo.CompressedSplitDecision(tiers, precision)
        parts = compressed_parts(model, decision, WAYS, sample)
        assert (parts[0].tier, parts[-1].tier) == (0, 0)
        value = (sample,)
        for part in parts:
            value = part.module(*value)
            value = value if isinstance(value, tuple) else (value,)
            if part.precision:
                assert part.precision == "int8"
                assert value[0].dtype == torch.uint8
        chosen = {tensor: int(q) for tensor, q in enumerate(precision) if q >= 0}
        assert torch.allclose(value[0], measured._run.run(chosen, 0, sample), atol=1e-6)


@pytest.mark.slow
def test_a_split_of_a_network(measured) -> None:
    model, sample = network(), torch.zeros(1, 1, 8, 8)
    chain = LayerTable.from_module(model, sample).chain()
    devices = [DeviceModel.table_4_2("mobile"), DeviceModel.table_4_2("edge")]
    problem = eo.CompressedSplit.of(
        chain, devices, 1e6, measured, accuracy_floor=0.9, **measured.coding_times([4.0, 1.0])
    )
    found = eo.solve(problem)
    assert found.status == "optimal"
    assert problem.accuracy_of(found.decision) >= 0.9
    pipeline = eo.PipelinedSplit.of(chain, devices, 1e6)
    assert pipeline.weight_bytes.sum() == 4 * sum(p.numel() for p in model.parameters())
    assert eo.solve(pipeline).status == "optimal"


def test_what_does_not_fit_is_told(measured) -> None:
    model, sample = network(), torch.zeros(1, 1, 8, 8)
    wrong = eo.CompressedSplitDecision([0, 1], [-1, 0, 0])
    with pytest.raises(eo.InvalidProblemError, match="this chain has"):
        measured.measured_loss(wrong)
    with pytest.raises(eo.InvalidProblemError, match="2 precisions are given"):
        compressed_parts(model, eo.CompressedSplitDecision([1], [3, 0]), WAYS[:2], sample)
    with pytest.raises(eo.InvalidProblemError, match="labels has 3"):
        measure_losses(model, sample, torch.zeros(4, 1, 8, 8), torch.zeros(3))
    chain = LayerTable.from_module(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), sample).chain()
    with pytest.raises(eo.InvalidProblemError, match="another chain"):
        eo.CompressedSplit.of(chain, [DeviceModel.table_4_2("mobile")] * 2, 1e6, measured)
