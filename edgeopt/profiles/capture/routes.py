"""Front ends in their order: export, strict export, and the record of what ran.

A program is taken only if it gives what the model gives (:mod:`.verify`); else the next way is tried, and if none is
left the model is refused with what each of them said.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Any

from ...model.errors import InvalidProblemError
from . import program as programs
from .aliasing import can_be_rewritten
from .calls import tensors_in
from .reasons import reason
from .recorder import recorded
from .state import at_rest, working_copy
from .verify import DifferenceError, verify

if TYPE_CHECKING:
    import torch

    from .calls import Call
    from .program import Program

Sizes = list[tuple[int, ...]]


def captured(
    copy: torch.nn.Module,
    model: torch.nn.Module,
    call: Call,
    sizes: Sizes,
    changed: Sequence[str] = (),
    opaque: Sequence[str] = (),
) -> tuple[Program, list[str]]:
    """Return a program that gives what `copy` gives, and notes for the user.

    Parameters
    ----------
    copy : torch.nn.Module
        What is traced, in eval mode and settled.
    model : torch.nn.Module
        Whose parameters the program shares.
    call : Call
        The example.
    sizes : list of tuples of int
        For each tensor of the call, its dimensions that may change.
    changed : sequence of str
        Attributes that calls of the model change.
    opaque : sequence of str
        Modules that are kept whole: only the recorder takes them.

    Raises
    ------
    InvalidProblemError
        If no front end gives a program that equals the model; says what each of them met.
    """
    ways: list[tuple[str, Callable[[], Program]]] = []
    fixed: Sizes = [()] * len(sizes)
    for strict in () if opaque else (False, True):
        route = "strict export" if strict else "export"
        for given in [sizes, fixed] if any(sizes) else [sizes]:
            ways.append((route, _exporter(copy, model, call, given, strict)))
    ways.append(("recorder", lambda: recorded(copy, model, call, opaque)))
    fresh = (lambda: working_copy(model)) if changed else None
    met: dict[str, str] = {}
    for route, way in ways:
        try:
            with at_rest(), quiet():
                found = way()
            notes = verify(copy, found, call, sizes, fresh)
        except DifferenceError as error:
            met[route] = str(error)
        except Exception as error:  # whatever a model's own code raises when its tensors are symbols
            met.setdefault(route, reason(error))
        else:
            notes += _fixed(found, call, sizes)
            return found, notes
    said = "; ".join(f"{route}: {why}" for route, why in met.items())
    if changed:
        said += f". Its calls change {', '.join(changed[:3])}, which a graph keeps as it was in the capture"
    raise InvalidProblemError(f"{type(model).__name__} cannot be captured. {said}. {_ADVICE}")


def _fixed(found: Program, call: Call, sizes: Sizes) -> list[str]:
    """Say which of the sizes that should be free the graph fixes to those of the example."""
    if any(sizes) and not found.dynamic:
        return ["its graph holds for the sizes of the example only"]
    notes = []
    for name, which, node in zip(call.names, sizes, found.inputs, strict=True):
        shape = node.meta["val"].shape if which else ()
        notes += [f"its graph fixes dimension {d} of {name} to {shape[d]}" for d in which if str(shape[d]).isdecimal()]
    return notes


_ADVICE = (
    "What depends on the values of tensors (branches, loops, packed sequences, non-maximum suppression) has no fixed "
    "graph: capture the part of the model that is dense, its backbone and head say, use torch.where and torch.cond, or "
    "name the modules that hold it, which are then kept whole: opaque=['head']"
)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep back what torch writes of graphs that it refuses, page by page: the refusal says it in a line."""
    loggers = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict) if name.startswith("torch")]
    loud = [logger for logger in loggers if not logger.disabled]
    for logger in loud:
        logger.disabled = True
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger in loud:
            logger.disabled = False


def _exporter(
    copy: torch.nn.Module, model: torch.nn.Module, call: Call, sizes: Sizes, strict: bool
) -> Callable[[], Program]:
    route = "strict export" if strict else "export"

    def export() -> Program:
        import torch
        from torch.export import Dim

        # torch.export takes a size of 1 for a constant: an example of one sample would fix the batch.
        given = [_widened(tensor, which) for tensor, which in zip(call.fresh().tensors, sizes, strict=True)]
        shapes = [dict.fromkeys(which, Dim.AUTO) for which in sizes]
        spec: dict[str, Any] | None = {"tensors": shapes} if any(sizes) else None
        exported = torch.export.export(wrapped(copy, call), (given,), dynamic_shapes=spec, strict=strict)
        if not can_be_rewritten(exported.graph):  # a second trace takes as long as the first
            exported = exported.run_decompositions({})
        return programs.from_exported(exported, model, call.names, route, any(sizes))

    return export


def _widened(tensor: torch.Tensor, dimensions: tuple[int, ...]) -> torch.Tensor:
    for dimension in dimensions:
        if tensor.shape[dimension] == 1:
            tensor = tensor.repeat_interleave(2, dimension)
    return tensor


def wrapped(model: torch.nn.Module, call: Call) -> torch.nn.Module:
    """Return a module from a list of the call's tensors to the list of the result's; all else is baked in."""
    import torch

    class Wrapper(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
            given = call.with_tensors(tensors)
            return tensors_in(self.model(*given.args, **given.kwargs))

    return Wrapper()
