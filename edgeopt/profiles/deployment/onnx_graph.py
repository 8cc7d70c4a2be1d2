"""An ONNX model as a problem: its nodes as the layers of a :class:`~edgeopt.formulations.graph_split.GraphSplit`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...formulations.graph_split import GraphSplit
from ...model.errors import DataFormatError, ExtraNotInstalledError, InvalidProblemError
from ...model.records import float_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BITS = {
    **dict.fromkeys(("FLOAT", "INT32", "UINT32"), 32),
    **dict.fromkeys(("DOUBLE", "INT64", "UINT64", "COMPLEX64"), 64),
    **dict.fromkeys(("FLOAT16", "BFLOAT16", "INT16", "UINT16"), 16),
    **dict.fromkeys(("INT8", "UINT8", "BOOL", "FLOAT8E4M3FN", "FLOAT8E5M2"), 8),
    **dict.fromkeys(("INT4", "UINT4"), 4),
    "COMPLEX128": 128,
}


def read_onnx_split(
    path: str | Path,
    seconds: Mapping[str, Any],
    uplink_rate: float,
    *,
    sizes: Mapping[str, int] | None = None,
    **options: Any,
) -> GraphSplit:
    """Return the problem of where to run each node of an ONNX model.

    Parameters
    ----------
    path : str or Path
        The model.
    seconds : mapping
        Seconds of each node on each tier, by the node's name, or that of its first output where it has none: what a
        profile of onnxruntime says. Nodes that only prepare parameters are no layers and need none.
    uplink_rate : float
        Device to edge, bit/s.
    sizes : mapping, optional
        Values of the model's symbolic sizes: ``{"batch": 1}``.
    **options
        Further fields of :class:`~edgeopt.formulations.graph_split.GraphSplit`.

    Raises
    ------
    ExtraNotInstalledError
        If onnx is not installed.
    DataFormatError
        If the file is no ONNX model.
    InvalidProblemError
        If a node has no times, or the size of a tensor is not known.
    """
    try:
        import onnx
    except ImportError as error:
        raise ExtraNotInstalledError("ONNX models need onnx: pip install 'edgeopt[onnx]'") from error
    try:
        model = onnx.shape_inference.infer_shapes(onnx.load(str(path), load_external_data=False))
    except Exception as error:  # protobuf's and onnx's own classes
        raise DataFormatError(f"{path} is no ONNX model: {error}") from error
    if not model.graph.node:
        raise DataFormatError(f"{path} is no ONNX model: it has no nodes")
    return _problem(_Graph(model.graph, dict(sizes or {}), onnx), seconds, uplink_rate, options)


def _problem(graph: _Graph, seconds: Mapping[str, Any], uplink_rate: float, options: dict[str, Any]) -> GraphSplit:
    names = graph.names()
    missing = [name for name in names if name not in seconds]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise InvalidProblemError(f"seconds has no {', '.join(missing[:3])}{more}; expected the time of every node")
    times = [float_array(seconds[name], f"seconds[{name!r}]", ndim=1) for name in names]
    if len({len(row) for row in times}) > 1:
        raise InvalidProblemError(f"seconds has rows of {sorted({len(row) for row in times})} tiers; expected one")
    return GraphSplit(
        np.array(times),
        graph.edges(),
        graph.input_bits(),
        graph.output_bits(),
        uplink_rate,
        outputs=graph.outputs(),
        names=names,
        **options,
    )


class _Graph:
    """The nodes that depend on the model's inputs, and the tensors between them."""

    def __init__(self, graph: Any, sizes: dict[str, int], onnx: Any) -> None:
        self.graph, self.sizes, self.kinds = graph, sizes, onnx.TensorProto.DataType
        held = {entry.name for entry in graph.initializer} | {entry.values.name for entry in graph.sparse_initializer}
        self.inputs = [value for value in graph.input if value.name not in held]
        self.types = {value.name: value.type for value in (*graph.input, *graph.value_info, *graph.output)}
        live = {value.name for value in self.inputs}
        self.nodes = []
        for node in graph.node:  # ONNX demands that nodes are sorted
            if live.intersection(_read(node)):
                live.update(node.output)
                self.nodes.append(node)
        self.maker = {value.name: -1 for value in self.inputs}
        self.maker |= {name: index for index, node in enumerate(self.nodes) for name in node.output if name}

    def names(self) -> tuple[str, ...]:
        return tuple(node.name or node.output[0] for node in self.nodes)

    def edges(self) -> NDArray[np.int64]:
        reads = [(k, name) for k, node in enumerate(self.nodes) for name in _read(node)]
        pairs = [(self.maker[name], k) for k, name in reads if name in self.maker]
        return np.array(list(dict.fromkeys(pairs)), np.int64).reshape(-1, 2)

    def input_bits(self) -> float:
        return float(sum(self._bits(value.name) for value in self.inputs))

    def output_bits(self) -> list[float]:
        """Bits of each node's results that are read or returned."""
        wanted = {name for node in self.graph.node for name in _read(node)} | {v.name for v in self.graph.output}
        return [float(sum(self._bits(name) for name in node.output if name in wanted)) for node in self.nodes]

    def outputs(self) -> list[int]:
        found = dict.fromkeys(self.maker.get(value.name, -1) for value in self.graph.output)
        return [index for index in found if index >= 0]

    def _bits(self, name: str) -> int:
        kind = self.types.get(name)
        tensor = kind.tensor_type if kind is not None else None
        if tensor is None or not tensor.HasField("shape"):
            raise InvalidProblemError(f"the shape of {name!r} is not in the model and cannot be inferred")
        type_name = self.kinds.Name(tensor.elem_type)
        if type_name not in _BITS:
            raise InvalidProblemError(f"{name!r} holds {type_name}; expected numbers")
        return _BITS[type_name] * math.prod(self._size(name, side) for side in tensor.shape.dim)

    def _size(self, name: str, side: Any) -> int:
        if side.HasField("dim_value"):
            return int(side.dim_value)
        if side.dim_param in self.sizes:
            return self.sizes[side.dim_param]
        said = repr(side.dim_param) if side.dim_param else "not named"
        raise InvalidProblemError(f"a size of {name!r} is {said}; give it: sizes={{{side.dim_param!r}: 1}}")


def _read(node: Any) -> list[str]:
    """Names that a node reads, those inside its branches and loops included."""
    found = [name for name in node.input if name]
    for attribute in node.attribute:
        for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
            found += [name for inner in graph.node for name in _read(inner)]
    return found
