"""From an operator graph to its layer table: what people call a layer, a row each.

A call of a module of torch's own (``torch.nn.Conv2d``, ``MultiheadAttention``) is one layer, however many operators it
runs; in a module of the user's own, every operator is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from .capture.names import function_name, module_of, operator_name, unique
from .capture.observation import Value
from .capture.operators import OperatorGraph, Sort
from .capture.parameters import parameter_sizes
from .layer import Layer
from .layer_kinds import CONTAINERS, kind_of, shape_details

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import fx


@dataclass
class Row:
    """Nodes of one layer.

    Attributes
    ----------
    name : str
        Path of the module, or the path of the user's module and the operation.
    module : str
        Class of the module of torch; empty for an operator by itself.
    call : str
        Which call of the module.
    nodes : list of torch.fx.Node
        Operators and moves.
    """

    name: str
    module: str
    call: str
    nodes: list[fx.Node]


def rows_of(graph: OperatorGraph, grouped: bool) -> list[Row]:
    """Return the layers of a graph in execution order; every operator by itself unless `grouped`."""
    rows: list[Row] = []
    places: dict[fx.Node, Row] = {}
    for node in graph.nodes:
        if graph.sorts[node] not in (Sort.MOVE, Sort.OPERATOR) or _is_list_of_views(graph, node):
            continue
        call, path, kind = module_of(node)
        own = grouped and kind.startswith(("torch.nn.modules.", "torch.ao.nn.")) and not kind.endswith(CONTAINERS)
        source = node.all_input_nodes[0] if node.all_input_nodes else None
        if rows and ((own and rows[-1].call == call) or _goes_on(graph, node, rows[-1])):
            rows[-1].nodes.append(node)
        elif source in places and graph.base(node) is None and graph.sorts[node] is Sort.MOVE:
            places[source].nodes.append(node)  # one of several results of an operator
        else:
            plain = function_name(node)
            name = path if own or node.op == "call_module" else f"{path}.{plain}" if path else plain
            rows.append(Row(name, kind.rpartition(".")[2] if own else "", call if own else "", [node]))
        places[node] = next(row for row in reversed(rows) if node in row.nodes)
    for row, name in zip(rows, unique([row.name for row in rows]), strict=True):
        row.name = name
    return rows


def _goes_on(graph: OperatorGraph, node: fx.Node, row: Row) -> bool:
    """Whether a view is made from the views of a row and nothing else is: a transpose of a reshape is one reshape."""
    last = row.nodes[-1]
    moves = all(graph.sorts[value] is Sort.MOVE for value in (node, *row.nodes))
    return moves and not row.module and graph.base(node) is last and len(last.users) == 1


def _is_list_of_views(graph: OperatorGraph, node: fx.Node) -> bool:
    return graph.sorts[node] is Sort.MOVE and isinstance(graph.seen.values.get(node), tuple)


@dataclass
class Rows:
    """What a table is made of: layers, data flow, results, and the nodes of each layer."""

    layers: tuple[Layer, ...]
    edges: NDArray[np.int64]
    outputs: tuple[int, ...]
    nodes: tuple[tuple[fx.Node, ...], ...]


def read_layers(graph: OperatorGraph, word_bits: int | None, grouped: bool = True) -> Rows:
    """Return the layers of a captured model, their edges and the results.

    Raises
    ------
    InvalidProblemError
        If there is no layer: the model returns its inputs, or constants.
    """
    rows = rows_of(graph, grouped)
    place = {node: index for index, row in enumerate(rows) for node in row.nodes}
    outputs = tuple(place[node] for node in graph.results if node in place)
    if not outputs:
        raise InvalidProblemError("the model returns its input: there is no layer to place")
    edges: set[tuple[int, int]] = set()
    leaving: list[dict[fx.Node, None]] = [{} for _ in rows]
    entering: list[dict[fx.Node, None]] = [{} for _ in rows]
    for index, row in enumerate(rows):
        for source in _sources(graph, row):
            producer = place.get(source, -1)
            if producer != index:
                edges.add((producer, index))
                entering[index][source] = None
                if producer >= 0:
                    leaving[producer][source] = None
    for node in graph.results:
        if node in place:
            leaving[place[node]][node] = None
    counted: set[int] = set()
    layers = [
        _layer(graph, row, list(taken), list(given), counted, word_bits)
        for row, taken, given in zip(rows, entering, leaving, strict=True)
    ]
    return Rows(
        tuple(layers),
        np.array(sorted(edges), np.int64).reshape(-1, 2),
        outputs,
        tuple(tuple(row.nodes) for row in rows),
    )


def _sources(graph: OperatorGraph, row: Row) -> Iterator[fx.Node]:
    """Yield the values that a layer reads; what was only made larger (``expand``) by what it was made from."""
    for node in row.nodes:
        for read in graph.reads(node):
            source = read
            while (base := graph.base(source)) is not None and graph.bytes(source) > graph.bytes(base):
                source = base
            yield source


def _layer(
    graph: OperatorGraph,
    row: Row,
    entering: list[fx.Node],
    leaving: list[fx.Node],
    counted: set[int],
    word_bits: int | None,
) -> Layer:
    operators = [node for node in row.nodes if graph.sorts[node] is Sort.OPERATOR]
    taken = [value for node in entering for value in _values(graph, node)]
    given = [value for node in leaving or row.nodes[-1:] for value in _values(graph, node)]
    macs = sum(_work(graph, node, counted) for node in operators)
    kind = kind_of(graph, row.module, operators)
    details = shape_details(graph, kind, operators)
    if kind == "conv" and details.get("groups", 1) > 1 and details["groups"] == details["in_channels"]:
        kind = "depthwise_conv"
    elementwise = 0 if kind == "reshape" else sum(value.elements for value in given)
    return Layer(
        name=row.name,
        kind=kind,
        input_bits=sum(value.bits(word_bits) for value in taken),
        output_bits=sum(value.bits(word_bits) for value in given),
        parameters=_new_parameters(graph, operators, counted),
        macs=macs,
        flops=2 * macs or elementwise,
        input_shape=taken[0].shape if taken else (),
        output_shape=given[0].shape if given else (),
        **details,
    )


def _values(graph: OperatorGraph, node: fx.Node) -> list[Value]:
    found = graph.seen.values.get(node)
    if isinstance(found, Value):
        return [found]
    return [value for value in found or () if value is not None]


def _work(graph: OperatorGraph, operator: fx.Node, counted: set[int]) -> int:
    """MACs of an operator, and of the constants that no operator before has needed."""
    total = graph.seen.macs.get(operator) or 0
    for source in graph.constants(operator):
        if id(source) not in counted:
            counted.add(id(source))
            total += graph.seen.macs.get(source) or 0
    return total


def _new_parameters(graph: OperatorGraph, operators: list[fx.Node], counted: set[int]) -> int:
    """Parameters that no layer before has used."""
    total = 0
    for operator in operators:
        for identity, size in parameter_sizes(graph, operator).items():
            if identity not in counted:
                counted.add(identity)
                total += size
    return total


def uncounted_of(graph: OperatorGraph, nodes: Any) -> dict[str, int]:
    """Return how often each operation occurs among nodes of which nothing is known."""
    from collections import Counter

    return dict(Counter(operator_name(n) for n in nodes if graph.seen.macs.get(n, 0) is None))
