"""One layer of a network, as a layer table lists it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One operation of a network.

    Attributes
    ----------
    name : str
        Path of the module, or the name of the function; unique in its table.
    kind : str
        ``conv``, ``depthwise_conv``, ``linear``, ``relu``, ``maxpool``, ``batchnorm``, ``add``, ``reshape``, …
    input_bits, output_bits : float
        Bits of all tensors that enter, and that leave.
    parameters, macs, flops : int
        Parameters (counted where they are used first), multiply-accumulates, floating-point operations.
    input_shape, output_shape : tuple of int
        Shape of the first tensor that enters, and that leaves.
    kernel, stride : float
        Side of the kernel and step, in elements (geometric mean of both sides); 0 where there is none.
    in_channels, out_channels, groups : int
        Channels (features of linear layers) and groups; 0 where there are none.
    """

    name: str
    kind: str
    input_bits: float
    output_bits: float
    parameters: int
    macs: int
    flops: int
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    kernel: float = 0.0
    stride: float = 0.0
    in_channels: int = 0
    out_channels: int = 0
    groups: int = 0
