"""A copy of a model to work on, and whether running it changes more than its registered buffers.

A trace sees attributes as constants, so a model that writes to one (``self.h = …``) cannot be traced rightly;
``torch.export`` only warns of it, here it is refused. What only the first run changes is not: caches are filled then.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...model.errors import InvalidProblemError
from .calls import tensors_in

if TYPE_CHECKING:
    import torch

    from .calls import Call


def working_copy(model: torch.nn.Module) -> torch.nn.Module:
    """Return a deep copy in eval mode; the model itself is never run.

    Raises
    ------
    InvalidProblemError
        If an attribute of the model cannot be copied.
    """
    import torch

    # Results of a computation with gradients cannot be copied by deepcopy; old weight normalisation keeps such.
    memo: dict[int, Any] = {}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    try:
        return copy.deepcopy(model, memo).eval()
    except Exception as error:  # whatever the attributes of a model raise when they are copied
        raise InvalidProblemError(
            f"{type(model).__name__} cannot be copied ({first_line(error)}); edgeopt captures a copy, so that "
            "the model stays as it is"
        ) from error


@contextmanager
def at_rest() -> Iterator[None]:
    """No gradients, no fused kernels that hide their operations, and the caller's random numbers untouched."""
    import torch

    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def run(model: torch.nn.Module, call: Call) -> list[torch.Tensor]:
    """Return the tensors that a model gives for copies of a call's tensors, its random numbers from seed 0."""
    import torch

    torch.manual_seed(0)
    given = call.fresh()
    return [tensor.detach() for tensor in tensors_in(model(*given.args, **given.kwargs))]


def settle(model: torch.nn.Module, call: Call) -> None:
    """Run a copy twice and refuse it if the second run changes attributes; its buffers are put back.

    Raises
    ------
    InvalidProblemError
        If the model does not take the call, or changes what is no registered buffer.
    """
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        run(model, call)
        before = dict(_attributes(model))
        versions = {key: _mark(value) for key, value in before.items()}
        run(model, call)
    except Exception as error:  # whatever the model's own code raises
        raise InvalidProblemError(f"the model does not take an input of shape {call}: {first_line(error)}") from error
    after = dict(_attributes(model))
    for key, value in after.items():
        if key not in before or not _same(before[key], versions[key], value):
            raise InvalidProblemError(
                f"running {type(model).__name__} changes its attribute {key}, which is no buffer: a trace would keep "
                f"it as a constant; register it (register_buffer) and change it in place, or pass it as an input"
            )
    for name, buffer in model.named_buffers():
        if name in buffers and buffers[name].shape == buffer.shape:
            buffer.copy_(buffers[name])


def _attributes(model: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield every tensor and number among the modules' attributes and parameters, buffers left out."""
    import torch

    for path, module in model.named_modules():
        kept = {name: value for name, value in vars(module).items() if not _own(name)} | dict(module._parameters)
        for name, value in kept.items():
            place = f"{path}.{name}" if path else name
            for index, item in enumerate(value if isinstance(value, list | tuple) else [value]):
                if item is None or isinstance(item, torch.Tensor | int | float | complex | str):
                    yield (f"{place}[{index}]" if isinstance(value, list | tuple) else place), item


def _own(name: str) -> bool:
    """Whether an attribute is the module's machinery."""
    return name in ("_parameters", "_buffers", "_modules", "training") or name.endswith("_hooks")


def _mark(value: Any) -> Any:
    """How often a tensor was changed in place; inference tensors do not count, and cannot be changed here."""
    import torch

    if isinstance(value, torch.Tensor):
        return None if value.is_inference() else value._version
    return value


def _same(before: Any, mark: Any, after: Any) -> bool:
    import torch

    if isinstance(before, torch.Tensor):
        return after is before and bool(_mark(after) == mark)
    return type(before) is type(after) and (before == after or before != before)


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
