"""Parts of a program: a run of its operators as a torch module of its own.

A part takes what crosses the cut before it and gives what crosses the one behind it. It shares the model's parameters,
repeats the constants, sizes and views that it needs, and says before it runs when a tensor has another shape or type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ...model.errors import InvalidProblemError
from .observation import NUMBER, Value
from .operators import OperatorGraph, Sort
from .ports import EntryCheck, Port
from .program import attribute

if TYPE_CHECKING:
    from torch import fx

    from .crossing import Crossings


@dataclass(frozen=True)
class Piece:
    """A run of operators as a module, with what it takes and gives."""

    module: fx.GraphModule
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def pieces(crossings: Crossings, cuts: Sequence[int]) -> tuple[Piece, ...]:
    """Cut a graph at some of its cuts; the first piece takes the inputs, the last one gives the results.

    Raises
    ------
    InvalidProblemError
        If a cut separates a buffer that a call changes from what reads it.
    """
    bounds = [0, *cuts, len(crossings.graph.operators)]
    for cut in cuts:
        if not crossings.allowed[cut]:
            raise InvalidProblemError(
                f"cut {cut} separates a buffer that each call changes from an operator that reads it; cut elsewhere"
            )
    found: list[Piece] = []
    numbers: list[fx.Node] = []  # the later parts need them from the earlier ones
    results = list(crossings.graph.results)
    for first, last in reversed(list(pairwise(bounds))):
        entering = crossings.sent(first)
        leaving = (results if last == bounds[-1] and not found else crossings.sent(last)) + numbers
        builder = Builder(crossings.graph, range(first, last), entering)
        found.append(builder.piece(leaving))
        numbers = builder.numbers
    if numbers:
        raise InvalidProblemError(f"the size {numbers[0].name} cannot be known from the inputs")
    return tuple(reversed(found))


def run_pieces(found: Sequence[Piece], values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Run pieces one after the other; return what the last one gives."""
    import torch

    torch.manual_seed(0)
    for piece in found:
        result = piece.module(*values)
        values = result if isinstance(result, tuple) else (result,)
    return values


class Builder:
    """Copies operators, given by their indices, into a graph of their own."""

    def __init__(self, graph: OperatorGraph, run: Sequence[int], entering: list[fx.Node]) -> None:
        from torch import fx

        self.source, self.run, self.own = graph, run, frozenset(run)
        self.graph = fx.Graph()
        self.entering = entering
        self.numbers: list[fx.Node] = []
        self.copies = {node: self._placeholder(node) for node in entering}
        self.held: dict[str, Any] = {}

    def _placeholder(self, node: fx.Node) -> fx.Node:
        made = self.graph.placeholder(node.name)
        made.meta = {key: node.meta[key] for key in ("val",) if key in node.meta}
        return made

    def piece(self, leaving: list[fx.Node]) -> Piece:
        """Return the piece that gives some values."""
        from torch import fx

        for index in self.run:
            self.copied(self.source.operators[index])
        outputs = [self.copied(node) for node in leaving]
        self._write_buffers()
        self.graph.output(outputs[0] if len(outputs) == 1 else tuple(outputs))
        inputs = tuple(self._port(node) for node in [*self.entering, *self.numbers])
        module = fx.GraphModule(self.held, self.graph)
        module.eval()
        module.register_forward_pre_hook(EntryCheck(inputs))
        return Piece(module, inputs, tuple(self._port(node) for node in leaving))

    def copied(self, node: Any) -> fx.Node:
        """Return this part's copy of a node, which is made with all that it needs."""
        if node in self.copies:
            return self.copies[node]
        sort = self.source.sorts.get(node)
        if sort is Sort.NUMBER:
            self.copies[node] = self._number(node)
            return self.copies[node]
        outside = sort is Sort.OPERATOR and self.source.place[node] not in self.own
        if outside or sort in (Sort.INPUT, None):
            raise InvalidProblemError(f"{node.name} is needed behind a cut that does not hand it over")
        if node.op in ("get_attr", "call_module"):
            self.held[node.target] = attribute(self.source.program.module, node.target)
        made = self.graph.node_copy(node, self.copied)
        made.target = _without_strides(node.target)
        self.copies[node] = made
        return made

    def _number(self, node: fx.Node) -> Any:
        """Return a size: of a tensor that is here and has it, or computed from such sizes, or else handed over."""
        value = node.meta.get("val")
        if isinstance(value, int):
            return value
        if (known := self._side(value)) is not None:
            return known
        arguments = [source for source in node.all_input_nodes if self.source.sorts.get(source) is Sort.NUMBER]
        if arguments:
            return self.graph.node_copy(node, self.copied)
        tensor = node.all_input_nodes[0]
        sort, place = self.source.sorts.get(tensor), self.source.place.get(tensor, -1)
        if sort is Sort.OPERATOR and place in self.own:
            return self.graph.node_copy(node, self.copied)
        self.numbers.append(node)
        first = next((n for n in self.graph.nodes if n.op != "placeholder"), None)
        if first is None:
            return self._placeholder(node)
        with self.graph.inserting_before(first):
            return self._placeholder(node)

    def _side(self, value: Any) -> fx.Node | None:
        """Return a size that is a side, or a whole share of a side, of a tensor that entered."""
        import operator

        import torch

        wanted = value.node.expr
        for node in self.entering:
            for dimension, side in enumerate(getattr(node.meta.get("val"), "shape", ())):
                if isinstance(side, int):
                    continue
                times = side.node.expr / wanted
                if times.is_Integer and times > 0:
                    size = self.graph.call_function(torch.ops.aten.sym_size.int, (self.copies[node], dimension))
                    return size if times == 1 else self.graph.call_function(operator.floordiv, (size, int(times)))
        return None

    def _write_buffers(self) -> None:
        """Leave in the buffers what a call changes, where the operator is that computes it."""
        import torch

        present = set(self.source.nodes)
        for name, value in self.source.program.writes.items():
            if value in present and max(self.source.maker(value), 0) in self.own:
                self.held[name] = attribute(self.source.program.module, name)
                self.graph.call_function(torch.ops.aten.copy_.default, (self.graph.get_attr(name), self.copied(value)))

    def _port(self, node: fx.Node) -> Port:
        value = self.source.seen.values.get(node)
        if not isinstance(value, Value):
            return Port(node.name, (), None, 8 * NUMBER)
        traced = getattr(node.meta.get("val"), "shape", value.shape)
        fixed = not self.source.program.dynamic
        sides = tuple(size if fixed else _side(side) for side, size in zip(traced, value.shape, strict=True))
        if node in self.source.behind_opaque:  # of what such a module finds, there may be more or less
            sides = tuple(f"{node.name}_{dimension}" for dimension in range(len(value.shape)))
        results = self.source.results
        returned = tuple(index for index, result in enumerate(results) if result is node)
        return Port(node.name, value.shape, value.dtype, 8 * value.bytes, sides, returned)


def _side(side: Any) -> int | str:
    """Return a size of the trace: a number, also where torch found that a symbol can only be this one."""
    text = str(side)
    return int(text) if text.isdecimal() else text


def _without_strides(target: Any) -> Any:
    """Return an operation for any layout in memory: what came over a wire is contiguous, whatever it was before."""
    import torch

    aten = torch.ops.aten
    views = (aten.view.default, aten._unsafe_view.default, aten._reshape_copy.default)
    return aten.reshape.default if target in views else target
