"""Capture of any torch model as a graph of operators that equals it, with the work and the bytes of each.

The stages, one file each: the call (:mod:`.calls`), a copy that is settled (:mod:`.state`), a functional graph by the
first front end whose graph equals the model (:mod:`.routes`, :mod:`.recorder`, :mod:`.verify`), what it does on the
example (:mod:`.observation`, :mod:`.work`), its operators (:mod:`.operators`) and what crosses each cut
(:mod:`.crossing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...model.errors import InvalidProblemError

if TYPE_CHECKING:
    import torch

    from .calls import Call
    from .operators import OperatorGraph

Dynamic = str | Mapping[str, tuple[int, ...]] | None


@dataclass(frozen=True, eq=False)
class Capture:
    """A captured model.

    Attributes
    ----------
    graph : OperatorGraph
        Its operators.
    call : Call
        The example.
    route : str
        Front end that took it: ``export``, ``strict export`` or ``recorder``.
    dynamic : bool
        Whether the graph holds for other sizes of the dimensions that may change.
    notes : tuple of str
        What the user should know: modes, what was not compared.
    """

    graph: OperatorGraph
    call: Call
    route: str
    dynamic: bool
    notes: tuple[str, ...]


def capture(
    model: torch.nn.Module,
    example_input: Any,
    example_kwargs: Mapping[str, Any] | None = None,
    dynamic: Dynamic = "batch",
    opaque: Sequence[str] = (),
) -> Capture:
    """Capture `model` in eval mode as it runs on an example; the model itself is neither run nor changed.

    Parameters
    ----------
    model : torch.nn.Module
        Any model whose graph does not depend on the values of its inputs.
    example_input : Any
        A tuple holds the positional arguments, anything else is the only one: tensors, numbers, None, lists, dicts,
        dataclasses. What is no tensor is fixed by the capture.
    example_kwargs : mapping, optional
        Keyword arguments.
    dynamic : {"batch"}, mapping or None
        What may change: the first dimension of every tensor that shares it with the first one (the default), for each
        tensor by its name the dimensions given, or nothing.
    opaque : sequence of str
        Paths of modules inside the model that are kept whole, one operator each, where they have no fixed graph
        (non-maximum suppression, packed sequences). Their work is not known: ``register_work("opaque::path", …)`` says
        it. All else is captured for the sizes of the example.

    Raises
    ------
    InvalidProblemError
        If the model does not take the example, keeps state in attributes, or no front end gives a graph that equals
        it; names the line or the attribute.
    """
    import torch

    from .calls import Call
    from .observation import observe
    from .opaque import require_modules
    from .operators import OperatorGraph
    from .routes import captured
    from .state import at_rest, settle, working_copy

    if not isinstance(model, torch.nn.Module):
        raise InvalidProblemError(f"model is a {type(model).__name__}; expected a torch.nn.Module")
    require_modules(model, opaque)
    call = Call.of(model, example_input, example_kwargs)
    sizes = _sizes(call, dynamic)
    copy = working_copy(model)
    with at_rest():
        changed = settle(copy, call)
    program, notes = captured(copy, model, call, sizes, changed, opaque)
    training = sum(module.training for module in model.modules())
    if training:
        notes.insert(0, f"captured in eval mode; {training} of its modules are in training mode")
    with at_rest():
        seen = observe(program, call)
    graph = OperatorGraph(program, seen, tuple(range(len(program.outputs))))
    return Capture(graph, call, program.route, program.dynamic, tuple(notes))


def _sizes(call: Call, dynamic: Dynamic) -> list[tuple[int, ...]]:
    """Return the dimensions of each tensor that may change."""
    shapes = [tuple(tensor.shape) for tensor in call.tensors]
    if dynamic is None:
        return [()] * len(shapes)
    if isinstance(dynamic, str):
        if dynamic != "batch":
            raise InvalidProblemError(f"dynamic is {dynamic!r}; expected 'batch', dimensions by tensor, or None")
        batch = next((shape[0] for shape in shapes if shape), None)
        return [(0,) if shape and shape[0] == batch else () for shape in shapes]
    if unknown := set(dynamic) - set(call.names):
        raise InvalidProblemError(f"dynamic names {sorted(unknown)}; the call's tensors are {', '.join(call.names)}")
    found = [tuple(dynamic.get(name, ())) for name in call.names]
    for name, which, shape in zip(call.names, found, shapes, strict=True):
        if any(isinstance(d, bool) or not isinstance(d, int) or not 0 <= d < len(shape) for d in which):
            raise InvalidProblemError(f"dynamic[{name!r}] is {which}; {name} has dimensions 0 to {len(shape) - 1}")
    return found
