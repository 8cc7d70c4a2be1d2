"""Modules that are kept whole: one operator each, whatever happens inside.

Packed sequences, non-maximum suppression and loops on values have no fixed graph. A module that holds them can be
named; what is around it is captured, and the module itself runs as it is in the part that holds it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from ...model.errors import InvalidProblemError
from .calls import Call, tensors_in

if TYPE_CHECKING:
    import torch


def require_modules(model: torch.nn.Module, opaque: Sequence[str]) -> None:
    """Raise unless every name is that of a module inside `model`.

    Raises
    ------
    InvalidProblemError
        If a name is not, or the names are a text.
    """
    if isinstance(opaque, str):
        raise InvalidProblemError(f"opaque is {opaque!r}; expected a list of names of modules, as in [{opaque!r}]")
    known = {name for name, _ in model.named_modules() if name}
    for index, name in enumerate(opaque):
        if name not in known:
            near = sorted(known, key=lambda other: (other.count("."), other))[:8]
            raise InvalidProblemError(
                f"opaque[{index}] is {name!r}, which is no module inside the model; it has {', '.join(near)}, …"
            )


@contextmanager
def whole(
    model: torch.nn.Module, opaque: Sequence[str], call_whole: Callable[[str, Callable[..., Any], Any, Any], Any]
) -> Iterator[None]:
    """Let ``call_whole(name, forward, args, kwargs)`` run the modules of these names, within the context."""

    def watched(name: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: call_whole(name, forward, args, kwargs)

    with ExitStack() as stack:
        for name in opaque:
            module = model.get_submodule(name)
            module.forward = watched(name, module.forward)
            stack.callback(vars(module).pop, "forward")
        yield


def call_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
    """Return the call of a module inside a model, whose arguments may be objects of any class."""
    return Call(args, dict(kwargs), (), objects=True)


def as_operator(module: torch.nn.Module, call: Call) -> torch.nn.Module:
    """Return a module from the tensors of a call to those of its result; all other arguments are as in the call.

    It is in eval mode and shares the parameters and buffers of `module`.
    """
    import torch

    memo: dict[int, Any] = {id(tensor): tensor for tensor in [*module.parameters(), *module.buffers()]}

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = copy.deepcopy(module, memo).eval()

        def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
            given = call.with_tensors(list(tensors))
            return tuple(tensors_in(self.inner(*given.args, **given.kwargs)))

    return Whole()
