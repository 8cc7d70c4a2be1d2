"""A network as units, one after the other: between two of them it can be cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.cached import cached_property

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from .dnn import LayerTable
    from .layer import Layer


@dataclass(frozen=True, eq=False)
class Chain:
    """A network with one output as a chain of units, cut wherever few enough tensors cross.

    A reshape costs nothing and changes no size, so it belongs to the unit before it.

    Attributes
    ----------
    table : LayerTable
        Its layers.
    max_tensors : int or None
        How many tensors may cross between two units; None for any number.
    """

    table: LayerTable
    max_tensors: int | None = 1

    @cached_property
    def cuts(self) -> NDArray[np.int64]:
        """(layers,) the cut of `table.cuts` that lies behind each layer."""
        graph = self.table.cuts.graph
        cuts: NDArray[np.int64] = np.cumsum([sum(node in graph.place for node in nodes) for nodes in self.table.nodes])
        return cuts

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """(units,) last layer of each unit."""
        crossings, cuts = self.table.cuts, self.cuts
        limit = np.inf if self.max_tensors is None else self.max_tensors
        possible = crossings.allowed[cuts] & (crossings.tensors[cuts] <= limit)
        before_reshape = np.array([layer.kind == "reshape" for layer in self.table.layers[1:]] + [False])
        possible &= ~before_reshape
        possible[-1] = True
        return np.flatnonzero(possible)

    @property
    def starts(self) -> NDArray[np.int64]:
        """(units,) first layer of each unit."""
        starts: NDArray[np.int64] = np.r_[0, self.ends[:-1] + 1]
        return starts

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name of each unit: its layer's, or what the names of its layers have in common."""
        return tuple(_joint_name(self.table.layers[part]) for part in self.parts())

    @cached_property
    def output_bits(self) -> NDArray[np.float64]:
        """(units + 1,) bits of the raw input, then of each unit's output: what crosses a link when it is cut there."""
        bits: NDArray[np.float64] = np.r_[self.table.input_bits, self.table.cuts.bits[self.cuts[self.ends]]]
        return bits

    @property
    def units(self) -> int:
        """Number of units."""
        return int(self.ends.size)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one pass."""
        return self.table.macs

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return self.table.parameters

    def frame(self) -> pd.DataFrame:
        """Return one row for each layer, with the number of its unit."""
        sizes = np.diff(np.r_[-1, self.ends])
        return self.table.frame().assign(unit=np.repeat(np.arange(self.units), sizes))

    def total(self, values: Sequence[float] | NDArray[Any]) -> NDArray[np.float64]:
        """(units,) sums of values given for each layer."""
        return np.add.reduceat(np.asarray(values, float), self.starts)

    def parts(self) -> list[slice]:
        """Layers of each unit."""
        return [slice(int(first), int(last) + 1) for first, last in zip(self.starts, self.ends, strict=True)]

    def __repr__(self) -> str:
        layers = len(self.table.layers)
        more = "split its layers as a GraphSplit, or cut it where several tensors cross: chain(max_tensors=None)"
        whole = f", no point to cut inside: {more}" if self.units == 1 < layers else ""
        return (
            f"Chain({self.units} unit{'s' * (self.units > 1)} of {layers} layers, {self.macs / 1e6:.4g} M MACs{whole})"
        )


def _joint_name(layers: Sequence[Layer]) -> str:
    """Return the layer's name; of several, their common module path with the first and the last of them."""
    names = [layer.name for layer in layers if layer.kind != "reshape"] or [layers[0].name]
    if len(names) == 1:
        return names[0]
    paths = [name.split(".") for name in names]
    common = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return f"{'.'.join(common)}[{names[0]}..{names[-1]}]" if common else f"{names[0]}..{names[-1]}"
