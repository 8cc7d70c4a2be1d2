"""A copy of a model to work on, and whether its calls depend on those before them.

A trace sees attributes as constants, so a model that reads in a call what the last one wrote (``self.h = … self.h``)
cannot be traced rightly; ``torch.export`` only warns of it, here it is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...model.errors import InvalidProblemError
from .calls import tensors_in
from .comparison import difference
from .reasons import first_line, reason

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


def settle(model: torch.nn.Module, call: Call) -> list[str]:
    """Run a copy twice, refuse it if the results differ, and return the attributes that its calls change.

    Attributes may change as long as later calls do not read them: caches that the first call fills, weights that are
    normalised anew in each call, features that are kept to be looked at. Buffers are put back before each call.

    Raises
    ------
    InvalidProblemError
        If the model does not take the call, or its second call gives something else.
    """
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    marks = [_marks(model)]
    results = []
    try:
        for _ in range(2):
            results.append(run(model, call))
            marks.append(_marks(model))
            _put_back(model, buffers)
    except Exception as error:  # whatever the model's own code raises
        raise InvalidProblemError(f"the model does not take an input of shape {call}: {reason(error)}") from error
    later = _changed(marks[1], marks[2])
    if gap := _gap(*results):
        what = f"changes its attribute {later[0]}, which is no buffer" if later else "keeps state in what is no buffer"
        raise InvalidProblemError(
            f"{type(model).__name__} {what}: a second call with the same input gives something else ({gap}), and a "
            "trace would keep it as a constant; register it (register_buffer) and change it in place, or pass it as "
            "an input"
        )
    return list(dict.fromkeys([*later, *_changed(marks[0], marks[1])]))


def _put_back(model: torch.nn.Module, buffers: dict[str, torch.Tensor]) -> None:
    for name, buffer in model.named_buffers():
        if name in buffers and buffers[name].shape == buffer.shape:
            buffer.copy_(buffers[name])


def _gap(first: list[torch.Tensor], second: list[torch.Tensor]) -> str | None:
    """Return in words how the results of two calls differ; values that are not there cannot."""
    if len(first) != len(second):
        return f"{len(second)} tensors, not {len(first)}"
    pairs = zip(first, second, strict=True)
    return next((gap for a, b in pairs if not a.is_meta and (gap := difference(b, a)) is not None), None)


def _marks(model: torch.nn.Module) -> dict[str, tuple[Any, Any]]:
    """Return every attribute with how often it was changed in place."""
    return {key: (value, _mark(value)) for key, value in _attributes(model)}


def _changed(before: dict[str, tuple[Any, Any]], after: dict[str, tuple[Any, Any]]) -> list[str]:
    return [key for key, (value, _) in after.items() if key not in before or not _same(*before[key], value)]


def _attributes(model: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield every tensor and number among the modules' attributes and parameters, buffers left out."""
    import torch

    machinery = set(vars(torch.nn.Module()))
    for path, module in model.named_modules():
        kept = {name: value for name, value in vars(module).items() if name not in machinery}
        for name, value in (kept | dict(module._parameters)).items():
            yield from _leaves(f"{path}.{name}" if path else name, value)


def _leaves(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    import torch

    if value is None or isinstance(value, torch.Tensor | int | float | complex | str):
        yield place, value
    elif isinstance(value, list | tuple | dict):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _leaves(f"{place}[{key!r}]", item)


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
