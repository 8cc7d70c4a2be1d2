"""Energy of layers: by hand from weights and arguments, and refused where nobody has measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

import edgeopt as eo
from edgeopt.profiles.dnn import LayerTable
from edgeopt.profiles.energy import JETSON_TX2, layer_energy, split_costs


class Functional(nn.Module):
    """A depthwise and a full convolution and a linear layer, all called as functions."""

    def __init__(self) -> None:
        super().__init__()
        self.deep, self.wide = nn.Parameter(torch.randn(4, 1, 3, 3)), nn.Parameter(torch.randn(8, 4, 1, 1))
        self.last = nn.Parameter(torch.randn(2, 8))

    def forward(self, x):
        y = F.conv2d(F.conv2d(x, self.deep, groups=4), self.wide)
        return F.linear(y.mean((2, 3)), self.last)


def test_convolutions_called_as_functions():
    table = LayerTable.from_module(Functional(), torch.randn(1, 4, 5, 5))
    assert [layer.kind for layer in table.layers] == ["depthwise_conv", "conv", "avgpool", "linear"]
    a, b = JETSON_TX2.convolution
    expected = [9 * 36 * (a / 4 + b), 9 * 32 * (a / 8 + b), 0.0, 16 * JETSON_TX2.linear]
    assert layer_energy(table, JETSON_TX2).tolist() == pytest.approx(expected)


def test_a_transposed_convolution_by_its_weights():
    table = LayerTable.from_module(nn.ConvTranspose2d(4, 6, 3), torch.randn(1, 4, 5, 5))
    a, b = JETSON_TX2.convolution
    assert (table.layers[0].in_channels, table.layers[0].out_channels) == (4, 6)
    assert layer_energy(table, JETSON_TX2).tolist() == pytest.approx([25 * 4 * 54 * (a / 6 + b)])


@pytest.mark.parametrize(
    ("model", "value", "kind"),
    [
        (nn.TransformerEncoderLayer(8, 2, 16), torch.randn(3, 1, 8), "attention"),
        (nn.LSTM(4, 4), torch.randn(3, 1, 4), "recurrent"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_products_that_nobody_measured_are_refused(model, value, kind):
    table = LayerTable.from_module(model.eval(), value)
    with pytest.raises(eo.InvalidProblemError, match=f"of kind {kind} with .* MACs; Lahmer"):
        layer_energy(table, JETSON_TX2)
    substitute = {kind: "linear"}
    assert layer_energy(table, JETSON_TX2, substitute).sum() == pytest.approx(table.macs * JETSON_TX2.linear)
    assert split_costs(table.chain(), JETSON_TX2, substitute=substitute).local_energy[-1] > 0
