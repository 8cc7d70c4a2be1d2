"""Bytes that tiers hold: the weights of all their layers, and what is live while one of them runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.errors import InvalidProblemError
from ...model.records import float_array, require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def held_word(columns: Any, runs: Any, layers: int, device: Any = None, read: Any = None) -> Any:
    """Return the word ``held(weight_bytes, activation_bytes=None)`` of side constraints.

    With weights alone it is (tiers,) bytes, with activations (layers, tiers): all weights and what is live while that
    layer runs, of which the maximum is what the tier needs.

    Parameters
    ----------
    runs : (layers * tiers, columns) sparse
        Placement indicators, layer by layer.
    device : (layers, tiers) float, optional
        Their constants.
    read : function of a value and its field's name, optional
        Gives (layers,) bytes; :func:`layer_bytes` by default.
    """
    tiers, bytes_of = runs.shape[0] // layers, read or partial(layer_bytes, layers=layers)

    def held(weight_bytes: Any, activation_bytes: Any = None) -> Any:
        weights, sizes = bytes_of(weight_bytes, "weight_bytes")[None], {"tiers": tiers}
        if activation_bytes is not None:
            live = bytes_of(activation_bytes, "activation_bytes")
            weights, sizes = np.tile(weights, (layers, 1)) + np.diag(live), {"layers": layers, "tiers": tiers}
        rows = sparse.csr_array(sparse.kron(weights, sparse.eye_array(tiers)))
        offset = 0.0 if device is None else (rows @ np.ravel(device)).reshape(*sizes.values())
        return columns.linear(rows @ runs, offset=offset, **sizes)

    return held


def layer_bytes(value: Any, field: str, layers: int) -> NDArray[np.float64]:
    """Return (layers,) bytes.

    Raises
    ------
    InvalidProblemError
        If there is not one number for each layer, or one is negative.
    """
    array = float_array(value, field)
    if array.shape != (layers,):
        raise InvalidProblemError(f"{field} has shape {array.shape}; expected ({layers},), one for each layer")
    require(field, array, array >= 0, "must be a number of bytes, >= 0")
    return array


def node_bytes(value: Any, field: str, nodes_of: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return (nodes,) bytes of a tree's layers from those of each exit's layers; a shared layer is held once.

    Raises
    ------
    InvalidProblemError
        If there is not one array for each exit, or a layer that exits share has different bytes in them.
    """
    if len(value) != len(nodes_of):
        raise InvalidProblemError(
            f"{field} has {len(value)} entries; expected {len(nodes_of)}, one array for each exit"
        )
    found = np.full(1 + max(int(nodes.max()) for nodes in nodes_of), np.nan)
    for k, (own, nodes) in enumerate(zip(value, nodes_of, strict=True)):
        array = layer_bytes(own, f"{field}[{k}]", nodes.size)
        same = np.isnan(found[nodes]) | (found[nodes] == array)
        require(f"{field}[{k}]", array, same, "must be that of the same layer in the exits before")
        found[nodes] = array
    return found
