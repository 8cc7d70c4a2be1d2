"""A part as an exported program: what its file holds, compared with the part before it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...model.errors import InvalidProblemError

if TYPE_CHECKING:
    import torch
    from torch import fx

    from ..capture.ports import Port
    from ..partition import Part


def exported(part: Part, *, checked: bool = True) -> torch.export.ExportedProgram:
    """Return a part as an exported program, for the sizes that the part takes.

    The program checks shapes and types where edgeopt is not at hand: types by operations of its own (unless not
    `checked`), shapes by what torch does before an exported program runs.

    Raises
    ------
    InvalidProblemError
        If torch cannot export the part, or the program gives something else than the part.
    """
    import torch

    from ..capture.reasons import reason
    from ..capture.state import at_rest

    module = _copy(part, checked)
    given, sizes = examples(part)
    try:
        with at_rest():
            program = torch.export.export(module, given, dynamic_shapes=sizes)
    except Exception as error:  # whatever torch raises
        raise InvalidProblemError(f"the part {name_of(part)} cannot be exported: {reason(error)}") from error
    program.example_inputs = None  # zeros of the size of all inputs, which would make the file larger
    # Guards are conditions under which torch traced the part with sizes of 2, among them "is not 1". Sizes that must be
    # equal are checked without them.
    program._guards_code = []
    _compare(part, program)
    return program


def examples(part: Part) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return inputs of a part, zeros, and for each its dimensions that may change; none of these has size 1."""
    import torch
    from torch.export import Dim

    nodes = [node for node in _graph_module(part).graph.nodes if node.op == "placeholder"]
    given: list[Any] = []
    sizes: list[Any] = []
    for node, port in zip(nodes, part.inputs, strict=True):
        traced = node.meta.get("val")
        if port.dtype is None:
            given.append(_hint(traced))
            sizes.append(Dim.AUTO)
            continue
        free = [dimension for dimension, side in enumerate(port.sides) if isinstance(side, str)]
        shape = [_hint(traced.shape[d]) if d in free and traced is not None else s for d, s in enumerate(port.shape)]
        given.append(torch.zeros(shape, dtype=port.dtype))
        sizes.append(dict.fromkeys(free, Dim.AUTO) or None)
    return tuple(given), tuple(sizes)


def _hint(size: Any) -> int:
    """Return the value that a size had in the trace."""
    return int(size.node.hint) if hasattr(size, "node") else int(size)


def _graph_module(part: Part) -> fx.GraphModule:
    from torch import fx

    if not isinstance(part.module, fx.GraphModule):
        raise InvalidProblemError(f"part.module is a {type(part.module).__name__}; expected what split_module gives")
    for node in part.module.graph.nodes:
        if node.op == "call_module":
            raise InvalidProblemError(
                f"the part holds {node.meta['opaque']} as it is, which no file can; run part.module where "
                "the model's source is"
            )
    return part.module


def _copy(part: Part, checked: bool) -> fx.GraphModule:
    """Return a copy of a part's graph, which checks the types of its inputs itself where that is asked for."""
    import torch
    from torch import fx

    source, graph = _graph_module(part), fx.Graph()
    graph.output(graph.graph_copy(source.graph, {}))
    placeholders = [node for node in graph.nodes if node.op == "placeholder"]
    with graph.inserting_after(placeholders[-1] if placeholders else None):
        for node, port in reversed(list(zip(placeholders, part.inputs, strict=True))):
            if checked and port.dtype is not None:
                check = torch.ops.aten._assert_tensor_metadata.default
                graph.call_function(check, (node, None, None, port.dtype))
    return fx.GraphModule(source, graph)


def _compare(part: Part, program: torch.export.ExportedProgram) -> None:
    """Raise unless a program gives what its part gives, on the example's sizes and on those of the trace."""
    import torch

    from ..capture.comparison import difference
    from ..capture.state import at_rest

    if writes_buffers(part):
        return  # a call changes the state that the part shares with the model
    module = program.module()
    for given in calls_of(part):
        with at_rest():
            torch.manual_seed(0)
            theirs = part.module(*given)
            torch.manual_seed(0)
            ours = module(*given)
        many = len(part.outputs) > 1
        for port, a, b in zip(part.outputs, ours if many else (ours,), theirs if many else (theirs,), strict=True):
            gap = difference(a, b) if port.dtype is not None else (None if a == b else f"{a} for {b}")
            if gap is not None:
                raise InvalidProblemError(f"the exported part {name_of(part)} differs: {port.name} by {gap}")


def calls_of(part: Part) -> Iterator[tuple[Any, ...]]:
    """Yield random inputs of the sizes of the trace and, where no size is handed over as a number, of the example."""
    traced = examples(part)[0]
    yield _drawn(traced, part.inputs)
    if all(port.dtype is not None for port in part.inputs):
        import torch

        yield _drawn(tuple(torch.zeros(port.shape) for port in part.inputs), part.inputs)


def writes_buffers(part: Part) -> bool:
    """Whether a call of a part changes a buffer."""
    import torch

    return any(node.target is torch.ops.aten.copy_.default for node in _graph_module(part).graph.nodes)


def _drawn(like: tuple[Any, ...], ports: tuple[Port, ...]) -> tuple[Any, ...]:
    """Return random tensors of some sizes; whole numbers are zeros, which every table of embeddings has."""
    import torch

    generator = torch.Generator().manual_seed(0)
    found: list[Any] = []
    for value, port in zip(like, ports, strict=True):
        if port.dtype is None:
            found.append(value)
        elif port.dtype.is_floating_point or port.dtype.is_complex:
            found.append(torch.randn(value.shape, generator=generator).to(port.dtype))
        else:
            found.append(torch.zeros(value.shape, dtype=port.dtype))
    return tuple(found)


def name_of(part: Part) -> str:
    """Return the units of a part in words."""
    return f"{part.units[0]} to {part.units[-1]}" if part.units else "of no units"
