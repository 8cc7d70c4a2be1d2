"""Multiply-accumulates of torch's operations: one table for every counter of the package.

No package counts what people split: torch's own counter gives 0 for LSTMs on the CPU, for the default kernel of
attention, for bilinear forms, quantised and custom operations. Here an operation has a formula
(:mod:`.work_formulas`), or is known to have no products, or is *uncounted*, which is said and never taken for 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...model.errors import InvalidOptionError, InvalidProblemError
from .work_formulas import FORMULAS, WITHOUT_PRODUCTS

Formula = Callable[..., int]

_registered: dict[str, Formula] = {}


def register_work(operation: str, formula: Formula) -> None:
    """Say how many multiply-accumulates an operation takes: ``register_work("mylib::product", lambda out, x, y: …)``.

    Parameters
    ----------
    operation : str
        Name as torch has it, ``namespace::name``; a table's ``uncounted`` lists these names.
    formula : callable
        ``formula(result, *args, **kwargs)`` with the operation's own arguments; tensors have shapes, and values only
        where the model has. Returns a whole number >= 0.

    Raises
    ------
    InvalidOptionError
        If the name has no namespace, or the formula cannot be called.
    """
    namespace, found, name = operation.partition("::")
    if not (namespace and found and name):
        raise InvalidOptionError(f"operation is {operation!r}; expected 'namespace::name', as in 'aten::linear'")
    if not callable(formula):
        raise InvalidOptionError(f"formula is a {type(formula).__name__}; expected a function of result and arguments")
    _registered[operation] = formula


def macs_of(operation: str, target: Any, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    """Return the multiply-accumulates of one operation; None where nothing is known of it."""
    if (formula := _registered.get(operation) or FORMULAS.get(operation)) is not None:
        found = formula(result, *args, **kwargs)
        if isinstance(found, bool) or int(found) != found or found < 0:
            raise InvalidProblemError(f"the formula of {operation} gives {found!r}; expected a whole number >= 0")
        return int(found)
    return 0 if operation in WITHOUT_PRODUCTS or _elementwise(operation, target) else None


def _elementwise(operation: str, target: Any) -> bool:
    import torch

    pointwise = torch.Tag.pointwise in getattr(target, "tags", ())
    return operation.startswith("operator::") or pointwise or bool(getattr(target, "is_view", False))


@dataclass(frozen=True)
class Work:
    """What a call took.

    Attributes
    ----------
    macs : int
        Multiply-accumulates.
    uncounted : dict
        How often each operation ran of which nothing is known.
    """

    macs: int
    uncounted: dict[str, int]


def count_work(call: Callable[[], Any]) -> Work:
    """Run `call` and count the multiply-accumulates of torch's operations in it.

    Examples
    --------
    >>> import torch
    >>> lstm = torch.nn.LSTM(2, 3).eval()
    >>> count_work(lambda: lstm(torch.zeros(5, 1, 2))).macs  # 5 steps, four gates: 5 * 4 * 3 * (2 + 3)
    300
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    total, uncounted = 0, Counter[str]()

    class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal total
            result = func(*args, **(kwargs or {}))
            found = macs_of(func._schema.name, func, result, args, kwargs or {})
            if found is None:
                uncounted[func._schema.name] += 1
            total += found or 0
            return result

    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), Counting():  # type: ignore[no-untyped-call]
            call()
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return Work(total, dict(uncounted))
