"""Parts of a graph whose operators lie anywhere: groups that run one after the other, wherever their values come from.

A cut leaves all that came before it on one side. A placement does not: a branch may run elsewhere, and its result come
back. Each group takes what it needs from the groups before it and from the inputs, by the same rule as at a cut.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...model.errors import InvalidProblemError
from .crossing import cheapest, members_of
from .parts import Builder, Piece

if TYPE_CHECKING:
    from torch import fx

    from .crossing import Crossings
    from .operators import OperatorGraph


def scheduled(
    graph: OperatorGraph, tiers: dict[fx.Node, int], layers: dict[fx.Node, int]
) -> list[tuple[int, list[int]]]:
    """Return runs of operators, each on one tier, in an order in which all that an operator reads is there.

    The order stays on a tier as long as a layer there is ready, and takes the earliest layer else.

    Parameters
    ----------
    graph : OperatorGraph
        The operators.
    tiers, layers : dict
        Tier and layer of each operator that is to run; a layer is on one tier. What the others give is there.
    """
    members: dict[int, list[int]] = defaultdict(list)
    waits: dict[int, set[int]] = defaultdict(set)
    for operator, layer in layers.items():
        index = graph.place[operator]
        members[layer].append(index)
        makers = (graph.maker(source) for source in graph.reads(operator))
        needed = {layers.get(graph.operators[maker]) for maker in makers if maker >= 0}
        waits[layer] |= {other for other in needed if other is not None and other != layer}
    runs: list[tuple[int, list[int]]] = []
    left, done = sorted(members), set[int]()
    while left:
        ready = [layer for layer in left if waits[layer] <= done]
        tier_of = {layer: tiers[graph.operators[members[layer][0]]] for layer in ready}
        here = [layer for layer in ready if runs and tier_of[layer] == runs[-1][0]]
        layer = min(here or ready)
        if not here:
            runs.append((tier_of[layer], []))
        runs[-1][1].extend(members[layer])
        left.remove(layer)
        done.add(layer)
    return [(tier, sorted(run)) for tier, run in runs]


def placed_pieces(crossings: Crossings, groups: Sequence[Sequence[int]]) -> tuple[Piece, ...]:
    """Return a piece for each group of operators, in the order in which they run.

    Raises
    ------
    InvalidProblemError
        If the groups separate a buffer that a call changes from what reads it, or a size cannot be known in a group.
    """
    graph = crossings.graph
    group_of = {graph.operators[index]: number for number, group in enumerate(groups) for index in group}
    _require_whole_buffers(graph, group_of)
    passed = {result for result in graph.results if graph.maker(result) < 0}  # inputs that are returned
    entering = [_entering(crossings, group, set() if number else passed) for number, group in enumerate(groups)]
    leaving: list[dict[fx.Node, None]] = [{} for _ in groups]
    for node in [*(node for nodes in entering for node in nodes), *graph.results]:
        if (maker := graph.maker(node)) >= 0:
            leaving[group_of[graph.operators[maker]]][node] = None
        elif node in passed:
            leaving[0][node] = None
    found = []
    for group, taken, given in zip(groups, entering, leaving, strict=True):
        builder = Builder(graph, group, taken)
        found.append(builder.piece(list(given)))
        if builder.numbers:
            raise InvalidProblemError(
                f"the size {builder.numbers[0].name} cannot be known in a part that needs it; capture with dynamic=None"
            )
    return tuple(found)


def _entering(crossings: Crossings, group: Sequence[int], passed: set[fx.Node]) -> list[fx.Node]:
    """Return the cheapest values from which a group's operators can be computed."""
    graph, own = crossings.graph, frozenset(group)
    needed = passed | {source for index in group for source in graph.reads(graph.operators[index])}
    chosen: list[fx.Node] = []
    for root, tree in crossings.trees.items():
        if graph.maker(root) not in own:
            wanted = needed.intersection(members_of(tree, root))
            if wanted and graph.maker(root) < 0:  # no part before it makes a slice of an input
                chosen.append(root)
            else:
                chosen += cheapest(root, tree, wanted, crossings.bits_of)[1]
    return chosen


def _require_whole_buffers(graph: OperatorGraph, group_of: dict[fx.Node, int]) -> None:
    for name, value in graph.program.writes.items():
        maker = graph.maker(value)
        readers = {group_of[op] for op in graph.operators if any(c.target == name for c in graph.constants(op))}
        if value in graph.sorts and len(readers | ({group_of[graph.operators[maker]]} if maker >= 0 else set())) > 1:
            raise InvalidProblemError(f"buffer {name}, which each call changes, is used on several tiers; take one")
