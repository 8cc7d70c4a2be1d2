"""What kind of layer an operation is, and the shape that regressions of its time need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import fx

_MODULES = {
    "Conv1d": "conv",
    "Conv2d": "conv",
    "Conv3d": "conv",
    "ConvTranspose2d": "conv",
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
    "TransformerEncoderLayer": "transformer",
    "TransformerDecoderLayer": "transformer",
    "LSTM": "recurrent",
    "GRU": "recurrent",
    "RNN": "recurrent",
    "Embedding": "embedding",
}
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
    "add": "add",
    "iadd": "add",
    "sub": "elementwise",
    "mul": "elementwise",
    "imul": "elementwise",
    "truediv": "elementwise",
    "cat": "concat",
    "concat": "concat",
    "stack": "concat",
    "flatten": "reshape",
    "view": "reshape",
    "reshape": "reshape",
    "permute": "reshape",
    "transpose": "reshape",
    "squeeze": "reshape",
    "unsqueeze": "reshape",
    "contiguous": "reshape",
    "getitem": "reshape",
    "select": "reshape",
    "expand": "reshape",
    "unflatten": "reshape",
    "chunk": "reshape",
    "split": "reshape",
    "t": "reshape",
    "relu": "relu",
    "relu6": "relu",
    "relu_": "relu",
    "conv2d": "conv",
    "conv1d": "conv",
    "linear": "linear",
    "matmul": "matmul",
    "bmm": "matmul",
    "mm": "matmul",
    "einsum": "matmul",
    "max_pool2d": "maxpool",
    "boolean_dispatch": "maxpool",
    "avg_pool2d": "avgpool",
    "adaptive_avg_pool2d": "avgpool",
    "mean": "avgpool",
    "batch_norm": "batchnorm",
    "layer_norm": "layernorm",
    "dropout": "dropout",
    "dropout_": "dropout",
    "softmax": "activation",
    "gelu": "activation",
    "silu": "activation",
    "sigmoid": "activation",
    "tanh": "activation",
    "scaled_dot_product_attention": "attention",
    "unfold": "unfold",
}


def kind_of(module: fx.GraphModule, node: fx.Node) -> str:
    """Kind of a node that computes a tensor; ``other`` where it is none of the common ones."""
    if node.op == "call_module":
        layer = module.get_submodule(str(node.target))
        name = type(layer).__name__
        kind = "activation" if name in _ACTIVATIONS else _MODULES.get(name, "other")
        return "depthwise_conv" if kind == "conv" and _is_depthwise(layer) else kind
    return _FUNCTIONS.get(_function_name(node), "other")


def _function_name(node: fx.Node) -> str:
    if node.op == "call_method":
        return str(node.target)
    # torch.export calls operations like aten.conv2d.default.
    return str(getattr(node.target, "__name__", node.target)).split(".")[0].strip("_")


def _is_depthwise(layer: Any) -> bool:
    return bool(layer.groups > 1 and layer.groups == layer.in_channels)


def shape_details(module: fx.GraphModule, node: fx.Node) -> dict[str, Any]:
    """Kernel, stride, channels and groups of a module, as far as it has them."""
    if node.op != "call_module":
        return {}
    layer = module.get_submodule(str(node.target))
    details: dict[str, Any] = {}
    for ours, theirs in (("kernel", "kernel_size"), ("stride", "stride")):
        if (value := getattr(layer, theirs, None)) is not None:
            details[ours] = _side(value)
    for name, others in (("in_channels", ("in_features", "num_features")), ("out_channels", ("out_features",))):
        for attribute in (name, *others):
            if isinstance(value := getattr(layer, attribute, None), int):
                details[name] = value
                break
    if isinstance(groups := getattr(layer, "groups", None), int):
        details["groups"] = groups
    return details


def _side(value: Any) -> float:
    """Geometric mean of the sides of a kernel or a stride."""
    sides = value if isinstance(value, (tuple, list)) else (value,)
    return float(math.prod(sides) ** (1.0 / len(sides)))
