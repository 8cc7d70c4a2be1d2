"""Layers and what they read: execution times and the edges of a network's data flow, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.errors import InvalidProblemError
from ...model.records import float_array, plain, read_only, require

if TYPE_CHECKING:
    from numpy.typing import NDArray


def exec_times(value: Any) -> NDArray[np.float64]:
    """Return (layers, tiers) execution times; inf where a tier cannot run a layer, which one of them has to.

    Raises
    ------
    InvalidProblemError
        If there are fewer than two tiers, a time is negative or nan, or a layer can run nowhere.
    """
    times = float_array(value, "exec_time", ndim=2, finite=False)
    if times.shape[0] < 1 or times.shape[1] < 2:
        raise InvalidProblemError(f"exec_time has shape {times.shape}; expected (layers >= 1, tiers >= 2)")
    require("exec_time", times, times >= 0, "must be a time in seconds, >= 0")
    nowhere = ~np.isfinite(times).any(axis=1)
    if nowhere.any():
        raise InvalidProblemError(f"exec_time[{int(nowhere.argmax())}] is inf on every tier; one has to run it")
    return times


def data_flow(value: Any, layers: int) -> NDArray[np.int64]:
    """Return (edges, 2) pairs of producer and consumer; producer -1 is the raw input.

    Raises
    ------
    InvalidProblemError
        If a layer does not exist, reads nothing or reads a tensor twice, or the graph has a cycle.
    """
    given = plain(value, "edges")
    if given.ndim != 2 or given.shape[1] != 2 or given.dtype.kind not in "iu":
        raise InvalidProblemError(
            f"edges is {given.dtype} of shape {given.shape}; expected (edges, 2) integers: producer, consumer"
        )
    edges = given.astype(np.int64)
    for k, (producer, consumer) in enumerate(edges.tolist()):
        if not (-1 <= producer < layers and 0 <= consumer < layers):
            raise InvalidProblemError(
                f"edges[{k}] is ({producer}, {consumer}); expected layers below {layers}, or -1 for the input"
            )
    if len(np.unique(edges, axis=0)) != len(edges):
        raise InvalidProblemError("edges holds a pair twice; a tensor is read once by each layer")
    silent = np.setdiff1d(np.arange(layers), edges[:, 1])
    if silent.size:
        raise InvalidProblemError(f"layer {int(silent[0])} reads nothing; it needs an edge from a layer, or from -1")
    _refuse_cycles(edges, layers)
    return read_only(edges)


def _refuse_cycles(edges: NDArray[np.int64], layers: int) -> None:
    """Take away layers that only read what is known; what remains runs in circles."""
    waiting = np.bincount(edges[edges[:, 0] >= 0, 1], minlength=layers)
    following: list[list[int]] = [[] for _ in range(layers)]
    for producer, consumer in edges.tolist():
        if producer >= 0:
            following[producer].append(consumer)
    ready = np.flatnonzero(waiting == 0).tolist()
    while ready:
        for consumer in following[ready.pop()]:
            waiting[consumer] -= 1
            if waiting[consumer] == 0:
                ready.append(consumer)
    if (waiting > 0).any():
        stuck = int((waiting > 0).argmax())
        raise InvalidProblemError(f"edges has a cycle through or before layer {stuck}; data flow has none")


def returned(value: Sequence[int] | None, edges: NDArray[np.int64], layers: int) -> tuple[int, ...]:
    """Return the layers whose results go back to the device: `value`, or those that nobody reads."""
    if value is None:
        return tuple(int(layer) for layer in np.setdiff1d(np.arange(layers), edges[:, 0]))
    outputs = tuple(int(layer) for layer in value)
    for k, layer in enumerate(outputs):
        if not 0 <= layer < layers:
            raise InvalidProblemError(f"outputs[{k}] is {layer}; expected a layer from 0 to {layers - 1}")
    return outputs
