"""A captured program as operators in execution order, and what each value is to a cut.

Nodes are of four sorts. *Constants* depend on parameters and sizes only: whoever needs one computes it. *Numbers* are
sizes and what is computed from them: they cross for nothing. *Moves* are views and copies: they do no work and are done
on either side of a cut. *Operators* are the rest: a cut lies behind each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from ...model.cached import cached_property
from .names import operator_name
from .observation import NUMBER, Observation, Value
from .program import Program

if TYPE_CHECKING:
    from torch import fx

_COPYING = (
    "clone contiguous reshape flatten ravel _unsafe_view _reshape_alias _reshape_copy unsafe_split unsafe_chunk "
    "unsafe_split_with_sizes split_with_sizes_copy unbind_copy split_copy narrow_copy"
)
_COPIES = frozenset(f"aten::{name}" for name in _COPYING.split())
_SIZES = frozenset({"aten::sym_size", "aten::sym_numel", "aten::sym_stride"})


class Sort(Enum):
    """What a node is to a cut."""

    INPUT = "input"
    CONSTANT = "constant"
    NUMBER = "number"
    MOVE = "move"
    OPERATOR = "operator"


@dataclass(frozen=True, eq=False)
class OperatorGraph:
    """Operators of a program, or of those of its results that are asked for.

    Attributes
    ----------
    program : Program
        The captured program.
    seen : Observation
        Shapes, types and work on the example.
    outputs : tuple of int
        Which results are wanted.
    keep_outputs : bool
        Whether results that are ready before a cut go with it to the end; else they are delivered where they are made.
    """

    program: Program
    seen: Observation
    outputs: tuple[int, ...]
    keep_outputs: bool = True

    @cached_property
    def results(self) -> tuple[fx.Node, ...]:
        """Nodes of the wanted results."""
        found = self.program.outputs
        return tuple(found[index] for index in self.outputs)

    @cached_property
    def nodes(self) -> tuple[fx.Node, ...]:
        """All nodes on which a wanted result or a buffer of the whole program depends, in execution order."""
        whole = len(self.outputs) == len(self.program.outputs)
        needed: set[fx.Node] = set()
        stack = [*self.results, *(self.program.writes.values() if whole else ())]
        while stack:
            node = stack.pop()
            if node not in needed:
                needed.add(node)
                # A size is known without the tensor of which it is the size.
                stack += [] if operator_name(node) in _SIZES else node.all_input_nodes
        return tuple(node for node in self.program.module.graph.nodes if node in needed)

    @cached_property
    def sorts(self) -> dict[fx.Node, Sort]:
        """Sort of every node."""
        found: dict[fx.Node, Sort] = {}
        for node in self.nodes:
            found[node] = _sort(node, found, self.seen)
        return found

    @cached_property
    def operators(self) -> tuple[fx.Node, ...]:
        """Operators in execution order."""
        return tuple(node for node in self.nodes if self.sorts[node] is Sort.OPERATOR)

    @cached_property
    def place(self) -> dict[fx.Node, int]:
        """Index of each operator."""
        return {node: index for index, node in enumerate(self.operators)}

    @cached_property
    def inputs(self) -> tuple[fx.Node, ...]:
        """Placeholders that are used."""
        return tuple(node for node in self.nodes if node.op == "placeholder")

    @cached_property
    def behind_opaque(self) -> frozenset[fx.Node]:
        """Nodes that depend on a module that is kept whole."""
        found: set[fx.Node] = set()
        for node in self.nodes:
            if node.op == "call_module" or not found.isdisjoint(node.all_input_nodes):
                found.add(node)
        return frozenset(found)

    def base(self, node: fx.Node) -> fx.Node | None:
        """Value of which a move is a view or a copy; None for the result of an operator or an input.

        A list of views (``chunk``) is nothing that can be sent: its pieces are views of what was cut up.
        """
        if self.sorts[node] is not Sort.MOVE:
            return None
        source: fx.Node = node.all_input_nodes[0]
        while self.sorts[source] is Sort.MOVE and isinstance(self.seen.values.get(source), tuple):
            source = source.all_input_nodes[0]
        if node.target is _getitem() and self.sorts[source] is Sort.OPERATOR and source is node.args[0]:
            return None  # one of several results of an operator stands for itself
        return source

    def maker(self, node: fx.Node) -> int:
        """Index of the operator that makes a value, through moves; -1 for an input."""
        while self.sorts[node] is Sort.MOVE:
            node = node.all_input_nodes[0]
        return self.place.get(node, -1)

    def bytes(self, node: fx.Node) -> int:
        """Bytes of a value; of several, of those that are used."""
        value = self.seen.values.get(node)
        if isinstance(value, Value):
            return value.bytes
        return NUMBER if value is None else sum(part.bytes for part in value if part is not None)

    def reads(self, node: fx.Node) -> Iterator[fx.Node]:
        """Values that depend on the input and that a node reads; for a list of views, what they are views of."""
        for source in node.all_input_nodes:
            if self.sorts[source] in (Sort.CONSTANT, Sort.NUMBER):
                continue
            several = isinstance(self.seen.values.get(source), tuple)
            yield source.all_input_nodes[0] if several and self.sorts[source] is Sort.MOVE else source

    @cached_property
    def values(self) -> tuple[fx.Node, ...]:
        """Everything that could cross a cut: inputs, results of operators (each of several), views of them."""
        several = {n for n in self.nodes if isinstance(self.seen.values.get(n), tuple)}
        crossing = (Sort.INPUT, Sort.MOVE, Sort.OPERATOR)
        return tuple(node for node in self.nodes if self.sorts[node] in crossing and node not in several)

    def constants(self, node: fx.Node) -> set[fx.Node]:
        """Constant nodes (parameters among them) on which a node depends through constants and moves only."""
        found: set[fx.Node] = set()
        stack = list(node.all_input_nodes)
        while stack:
            source = stack.pop()
            if self.sorts[source] is Sort.CONSTANT and source not in found:
                found.add(source)
                stack += source.all_input_nodes
        return found

    def up_to(self, outputs: Iterable[int]) -> OperatorGraph:
        """Return the part of the graph on which some of its results depend."""
        return OperatorGraph(self.program, self.seen, tuple(outputs), self.keep_outputs)


def _sort(node: fx.Node, sorts: dict[fx.Node, Sort], seen: Observation) -> Sort:
    if node.op == "placeholder":
        return Sort.INPUT
    if node.op == "get_attr":
        return Sort.CONSTANT
    name = operator_name(node)
    if name in _SIZES:
        return Sort.NUMBER
    sources = [sorts[source] for source in node.all_input_nodes]
    is_tensor = node in seen.values
    if _is_random(node):
        return Sort.OPERATOR
    if not is_tensor:  # a number; read from a tensor, it is an operator's result of eight bytes
        if all(source is Sort.NUMBER for source in sources):
            return Sort.NUMBER
        constant = all(source in (Sort.NUMBER, Sort.CONSTANT) for source in sources)
        return Sort.CONSTANT if constant else Sort.OPERATOR
    if all(source in (Sort.NUMBER, Sort.CONSTANT) for source in sources):
        return Sort.CONSTANT
    return Sort.MOVE if _moves(node, name, sorts) else Sort.OPERATOR


def _moves(node: fx.Node, name: str, sorts: dict[fx.Node, Sort]) -> bool:
    """Whether a node only rearranges the first of its inputs, and nothing else enters it but numbers."""
    tensors = [s for s in node.all_input_nodes if sorts[s] is not Sort.NUMBER]
    if len(tensors) != 1 or tensors[0] is not node.args[0]:
        return False
    if node.target is _getitem():
        return True
    # as_strided reads the memory that lies under a tensor, which is another one behind a wire.
    is_view = bool(getattr(node.target, "is_view", False)) and name != "aten::as_strided"
    return is_view or name in _COPIES


def _is_random(node: fx.Node) -> bool:
    import torch

    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def _getitem() -> Any:
    import operator

    return operator.getitem
