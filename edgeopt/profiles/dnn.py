"""Layer tables: what a network costs layer by layer, and where it can be cut.

A table lists the layers of a torch model in execution order with sizes, parameters, MACs and FLOPs, and the graph of
data flow between them. Where exactly one tensor crosses, the network can be cut: between two such points lies a
*unit*, a single layer or a whole residual block. Where several do it can be cut too, if that is asked for. A
:class:`Chain` is a network seen as its units, one after the other.

Convention: a multiply-accumulate (MAC) is two FLOPs, as torch's own FLOP counter has it; every other operation counts
one FLOP for each element of its output, and reshaping none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.cached import cached_property
from ..model.errors import InvalidProblemError
from .capture import Capture, Dynamic, capture
from .capture.crossing import Crossings
from .chain import Chain
from .layer import Layer
from .table_reader import read_layers, uncounted_of

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from numpy.typing import NDArray
    from torch import fx

__all__ = ["Chain", "LayerTable"]


@dataclass(frozen=True, eq=False)
class LayerTable:
    """The layers of a network in execution order, and its data flow.

    A layer is a call of one of torch's own modules, or an operator of a module of the user's. Layers that no result
    depends on are not in the table. The operators beneath and all their cuts are in `cuts`.

    Attributes
    ----------
    layers : tuple of Layer
        In execution order.
    edges : (edges, 2) int
        Producer and consumer of each tensor; producer -1 is the network's input. Sizes are numbers and no edges; what
        was only made larger (``expand``) is read from the layer before.
    outputs : tuple of int
        Layers whose results the network returns, in its own order; one for each exit.
    input_bits : float
        Bits of the raw input.
    uncounted : dict
        How often each operation occurs whose work is not known:
        :func:`~edgeopt.profiles.capture.work.register_work` takes its formula.
    notes : tuple of str
        What the capture has to say: modes, what could not be compared with the model.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    >>> table = LayerTable.from_module(model, torch.zeros(1, 4))
    >>> table.macs, table.parameters, table.names
    (12, 15, ('0', '1'))
    >>> table.chain().output_bits
    array([128.,  96.,  96.])
    """

    layers: tuple[Layer, ...]
    edges: NDArray[np.int64]
    outputs: tuple[int, ...]
    input_bits: float
    cuts: Crossings = field(repr=False)
    nodes: tuple[tuple[fx.Node, ...], ...] = field(repr=False)
    notes: tuple[str, ...] = ()

    @classmethod
    def from_module(
        cls,
        model: torch.nn.Module,
        example_input: Any = None,
        word_bits: int | None = None,
        *,
        example_kwargs: Mapping[str, Any] | None = None,
        dynamic: Dynamic = "batch",
        operators: bool = False,
        keep_outputs: bool = True,
        opaque: Sequence[str] = (),
    ) -> LayerTable:
        """Capture `model` as it runs on an example, in eval mode; the model itself stays as it is.

        Parameters
        ----------
        model, example_input, example_kwargs, dynamic, opaque
            As in :func:`~edgeopt.profiles.capture.capture`.
        word_bits : int, optional
            Bits of a floating-point number on a link; those of its own type by default.
        operators : bool
            Whether every operator is a layer of its own, also inside torch's modules.
        keep_outputs : bool
            Whether a result that is ready before a cut crosses it, to be returned at the end; else it is delivered
            where it is made.

        Raises
        ------
        InvalidProblemError
            If the model cannot be captured or the input does not fit.
        """
        captured = capture(model, example_input, example_kwargs, dynamic, opaque)
        return cls.of(captured, word_bits, operators=operators, keep_outputs=keep_outputs)

    @classmethod
    def of(
        cls,
        captured: Capture,
        word_bits: int | None = None,
        *,
        operators: bool = False,
        keep_outputs: bool = True,
    ) -> LayerTable:
        """Return the table of a captured model."""
        if word_bits is not None and (isinstance(word_bits, bool) or not isinstance(word_bits, int) or word_bits < 1):
            raise InvalidProblemError(f"word_bits is {word_bits!r}; expected a whole number of bits, >= 1")
        cuts = Crossings(replace(captured.graph, keep_outputs=keep_outputs), word_bits)
        rows = read_layers(cuts.graph, word_bits, grouped=not operators)
        return cls(rows.layers, rows.edges, rows.outputs, float(cuts.bits[0]), cuts, rows.nodes, captured.notes)

    @cached_property
    def uncounted(self) -> dict[str, int]:
        """How often each operation occurs whose work is not known."""
        return uncounted_of(self.cuts.graph, self.cuts.graph.nodes)

    def require_counted(self) -> None:
        """Raise unless the work of every operation is known.

        Raises
        ------
        InvalidProblemError
            Names the operations, and what to register.
        """
        if self.uncounted:
            said = ", ".join(f"{name} ({count} times)" for name, count in self.uncounted.items())
            raise InvalidProblemError(
                f"the work of {said} is not known, so neither are time and energy; say it with "
                f"edgeopt.profiles.capture.work.register_work({next(iter(self.uncounted))!r}, "
                f"lambda result, *args: macs)"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(layer.name for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one pass."""
        return sum(layer.macs for layer in self.layers)

    @property
    def flops(self) -> int:
        """Floating-point operations of one pass."""
        return sum(layer.flops for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(layer.parameters for layer in self.layers)

    def frame(self) -> pd.DataFrame:
        """Return one row for each layer, its attributes as columns."""
        import pandas as pd

        return pd.DataFrame([asdict(layer) for layer in self.layers])

    @cached_property
    def cut_points(self) -> NDArray[np.int64]:
        """(cuts,) layers after which exactly one tensor is alive: behind each of them the network can be cut."""
        return np.flatnonzero(self._alive == 1)

    @cached_property
    def _alive(self) -> NDArray[np.int64]:
        """(layers,) number of tensors that are still needed after each layer, results included."""
        count = len(self.layers)
        last = np.full(count + 1, -1)
        np.maximum.at(last, self.edges[:, 0] + 1, self.edges[:, 1])
        for output in self.outputs:
            last[output + 1] = count
        alive = np.zeros(count + 1, np.int64)
        for producer, until in enumerate(last, start=-1):
            if until > producer:
                alive[max(producer, 0)] += 1
                alive[until] -= 1
        return np.cumsum(alive)[:count]

    @property
    def is_chain(self) -> bool:
        """Whether every layer is a unit of its own: the network can be cut behind each of them."""
        return len(self.cut_points) == len(self.layers)

    def chain(self, output: int = -1, max_tensors: int | None = 1) -> Chain:
        """Return the network up to one of its outputs as a chain of units.

        Parameters
        ----------
        output : int
            Which output, for a network with several exits.
        max_tensors : int or None
            How many tensors may cross a cut between two units; None for any number.
        """
        if not -len(self.outputs) <= output < len(self.outputs):
            raise InvalidProblemError(f"output {output} does not exist; the network has {len(self.outputs)}")
        if max_tensors is not None and (isinstance(max_tensors, bool) or max_tensors < 1):
            raise InvalidProblemError(f"max_tensors is {max_tensors!r}; expected a whole number >= 1, or None")
        return Chain(self._up_to(output), max_tensors)

    def exits(self) -> tuple[Chain, ...]:
        """Return one chain for each output, in the network's order; common layers have the same names in all."""
        return tuple(self.chain(k) for k in range(len(self.outputs)))

    def _up_to(self, output: int) -> LayerTable:
        """Return the table of the layers on which one of the outputs depends."""
        cuts = Crossings(self.cuts.graph.up_to([self.cuts.graph.outputs[output]]), self.cuts.word_bits)
        needed = set(cuts.graph.nodes)
        kept = [index for index, nodes in enumerate(self.nodes) if not needed.isdisjoint(nodes)]
        place = {layer: index for index, layer in enumerate(kept)} | {-1: -1}
        edges = [(place[int(p)], place[int(c)]) for p, c in self.edges if int(c) in place and int(p) in place]
        return LayerTable(
            tuple(self.layers[layer] for layer in kept),
            np.array(edges, np.int64).reshape(-1, 2),
            (place[self.outputs[output]],),
            float(cuts.bits[0]),
            cuts,
            tuple(tuple(node for node in self.nodes[layer] if node in needed) for layer in kept),
            self.notes,
        )

    def __repr__(self) -> str:
        units = "a chain" if self.is_chain else f"{len(self.cut_points)} points to cut"
        exits = f", {len(self.outputs)} exits" if len(self.outputs) > 1 else ""
        return (
            f"LayerTable({len(self.layers)} layers, {units}{exits}, {self.macs / 1e6:.4g} M MACs, "
            f"{self.parameters / 1e6:.4g} M parameters{self._said_uncounted()})"
        )

    def _said_uncounted(self) -> str:
        return "".join(f", uncounted: {name} x {count}" for name, count in self.uncounted.items())
