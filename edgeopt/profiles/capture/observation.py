"""What every node of a program gives and takes on the user's example: shapes, types, bytes and multiply-accumulates."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .names import operator_name
from .work import macs_of

if TYPE_CHECKING:
    import torch
    from torch import fx

    from .calls import Call
    from .program import Program

OPERATIONS = ("call_function", "call_module")
"""Kinds of nodes that do something; modules are called where they are kept whole."""

NUMBER = 8
"""Bytes of a number that crosses a cut."""


@dataclass(frozen=True)
class Value:
    """A tensor that a node gives.

    Attributes
    ----------
    shape : tuple of int
        On the example.
    dtype : torch.dtype
        Its own type.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes of its elements: what ``torch.save`` of a contiguous copy writes, headers aside."""
        return self.elements * self.dtype.itemsize

    def bits(self, word_bits: int | None) -> float:
        """Bits of its elements, floating-point ones in `word_bits` each if that is given."""
        if word_bits is None or not (self.dtype.is_floating_point or self.dtype.is_complex):
            return 8.0 * self.bytes
        return float(word_bits * self.elements * (2 if self.dtype.is_complex else 1))


@dataclass
class Observation:
    """What was seen on the example.

    Attributes
    ----------
    values : dict
        For each node that gives a tensor, its value; for one that gives several, a tuple.
    macs : dict
        For each operation, its multiply-accumulates; None where nothing is known of it.
    """

    values: dict[fx.Node, Value | tuple[Value | None, ...]] = field(default_factory=dict)
    macs: dict[fx.Node, int | None] = field(default_factory=dict)


def observe(program: Program, call: Call) -> Observation:
    """Run a program on a call and note what every node gives."""
    import torch
    from torch import fx

    seen = Observation()

    class Observer(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            result = super().run_node(n)
            if isinstance(result, torch.Tensor):
                seen.values[n] = _value(result)
            elif n.op in OPERATIONS and isinstance(result, tuple | list):
                seen.values[n] = tuple(_value(r) if isinstance(r, torch.Tensor) else None for r in result)
            if n.op in OPERATIONS:
                seen.macs[n] = macs_of(operator_name(n), n.target, result, args, kwargs)
            return result

    torch.manual_seed(0)
    Observer(program.module).run(*call.fresh().tensors)
    return seen


def _value(tensor: torch.Tensor) -> Value:
    return Value(tuple(tensor.shape), tensor.dtype)
