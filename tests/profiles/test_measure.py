from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgeopt.model.errors import InvalidOptionError, InvalidProblemError
from edgeopt.profiles.capture import capture
from edgeopt.profiles.device import DeviceModel
from edgeopt.profiles.dnn import LayerTable
from edgeopt.profiles.measure import _times, _with_clock, measure, measure_device

QUICK = {"repeats": 3, "warmup": 1}


class Residual(nn.Module):
    """A block with a branch, an addition in place and a function beside modules."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.act(self.norm(self.first(x)))
        z = self.second(y)
        z += y
        return self.head(self.drop(torch.flatten(nn.functional.adaptive_avg_pool2d(z, 1), 1)))


def test_every_layer_is_timed_in_order():
    model, image = Residual(), torch.zeros(1, 3, 16, 16)
    frame = measure(model, image, **QUICK)
    expected = LayerTable.from_module(model, image).frame()
    assert frame[list(expected.columns)].equals(expected)
    assert (frame.seconds > 0).all()
    assert (frame.seconds_low <= frame.seconds).all()
    assert (frame.seconds <= frame.seconds_high).all()
    assert {"conv", "batchnorm", "relu", "add", "avgpool", "linear"} <= set(frame.kind)


@pytest.mark.parametrize("training", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_model_is_left_as_it_was(training):
    torch.manual_seed(0)
    model, image = Residual().train(training), torch.rand(2, 3, 16, 16)
    model.norm.eval()
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    given, threads, gradients = image.clone(), torch.get_num_threads(), torch.is_grad_enabled()
    measure(model, image, **QUICK, threads=threads + 1)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(image, given)
    assert torch.get_num_threads() == threads
    assert torch.is_grad_enabled() == gradients


def test_timing_does_not_change_what_later_layers_see():
    """Layers that work in place in the model run many times: nothing in the captured graph changes a tensor."""
    model, image = Residual().eval(), torch.rand(1, 3, 16, 16)
    captured = capture(model, image)
    module = captured.graph.program.module
    assert not any(node.target._schema.is_mutable for node in module.graph.nodes if hasattr(node.target, "_schema"))
    with torch.no_grad():
        expected = model(image)
        table = LayerTable.of(captured)
        assert _times(table, captured, 3, 1, 0.0, "cpu").shape == (len(table.layers), 3)
        torch.testing.assert_close(module(image)[0], expected)


def test_the_clock_is_read_between_the_layers_of_a_whole_run():
    """Each interval belongs to one layer, parameters are fetched within the layer's own, and nothing else changes."""
    model, image = Residual().eval(), torch.rand(1, 3, 16, 16)
    captured = capture(model, image)
    table, readings = LayerTable.of(captured), iter(range(1000))
    module, owners = _with_clock(captured.graph.program.module, table.nodes, lambda: next(readings))
    assert sorted(set(owners)) == list(range(len(table.layers)))
    results, marks = module(image)
    assert marks == tuple(range(len(owners) + 1))
    assert torch.equal(results[0], captured.graph.program.module(image)[0])
    order = [node.name if node.op == "call_function" else node.op for node in module.graph.nodes]
    assert order.index("get_attr") > order.index("placeholder")
    first = next(index for index, node in enumerate(module.graph.nodes) if node.op == "get_attr")
    assert any(node.op == "call_function" for node in list(module.graph.nodes)[:first])  # a reading of the clock


def test_a_pause_comes_before_every_run(monkeypatch):
    waits = []
    monkeypatch.setattr("edgeopt.profiles.measure.sleep", waits.append)
    measure(nn.ReLU(), torch.zeros(1, 2), repeats=3, warmup=2, pause=0.25)
    assert waits == [0.25] * 5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_layers_on_a_gpu_add_up_to_the_network():
    model = nn.Sequential(*(nn.Linear(4096, 4096) for _ in range(8)))
    seconds = measure(model, torch.rand(4096, 4096), "cuda", repeats=5).seconds
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    model, value = model.cuda(), torch.rand(4096, 4096, device="cuda")
    with torch.inference_mode():
        begin.record()
        model(value)
        end.record()
    end.synchronize()
    assert seconds.sum() == pytest.approx(begin.elapsed_time(end) / 1e3, rel=0.5)


def test_more_work_takes_longer():
    model = nn.Sequential(nn.Linear(16, 2048), nn.Linear(2048, 2048), nn.Linear(2048, 16))
    seconds = measure(model, torch.zeros(8, 16), **QUICK).seconds
    assert seconds[1] > 3 * max(seconds[0], seconds[2])


def test_a_device_model_fits_what_was_measured():
    layers = [
        layer for width in (8, 16, 32, 64) for layer in (nn.Conv2d(3, width, 3), nn.ReLU(), nn.Conv2d(width, 3, 1))
    ]
    frame = measure(nn.Sequential(*layers), torch.zeros(1, 3, 40, 40), **QUICK)
    model = DeviceModel.fit(frame, name="here", nonnegative=True)
    assert set(model.regressions) == {"conv", "relu"}
    assert np.isfinite(model.predict(frame).seconds).all()
    assert not model.predict(frame).extrapolated.any()
    assert model.errors(frame)["rows"].tolist() == [8, 4]


def test_several_inputs_and_integers():
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(10, 4)

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.words(x) + y)

    frame = measure(Sum(), (torch.zeros(1, 5, dtype=torch.long), torch.zeros(1, 5, 4)), **QUICK)
    assert frame.kind.tolist() == ["embedding", "add", "relu"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repeats": 0}, "repeats is 0"),
        ({"warmup": -1}, "warmup is -1"),
        ({"threads": 0}, "threads is 0"),
        ({"pause": -1.0}, "pause"),
        ({"repeats": 1.5}, "whole number"),
        ({"word_bits": 0}, "word_bits is 0"),
    ],
)
def test_options_are_validated(options, message):
    with pytest.raises(InvalidProblemError, match=message):
        measure(nn.ReLU(), torch.zeros(1, 2), **options)


def test_impossible_models_and_inputs_are_refused():
    with pytest.raises(InvalidProblemError, match="expected a torch.nn.Module"):
        measure(torch.relu, torch.zeros(1))
    with pytest.raises(InvalidProblemError, match=r"example_input\[0\] is a list"):
        measure(nn.ReLU(), [1.0])
    with pytest.raises(InvalidProblemError, match="does not take an input of shape"):
        measure(nn.Linear(3, 2), torch.zeros(1, 4))


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_an_absent_device_is_refused(device):
    with pytest.raises(InvalidOptionError, match=f"device is '{device}'"):
        measure(nn.ReLU(), torch.zeros(1, 2), device=device)


def test_a_model_of_this_machine_is_one_call():
    """It has every kind of the networks given, those that the paper's table lacks among them."""
    networks = [
        (
            torch.nn.Sequential(torch.nn.Embedding(50, width), torch.nn.GroupNorm(2, 6), torch.nn.Hardsigmoid()).eval(),
            torch.zeros(1, 6, dtype=torch.int64),
        )
        for width in (8, 64)
    ]
    found = measure_device(networks, repeats=1, warmup=0)
    assert set(found.regressions) == {"embedding", "groupnorm", "activation"}
    predicted = found.predict(LayerTable.from_module(*networks[0]))
    assert predicted.total > 0
    assert not predicted.floored.any()
    with pytest.raises(InvalidProblemError, match="networks is empty"):
        measure_device([])
