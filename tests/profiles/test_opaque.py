"""Modules without a fixed graph, kept whole: what is around them is cut, and the parts equal the model."""

import made_networks
import numpy as np
import pytest
import torch
from torch import nn

import edgeopt as eo
from edgeopt.profiles.capture import capture
from edgeopt.profiles.capture.crossing import Crossings
from edgeopt.profiles.dnn import LayerTable
from edgeopt.profiles.partition import split_module


class Found:
    """What a detector hands on, as an object."""

    def __init__(self, boxes: torch.Tensor, size: tuple[int, int]) -> None:
        self.boxes, self.size = boxes, size


class Recurrent(nn.Module):
    """A GRU over sequences of different lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.r = nn.GRU(8, 6, batch_first=True)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.r(packed)[1][-1]


class Suppression(nn.Module):
    """Keeps the boxes whose score is positive: their number depends on the values."""

    def __init__(self) -> None:
        super().__init__()
        self.s = nn.Linear(4, 1)
        self.least = torch.zeros(1)  # a tensor that is no buffer, as anchors often are

    def forward(self, found):
        return {"boxes": found.boxes[self.s(found.boxes)[:, 0] > self.least], "size": found.size}


def packed():
    """Return a model with a packed sequence in the middle, and its call."""

    def forward(self, x, lengths):
        return self.b(self.encoder(self.a(x).relu_(), lengths).relu())

    model = made_networks.module(forward, a=nn.Linear(4, 8), encoder=Recurrent(), b=nn.Linear(6, 2))
    return model.eval(), (torch.randn(3, 5, 4), torch.tensor([5, 3, 2]))


def detector():
    """Return a model whose result is as long as its values say."""

    def forward(self, x):
        kept = self.tail(Found(self.a(x), (3, 4)))
        return kept["boxes"] * torch.tensor([1.0, 2.0, 1.0, 2.0])

    torch.manual_seed(0)
    return made_networks.module(forward, a=nn.Linear(4, 4), tail=Suppression()).eval(), (torch.randn(9, 4),)


@pytest.mark.parametrize(("build", "name"), [(packed, "encoder"), (detector, "tail")], ids=["packed", "detector"])
def test_parts_around_a_module_that_is_kept_whole(build, name):
    model, given = build()
    found = capture(model, given, opaque=[name])
    table = LayerTable.of(found)
    assert name in table.names
    assert table.uncounted == {f"opaque::{name}": 1}
    assert table.parameters == sum(p.numel() for p in model.parameters())
    units = LayerTable.of(found).chain(max_tensors=None).units
    with torch.no_grad():
        expected = model(*given)
        for cut in range(1, units):
            first, second = split_module(found, np.repeat([0, 1], [cut, units - cut]), max_tensors=None)
            between = first.module(*given)
            result = second.module(*(between if isinstance(between, tuple) else (between,)))
            torch.testing.assert_close(result, expected)


def test_a_part_takes_as_many_as_a_module_finds():
    """What lies behind such a module may be longer or shorter for another input."""
    model, given = detector()
    found = capture(model, given, opaque=["tail"])
    count = len(found.graph.operators)
    bits = Crossings(found.graph).bits
    assert bits[-2] == 128 * len(model(*given))
    other = given[0][:1].expand(9, 4).clone()  # all or none
    assert len(model(other)) != len(model(*given))
    from edgeopt.profiles.capture.parts import pieces, run_pieces

    with torch.no_grad():
        parts = pieces(Crossings(found.graph), [count - 1])
        torch.testing.assert_close(run_pieces(parts, (other,))[0], model(other))


def test_work_of_such_a_module_can_be_said(monkeypatch):
    from edgeopt.profiles.capture import work

    monkeypatch.setattr(work, "_registered", {})
    work.register_work("opaque::encoder", lambda result, x, lengths: x.shape[0] * x.shape[1] * 18 * (8 + 6))
    table = LayerTable.from_module(*packed(), opaque=["encoder"])
    assert (table.uncounted, table.macs) == ({}, 15 * 32 + 15 * 18 * 14 + 3 * 12)


def test_names_and_use_are_checked():
    model, given = packed()
    with pytest.raises(eo.InvalidProblemError, match=r"opaque\[0\] is 'rnn', which is no module.*it has a, b, encoder"):
        capture(model, given, opaque=["rnn"])
    with pytest.raises(eo.InvalidProblemError, match=r"expected a list of names of modules, as in \['encoder'\]"):
        capture(model, given, opaque="encoder")

    def forward(self, x):
        return self.a(self.b(x.clone()))

    writing = made_networks.module(lambda self, x: x.mul_(2))
    model = made_networks.module(forward, a=nn.Linear(4, 4), b=writing).eval()
    with pytest.raises(eo.InvalidProblemError, match="b, which is kept whole, writes into its inputs in place"):
        capture(model, torch.ones(1, 4), opaque=["b"])


def test_a_part_that_holds_such_a_module_is_no_file(tmp_path):
    model, given = packed()
    (part,) = split_module(capture(model, given, opaque=["encoder"]), [0] * 3)
    with pytest.raises(eo.InvalidProblemError, match="holds encoder as it is, which no file can"):
        part.save(tmp_path / "part.pt2")
    with pytest.raises(eo.InvalidProblemError, match="holds encoder as it is, which no file can"):
        part.save_onnx(tmp_path / "part.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("read", ["tolist", "numpy"])
def test_numbers_read_without_an_operation_are_a_branch_on_values(read):
    """No operation is dispatched for these: a branch that the inputs tried do not take was unseen."""

    def forward(self, x):
        y = self.a(x)
        numbers = getattr(y.detach(), read)()
        return self.b(y) if numbers[0][0] < 1e6 else y

    model = made_networks.module(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 4)).eval()
    with pytest.raises(eo.InvalidProblemError, match="reads? numbers? from a tensor that depends on the input"):
        capture(model, torch.ones(2, 4))
