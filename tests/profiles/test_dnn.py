"""Layer tables: counts by hand and by torch's counter, and where a network can be cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import edgeopt as eo
from edgeopt.profiles import zoo
from edgeopt.profiles.dnn import LayerTable


class Residual(nn.Module):
    """A convolution, a block with a shortcut, an early exit and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.left, self.right = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.relu = nn.ReLU()
        self.early, self.late = nn.Linear(256, 10), nn.Linear(256, 10)

    def forward(self, x):
        x = self.stem(x)
        early = self.early(x.view(x.size(0), -1))
        y = self.right(self.relu(self.left(x))) + x
        return early, self.late(self.relu(y).flatten(1))


class Parallel(nn.Module):
    """Two paths that never meet before the end: no chain, no tree."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(8, 2)

    def forward(self, x):
        return self.c(torch.cat([self.a(x), self.b(x)], dim=1))


class Looping(nn.Module):
    """A loop over the batch: the graph holds for this batch only."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        for _ in range(x.shape[0]):
            x = self.layer(x)
        return x


def test_a_chain_by_hand():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 9, 5))
    table = LayerTable.from_module(model, torch.zeros(2, 3, 7, 7))
    assert table.names == ("0", "1", "2", "3")
    assert [layer.kind for layer in table.layers] == ["conv", "relu", "reshape", "linear"]
    macs = [2 * 9 * 8 * 27, 0, 0, 2 * 72 * 5]
    assert [layer.macs for layer in table.layers] == macs
    assert [layer.flops for layer in table.layers] == [2 * macs[0], 2 * 72, 0, 2 * macs[3]]
    assert [layer.parameters for layer in table.layers] == [8 * 27 + 8, 0, 0, 72 * 5 + 5]
    conv = table.layers[0]
    assert (conv.kernel, conv.stride, conv.in_channels, conv.out_channels, conv.groups) == (3, 2, 3, 8, 1)
    assert (conv.input_shape, conv.output_shape) == ((2, 3, 7, 7), (2, 8, 3, 3))
    assert (conv.input_bits, conv.output_bits) == (32 * 294, 32 * 144)
    assert table.is_chain
    chain = table.chain()
    assert chain.names == ("0", "1", "3")  # the reshape belongs to the unit before it
    np.testing.assert_array_equal(chain.output_bits, 32 * np.array([294, 144, 144, 10]))
    np.testing.assert_array_equal(chain.total([1, 2, 4, 8]), [1, 6, 8])
    assert chain.frame().unit.tolist() == [0, 1, 1, 2]


def test_word_length():
    model, value = nn.Linear(4, 2), torch.zeros(1, 4)
    assert LayerTable.from_module(nn.Sequential(model), value, 8).chain().output_bits.tolist() == [32.0, 16.0]
    for wrong in (0, 2.5, True):
        with pytest.raises(eo.InvalidProblemError, match="word_bits is"):
            LayerTable.from_module(nn.Sequential(model), value, wrong)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(zoo.NETWORKS))
def test_macs_are_torchs_own_count(name):
    with torch.device("meta"):
        model = zoo.NETWORKS[name][0]()
        value = zoo.example_input(name).to("meta")
    table = LayerTable.from_module(model, value)
    model.train()  # the fused kernels of eval mode hide their products from the counter
    with FlopCounterMode(display=False) as counter:
        model(value)
    assert 2 * table.macs == counter.get_total_flops()
    assert table.parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("call", ["module", "function"])
def test_attention_is_counted(call):
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.MultiheadAttention(16, 4, batch_first=True)

        def forward(self, x):
            if call == "module":
                return self.inner(x, x, x, need_weights=False)[0]
            return nn.functional.scaled_dot_product_attention(x, x, x)

    table = LayerTable.from_module(Attention(), torch.zeros(2, 5, 16))
    products = 2 * 2 * 5 * 5 * 16
    assert table.macs == products + (2 * 5 * 16 * 16 * 4 if call == "module" else 0)


def test_a_residual_block_is_one_unit_and_exits_share_names():
    table = LayerTable.from_module(Residual(), torch.zeros(1, 3, 8, 8))
    assert not table.is_chain
    early, late = table.exits()
    assert early.names == ("stem", "early")
    assert late.names == ("stem", "left..add", "relu#2", "late")
    np.testing.assert_array_equal(late.output_bits, 32 * np.array([192, 256, 256, 256, 10]))
    assert late.macs + early.macs - 64 * 27 * 4 == table.macs


@pytest.mark.slow
def test_cut_points_are_where_one_tensor_is_alive():
    """By the definition: cut the execution order, count the tensors that cross."""
    for model, value in [
        (Residual(), torch.zeros(1, 3, 8, 8)),
        (Parallel(), torch.zeros(1, 4)),
        (zoo.build("mobilenet_v2"), zoo.example_input("mobilenet_v2")),
    ]:
        table = LayerTable.from_module(model, value)
        for cut in range(len(table.layers)):
            crossing = {int(p) for p, c in table.edges if p <= cut < c} | {o for o in table.outputs if o <= cut}
            assert (cut in table.cut_points) == (len(crossing) == 1)


def test_a_network_that_is_no_chain_is_one_unit():
    table = LayerTable.from_module(Parallel(), torch.zeros(1, 4))
    assert table.edges.tolist() == [[-1, 0], [-1, 1], [0, 2], [1, 2], [2, 3]]
    assert table.chain().names == ("a..cat", "c")
    assert "2 points to cut" in repr(table)
    assert "2 units of 4 layers" in repr(table.chain())


def test_a_loop_over_the_batch_is_unrolled():
    table = LayerTable.from_module(Looping(), torch.zeros(3, 4))
    assert [layer.kind for layer in table.layers] == ["linear"] * 3
    assert len(set(table.names)) == 3
    assert all(name.startswith("layer") for name in table.names)
    assert table.macs == 3 * 3 * 16
    assert table.parameters == 20  # used three times, counted once


@pytest.mark.slow
def test_the_model_stays_as_it_was():
    model = zoo.build("branchy_alexnet").train()
    model.branches[0].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    LayerTable.from_module(model, zoo.example_input("branchy_alexnet"))
    assert model.training
    assert not model.branches[0].training
    assert model.rest.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.backends.mha.get_fastpath_enabled()


class NoTensor(nn.Module):
    def forward(self, x):
        return {"size": 3}


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("model", "value", "message"),
    [
        (nn.Linear(4, 2), torch.zeros(1, 5), "does not take an input of shape"),
        (nn.Linear(4, 2), None, r"example_input\[0\] is a NoneType"),
        (nn.Linear(4, 2), (torch.zeros(1, 4), 3), r"does not take an input of shape .*positional argument"),
        ("model", torch.zeros(1), "model is a str"),
        (Branching(), torch.zeros(1), r"data-dependent .*test_dnn.py, line \d+: return x if x.sum\(\) > 0"),
        (nn.Identity(), torch.zeros(1), "returns its input|there is no layer"),
        (NoTensor(), torch.zeros(1), "no layer"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_traced_is_said(model, value, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        LayerTable.from_module(model, value)


def test_an_output_that_does_not_exist():
    table = LayerTable.from_module(nn.Sequential(nn.Linear(2, 2)), torch.zeros(1, 2))
    with pytest.raises(eo.InvalidProblemError, match="output 3 does not exist; the network has 1"):
        table.chain(3)
