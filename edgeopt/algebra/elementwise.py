"""Operations entry by entry: their names in numpy, and what to say where variables do not allow one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..model.errors import InvalidProblemError

ARITHMETIC = {
    "add": "add",
    "subtract": "subtract",
    "multiply": "multiply",
    "divide": "divide",
    "true_divide": "divide",
    "negative": "negative",
    "power": "power",
    "maximum": "maximum",
    "minimum": "minimum",
    "exp": "exp",
    "log": "log",
    "log2": "log2",
    "sqrt": "sqrt",
    "absolute": "absolute",
    "square": "square",
}
"""Universal functions of numpy, and the operation that each stands for."""

_HINTS = {
    "multiply": "a product of two variables is not linear; where one is binary, write a constraint with .when(y); a "
    "square in the objective is written (x - y) ** 2",
    "divide": "a division by a variable is not linear; multiply the constraint by it",
    "power": "a power of variables is not linear; of all powers ** 2 alone is taken, in the objective",
    "square": "a square of a square is a fourth power; objectives hold squares of linear expressions",
    "absolute": "an absolute value of variables is not linear; write m.absolute('name', expression)",
    "maximum": "a maximum of variables is not linear; write m.maximum('name', first, second)",
    "minimum": "a minimum of variables is not linear; write m.minimum('name', first, second)",
}


def in_words(operation: str, *, curved: bool = False) -> str:
    """Say why an operation is refused for variables, or for squares of variables."""
    if curved:
        return f"{operation} of a square of variables: objectives hold squares of linear expressions, times data"
    return _HINTS.get(operation, f"{operation} of a variable is not linear; apply it to fields only")


def by_ufunc(
    apply: Callable[..., Any], ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    """Return what a universal function of numpy makes of expressions.

    Raises
    ------
    TypeError
        If it has no meaning here.
    """
    name = ufunc.__name__
    if method == "__call__" and not options:
        if name in ARITHMETIC:
            return apply(ARITHMETIC[name], *inputs)
        if name == "matmul":
            from .products import matmul

            return matmul(*inputs)
        if name in _RELATIONS and len(inputs) == 2:
            return _related(name, *inputs)
    raise TypeError(f"np.{name} has no meaning for fields and variables; m.constant(self.field) gives plain numbers")


_RELATIONS = {"less_equal": "__ge__", "greater_equal": "__le__", "equal": "__eq__", "not_equal": "__ne__"}
_OWN = {"less_equal": "__le__", "greater_equal": "__ge__", "equal": "__eq__", "not_equal": "__ne__"}


def _related(name: str, left: Any, right: Any) -> Any:
    from .expression import Expression

    if isinstance(left, Expression):
        return getattr(left, _OWN[name])(right)
    if isinstance(right, Expression):
        return getattr(right, _RELATIONS[name])(left)
    raise InvalidProblemError(f"{name} compares no expression")
