"""A network on a GPU is captured, cut and timed like one on the CPU; where there is no GPU, nothing of this runs."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from edgeopt.profiles.dnn import LayerTable
from edgeopt.profiles.measure import measure
from edgeopt.profiles.partition import split_module

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


class Net(nn.Module):
    """A skip, a statement in place, a tensor made inside, a buffer and a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.recurrent, self.head = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 5)
        self.register_buffer("scale", torch.ones(8, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x).relu_()
        y = y + self.second(y) * self.scale
        z, _ = self.recurrent(y.mean(-1).transpose(1, 2) + torch.arange(8, device=x.device, dtype=x.dtype))
        result: torch.Tensor = self.head(z[:, -1])
        return result


def test_its_table_and_its_parts_are_those_of_the_cpu():
    torch.manual_seed(0)
    model, example = Net().eval(), torch.rand(2, 3, 16, 16)
    moved, there = copy.deepcopy(model).cuda(), example.cuda()
    here, found = LayerTable.from_module(model, example), LayerTable.from_module(moved, there)
    assert str(found) == str(here)
    assert found.cuts.frame().equals(here.cuts.frame())
    chain = found.chain(max_tensors=None)
    for cut in range(1, chain.units):
        value = (there,)
        for part in split_module(moved, (np.arange(chain.units) >= cut).astype(int), there, max_tensors=None):
            value = part.module(*value)
            value = value if isinstance(value, tuple) else (value,)
        torch.testing.assert_close(value[0], moved(there), rtol=1e-5, atol=1e-5)


def test_it_is_timed_there():
    table = measure(Net().eval(), torch.rand(2, 3, 16, 16), "cuda", repeats=3)
    assert (np.asarray(table.seconds) >= 0).all()
    assert table.seconds.sum() > 0
