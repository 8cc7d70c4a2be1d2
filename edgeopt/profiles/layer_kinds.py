"""What kind of layer an operation is, and the shape that regressions of its time need."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .capture.names import function_name
from .capture.observation import Value
from .capture.operators import OperatorGraph

if TYPE_CHECKING:
    from torch import fx

_MODULES = {
    "Conv1d": "conv",
    "Conv2d": "conv",
    "Conv3d": "conv",
    "ConvTranspose1d": "conv",
    "ConvTranspose2d": "conv",
    "ConvTranspose3d": "conv",
    "Linear": "linear",
    "Bilinear": "linear",
    "ReLU": "relu",
    "ReLU6": "relu",
    "MaxPool1d": "maxpool",
    "MaxPool2d": "maxpool",
    "MaxPool3d": "maxpool",
    "AdaptiveMaxPool2d": "maxpool",
    "AvgPool1d": "avgpool",
    "AvgPool2d": "avgpool",
    "AvgPool3d": "avgpool",
    "AdaptiveAvgPool1d": "avgpool",
    "AdaptiveAvgPool2d": "avgpool",
    "BatchNorm1d": "batchnorm",
    "BatchNorm2d": "batchnorm",
    "BatchNorm3d": "batchnorm",
    "LayerNorm": "layernorm",
    "GroupNorm": "groupnorm",
    "LocalResponseNorm": "lrn",
    "Dropout": "dropout",
    "Dropout2d": "dropout",
    "Flatten": "reshape",
    "Unflatten": "reshape",
    "Identity": "reshape",
    "MultiheadAttention": "attention",
    "LSTM": "recurrent",
    "GRU": "recurrent",
    "RNN": "recurrent",
    "Embedding": "embedding",
}
CONTAINERS = ("Transformer", "TransformerEncoderLayer", "TransformerDecoderLayer", "Sequential")
"""Modules of torch that are made of others, which are the layers."""

_ACTIVATIONS = {
    "GELU",
    "SiLU",
    "Sigmoid",
    "Tanh",
    "Softmax",
    "LogSoftmax",
    "LeakyReLU",
    "ELU",
    "Hardswish",
    "Hardsigmoid",
    "PReLU",
}

_FUNCTIONS = {
    name: kind
    for kind, names in {
        "add": "add",
        "elementwise": "sub rsub mul div",
        "concat": "cat concat stack",
        "relu": "relu relu6 hardtanh",
        "conv": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution",
        "linear": "linear addmm bilinear",
        "matmul": "matmul bmm mm mv dot baddbmm einsum outer",
        "maxpool": "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices adaptive_max_pool1d adaptive_max_pool2d",
        "avgpool": "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d mean",
        "batchnorm": "batch_norm native_batch_norm native_batch_norm_legit_no_training",
        "layernorm": "layer_norm native_layer_norm",
        "groupnorm": "group_norm native_group_norm",
        "dropout": "dropout native_dropout",
        "activation": "softmax log_softmax gelu silu sigmoid tanh hardswish hardsigmoid leaky_relu elu prelu mish "
        "softplus",
        "attention": "scaled_dot_product_attention",
        "recurrent": "lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell",
        "embedding": "embedding embedding_bag",
        "interpolation": "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d "
        "upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d grid_sampler",
        "unfold": "im2col unfold",
    }.items()
    for name in names.split()
}


def kind_of(graph: OperatorGraph, module: str, operators: Sequence[fx.Node]) -> str:
    """Kind of a layer: of its module of torch, else of what its operators do; ``other`` where it is none of these.

    Parameters
    ----------
    module : str
        Name of the module's class, or nothing.
    operators : sequence of torch.fx.Node
        Its operators; views by themselves are a ``reshape``.
    """
    kind = "activation" if module in _ACTIVATIONS else _MODULES.get(module)
    if kind is None:
        main = main_operator(graph, operators)
        kind = "reshape" if main is None else _FUNCTIONS.get(function_name(main), "other")
    return kind


def shape_details(graph: OperatorGraph, kind: str, operators: Sequence[fx.Node]) -> dict[str, Any]:
    """Kernel, stride, channels and groups of a layer's kind, from weights and arguments of its main operator."""
    main = main_operator(graph, operators)
    of_it = main is not None and _FUNCTIONS.get(function_name(main)) == kind
    read = _DETAILS.get(function_name(main)) if main is not None and of_it else None
    return read(graph, main) if read is not None and main is not None else {}


def main_operator(graph: OperatorGraph, operators: Sequence[fx.Node]) -> fx.Node | None:
    """Return the operator with most work: a layer of several is what its products are."""
    return max(operators, key=lambda node: graph.seen.macs.get(node) or 0, default=None)


def _argument(node: fx.Node, place: int, name: str, default: Any) -> Any:
    return node.args[place] if len(node.args) > place else node.kwargs.get(name, default)


def _shape(graph: OperatorGraph, node: Any) -> tuple[int, ...]:
    value = graph.seen.values.get(node)
    return value.shape if isinstance(value, Value) else ()


def _convolution(graph: OperatorGraph, node: fx.Node) -> dict[str, Any]:
    weight = _shape(graph, node.args[1])
    groups = int(_argument(node, 6, "groups", 1))
    return {
        "kernel": _side(weight[2:]),
        "stride": _side(_argument(node, 3, "stride", 1) or 1),
        "in_channels": weight[1] * groups,
        "out_channels": weight[0],
        "groups": groups,
    }


def _transposed(graph: OperatorGraph, node: fx.Node) -> dict[str, Any]:
    weight = _shape(graph, node.args[1])
    groups = int(_argument(node, 6, "groups", 1))  # (…, stride, padding, output_padding, groups, dilation)
    return {
        "kernel": _side(weight[2:]),
        "stride": _side(_argument(node, 3, "stride", 1) or 1),
        "in_channels": weight[0],
        "out_channels": weight[1] * groups,
        "groups": groups,
    }


def _linear(graph: OperatorGraph, node: fx.Node) -> dict[str, Any]:
    weight = _shape(graph, node.args[1])
    return {"in_channels": weight[-1], "out_channels": weight[0] if len(weight) > 1 else 1}


def _pool(graph: OperatorGraph, node: fx.Node) -> dict[str, Any]:
    kernel = node.args[1]
    stride = _argument(node, 2, "stride", None)
    return {"kernel": _side(kernel), "stride": _side(stride or kernel)}


def _batch_norm(graph: OperatorGraph, node: fx.Node) -> dict[str, Any]:
    shape = _shape(graph, node.args[0])
    return {"in_channels": shape[1]} if len(shape) > 1 else {}


def _side(value: Any) -> float:
    """Geometric mean of the sides of a kernel or a stride."""
    sides = value if isinstance(value, tuple | list) else (value,)
    return float(math.prod(sides) ** (1.0 / len(sides)))


_DETAILS: dict[str, Callable[[OperatorGraph, fx.Node], dict[str, Any]]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
    "linear": _linear,
    **dict.fromkeys((f"{sort}_pool{n}d" for sort in ("max", "avg") for n in (1, 2, 3)), _pool),
    **dict.fromkeys(("batch_norm", "native_batch_norm_legit_no_training", "native_batch_norm"), _batch_norm),
}
