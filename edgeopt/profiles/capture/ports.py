"""What a part takes and gives, and the check of it before a part runs."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ...model.errors import InvalidProblemError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Port:
    """Something that a part takes or gives.

    Attributes
    ----------
    name : str
        Its name.
    shape : tuple of int
        On the example; empty for a number.
    dtype : torch.dtype or None
        Type of a tensor; None for a number, a size that a later part cannot know otherwise.
    bits : int
        Bits in its own type.
    sides : tuple of (int or str)
        For each dimension its size, or the name of a size that may change, or an expression in such names.
    result : tuple of int
        As which results of the network this is returned, if it is.
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype | None
    bits: int
    sides: tuple[int | str, ...] = ()
    result: tuple[int, ...] = ()


class EntryCheck:
    """Refuses tensors of another shape or type before the part runs: some kernels of torch would end the process."""

    def __init__(self, inputs: tuple[Port, ...]) -> None:
        self.inputs = inputs

    def __call__(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        """Compare the arguments with what the part was captured for."""
        if len(args) != len(self.inputs):
            raise InvalidProblemError(f"the part takes {len(self.inputs)} inputs; it was given {len(args)}")
        sizes: dict[str, int] = {}
        derived: list[tuple[Port, Any, str, int]] = []
        for port, value in zip(self.inputs, args, strict=True):
            _check_kind(port, value)
            for side, size in zip(port.sides, getattr(value, "shape", ()), strict=True):
                if isinstance(side, str) and not side.isidentifier():
                    derived.append((port, value, side, size))
                elif size != (side if isinstance(side, int) else sizes.setdefault(side, size)):
                    raise _misfit(port, value.shape, sizes)
        for port, value, side, size in derived:  # 2*s may come before s
            known = size_of(side, sizes)
            if size != (sizes.setdefault(side, size) if known is None else known):
                raise _misfit(port, value.shape, sizes)


def _check_kind(port: Port, value: Any) -> None:
    """Raise unless a value is a number, or a tensor of a port's type and number of dimensions."""
    kind = getattr(value, "dtype", None)
    if port.dtype is None:
        if kind is not None or isinstance(value, bool) or not hasattr(value, "__index__"):
            raise InvalidProblemError(f"{port.name} is a {type(value).__name__}; the part takes a whole number")
    elif kind != port.dtype:
        raise InvalidProblemError(f"{port.name} is {kind or type(value).__name__}; the part takes {port.dtype}")
    elif len(value.shape) != len(port.sides):
        raise _misfit(port, value.shape)


def _misfit(port: Port, shape: Any, sizes: Mapping[str, int] | None = None) -> InvalidProblemError:
    known = ", ".join(f"{name} = {size}" for name, size in (sizes or {}).items() if name in port.sides)
    said = f" with {known}" if known else ""
    return InvalidProblemError(
        f"{port.name} has shape {tuple(shape)}; the part takes ({', '.join(map(str, port.sides))}){said}"
    )


_OPERATIONS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def size_of(expression: str, sizes: Mapping[str, int]) -> int | None:
    """Return the value of an expression like ``2*s0 + 1``; None where a size is not known or it says something else."""
    tree = _parsed(expression)
    try:
        return None if tree is None else _value(tree, sizes)
    except (LookupError, ZeroDivisionError):
        return None


@lru_cache(1024)
def _parsed(expression: str) -> ast.expr | None:
    try:
        return ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # a file may hold any text
        return None


def _value(node: ast.expr, sizes: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.Name(id=name):
            return sizes[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, sizes)
        case ast.BinOp(left=left, op=kind, right=right):
            return _OPERATIONS[type(kind)](_value(left, sizes), _value(right, sizes))
        case _:
            raise LookupError(ast.dump(node))
