"""What crosses a cut, and what all cuts cost.

Behind a cut a value is needed if an operator or a result there reads it. Views are made on either side for nothing, so
of each tensor that operators make, and of each input, the cheapest set of views is sent from which all needed ones
follow: a slice where only the slice is needed, the tensor before it was expanded, a tensor once for all its pieces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...model.cached import cached_property
from .observation import NUMBER, Value

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from torch import fx

    from .operators import OperatorGraph


@dataclass(frozen=True, eq=False)
class Crossings:
    """Cuts of an operator graph: cut `k` has the first `k` operators on its left, from 0 to their number.

    Attributes
    ----------
    graph : OperatorGraph
        The operators.
    word_bits : int or None
        Bits of a floating-point number on the link; its own by default.
    """

    graph: OperatorGraph
    word_bits: int | None = None

    @property
    def count(self) -> int:
        """Number of cuts, those before the first operator and behind the last included."""
        return len(self.graph.operators) + 1

    @cached_property
    def last_readers(self) -> dict[fx.Node, int]:
        """Index of the last operator that reads a value itself; the number of operators for a result."""
        found: dict[fx.Node, int] = {}
        end = len(self.graph.operators)
        for index, operator in enumerate(self.graph.operators):
            for source in self.graph.reads(operator):
                found[source] = index
        for result in self.graph.results:
            if self.graph.keep_outputs or self.graph.maker(result) < 0:
                found[result] = end
        return found

    @cached_property
    def trees(self) -> dict[fx.Node, dict[fx.Node, list[fx.Node]]]:
        """For each tensor that an operator makes and each input: the views of every value of it that are used."""
        found: dict[fx.Node, dict[fx.Node, list[fx.Node]]] = {}
        roots: dict[fx.Node, fx.Node] = {}
        for value in self.graph.values:
            base = self.graph.base(value)
            roots[value] = value if base is None else roots.get(base, base)
            tree = found.setdefault(roots[value], {roots[value]: []})
            if base is not None:
                tree.setdefault(base, []).append(value)
        return found

    def sent(self, cut: int) -> list[fx.Node]:
        """Return the values that cross a cut, in execution order; before the first operator, the inputs as they are."""
        if cut == 0:
            return list(self.graph.inputs)
        chosen: list[fx.Node] = []
        for root, tree in self.trees.items():
            if self.graph.maker(root) < cut:
                needed = {value for value in members_of(tree, root) if self.last_readers.get(value, -1) >= cut}
                chosen += cheapest(root, tree, needed, self.bits_of)[1]
        order = {node: index for index, node in enumerate(self.graph.nodes)}
        return sorted(chosen, key=order.__getitem__)

    def bits_of(self, node: fx.Node) -> float:
        """Bits of a value on the link."""
        value = self.graph.seen.values.get(node)
        return value.bits(self.word_bits) if isinstance(value, Value) else 8.0 * NUMBER

    @cached_property
    def _costs(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """(cuts,) bits and tensors that cross; per tensor, only cuts are looked at behind which less is needed."""
        bits, tensors = np.zeros(self.count + 1), np.zeros(self.count + 1, np.int64)
        for root, tree in self.trees.items():
            members = members_of(tree, root)
            first = self.graph.maker(root) + 1
            ends = sorted({self.last_readers[value] for value in members if value in self.last_readers})
            start = first
            for end in ends:
                stop = min(end + 1, self.count)
                if stop > start:
                    needed = {value for value in members if self.last_readers.get(value, -1) >= end}
                    cost, chosen = cheapest(root, tree, needed, self.bits_of)
                    bits[start] += cost
                    bits[stop] -= cost
                    tensors[start] += len(chosen)
                    tensors[stop] -= len(chosen)
                    start = stop
        return np.cumsum(bits)[:-1], np.cumsum(tensors)[:-1]

    @cached_property
    def bits(self) -> NDArray[np.float64]:
        """(cuts,) bits that cross; those of the inputs as they are before the first operator."""
        found = self._costs[0].copy()
        found[0] = sum(self.bits_of(node) for node in self.graph.inputs)
        return found

    @cached_property
    def tensors(self) -> NDArray[np.int64]:
        """(cuts,) number of tensors that cross."""
        found = self._costs[1].copy()
        found[0] = len(self.graph.inputs)
        return found

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """(cuts,) whether a cut leaves every buffer that a call changes on one side, with all that read it."""
        found = np.ones(self.count, bool)
        written = self.graph.program.writes
        present = set(self.graph.nodes)
        readers = defaultdict(list)
        for index, operator in enumerate(self.graph.operators):
            for source in self.graph.constants(operator):
                readers[source.target].append(index)
        for name, value in written.items():
            if value in present:
                using = [*readers[name], max(self.graph.maker(value), 0)]
                found[min(using) + 1 : max(using) + 1] = False
        return found

    @cached_property
    def macs(self) -> NDArray[np.int64]:
        """(cuts, 2) multiply-accumulates on the left and on the right, of constants wherever they are needed."""
        own = [self.graph.seen.macs.get(operator) or 0 for operator in self.graph.operators]
        constants: dict[fx.Node, tuple[int, int, int]] = {}
        for index, operator in enumerate(self.graph.operators):
            for source in self.graph.constants(operator):
                first = constants.get(source, (index, 0, 0))[0]
                constants[source] = (first, index, self.graph.seen.macs.get(source) or 0)
        return _both_sides(own, constants.values())

    @cached_property
    def parameters(self) -> NDArray[np.int64]:
        """(cuts, 2) parameters that the left and the right hold; one that both need is counted for both."""
        from .parameters import parameter_sizes

        used: dict[int, tuple[int, int, int]] = {}
        for index, operator in enumerate(self.graph.operators):
            for identity, size in parameter_sizes(self.graph, operator).items():
                used[identity] = (used.get(identity, (index, 0, 0))[0], index, size)
        return _both_sides([0] * len(self.graph.operators), used.values())

    def frame(self) -> pd.DataFrame:
        """Return one row for each cut: the operator before it, what crosses, and what either side does and holds."""
        import pandas as pd

        from .names import operator_names

        macs, parameters = self.macs, self.parameters
        return pd.DataFrame(
            {
                "behind": ["input", *operator_names(self.graph)],
                "bits": self.bits,
                "tensors": self.tensors,
                "allowed": self.allowed,
                "left_macs": macs[:, 0],
                "right_macs": macs[:, 1],
                "left_parameters": parameters[:, 0],
                "right_parameters": parameters[:, 1],
            }
        )


def members_of(tree: dict[fx.Node, list[fx.Node]], root: fx.Node) -> list[fx.Node]:
    """Return a value and all views of it, every one before its own views."""
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        found.append(node)
        stack += tree.get(node, [])
    return found


def cheapest(
    root: fx.Node, tree: dict[fx.Node, list[fx.Node]], needed: Collection[fx.Node], bits: Callable[[fx.Node], float]
) -> tuple[float, list[fx.Node]]:
    """Return cost and members of the cheapest set of views from which all needed ones can be made.

    From the leaves up: a value that is needed itself must be sent or made from one before it; else it is sent where it
    is not dearer than the views of it that are.
    """
    best: dict[fx.Node, tuple[float, list[fx.Node]]] = {}
    for node in reversed(members_of(tree, root)):
        parts = [best[view] for view in tree.get(node, [])]
        views = sum(cost for cost, _ in parts), [value for _, chosen in parts for value in chosen]
        own = bits(node)
        if node in needed or (views[1] and own <= views[0]):
            best[node] = own, [node]
        else:
            best[node] = views
    return best[root]


def _both_sides(own: list[int], ranges: Collection[tuple[int, int, int]]) -> NDArray[np.int64]:
    """(cuts, 2) sums left and right of each cut: of values of operators, and of values used from one to another."""
    count = len(own)
    steps = np.zeros((count + 2, 2), np.int64)
    for index, value in enumerate(own):
        steps[index + 1, 0] += value
        steps[0, 1] += value
        steps[index + 1, 1] -= value
    for first, last, value in ranges:
        steps[first + 1, 0] += value
        steps[0, 1] += value
        steps[last + 1, 1] -= value
    return np.cumsum(steps, axis=0)[: count + 1]
