"""What a layer is called with: tensors of any leading shape, checked, as (batch, size) in float64, and the way back.

Programs are solved in float64 whatever the dtype of the tensors; the optimum has the dtype of the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..model.errors import InvalidProblemError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from ..model.program import Program
    from ..solvers.compiled.lp_batch import Bases

BOUNDS = ("lower", "upper", "row_lower", "row_upper")

PARAMETERS = ("cost", *BOUNDS, "matrix")
"""What of a program can be a parameter of a layer."""

Words = Mapping[str, str]
"""What the caller calls the parameters that must not be negative: ``{"upper": "traffic"}``, say."""

_FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_NARROW = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, eq=False)
class Call:
    """All of one call of a layer that is no tensor.

    Attributes
    ----------
    names : tuple of str
        Which parameters were given, of :data:`PARAMETERS`.
    lead : tuple of int
        Leading shape of the tensors.
    dtype : torch.dtype
        Of the optimum that is returned.
    dense : bool
        Whether the matrix was given with all its entries, not with the stored ones.
    start : Bases, optional
        Where to start.
    duals : bool
        Whether row duals are asked for.
    words : Words
        What the parameters are called.
    """

    names: tuple[str, ...]
    lead: tuple[int, ...]
    dtype: torch.dtype
    dense: bool
    start: Bases | None = None
    duals: bool = False
    words: Words = field(default_factory=dict)

    def wider(self, size: int) -> Call:
        """Return the call of `size` copies of the batch, as :func:`torch.vmap` makes it."""
        return replace(self, lead=(size, *self.lead), start=None)

    def restored(self, array: Tensor) -> Tensor:
        """Return results (batch, size) in the leading shape and the dtype of what was given."""
        return array.reshape(*self.lead, array.shape[-1]).to(self.dtype)

    def place(self, instance: int) -> list[int]:
        """Return the leading index of an instance of the flattened batch."""
        return [int(i) for i in np.unravel_index(instance, self.lead)] if self.lead else []


@dataclass(frozen=True)
class Sizes:
    """Rows, columns and stored coefficients of a program."""

    rows: int
    columns: int
    entries: int

    @classmethod
    def of(cls, program: Program) -> Sizes:
        """Return those of `program`."""
        return cls(program.rows, program.columns, int(program.matrix.nnz))

    def __getitem__(self, name: str) -> int:
        if name == "matrix":
            return self.entries
        return self.rows if name.startswith("row") else self.columns


def take(
    sizes: Sizes,
    known: Sequence[str],
    values: Sequence[Tensor | None],
    start: Bases | None = None,
    duals: bool = False,
    words: Words | None = None,
) -> tuple[Call, list[Tensor]]:
    """Check shapes and dtypes; return the call and its tensors as (batch, size), or (1, size) where one serves all.

    Raises
    ------
    InvalidProblemError
        If a tensor is missing or has the wrong shape or dtype, or the leading shapes disagree.
    """
    if len(values) != len(known):
        raise InvalidProblemError(f"{len(values)} values were given; expected {', '.join(known)}")
    words = words or {}
    given = {name: value for name, value in zip(known, values, strict=True) if value is not None}
    leads: dict[str, tuple[int, ...]] = {}
    dense, flat = False, []
    for name, value in given.items():
        shown = words.get(name, name)
        _check_dtype(shown, value)
        size, inner = sizes[name], 1
        if name == "matrix" and _is_dense(sizes, value):
            dense, size, inner = True, sizes.rows * sizes.columns, 2
        elif value.ndim < 1 or value.shape[-1] != size:
            raise InvalidProblemError(f"{shown} has shape {tuple(value.shape)}; expected {_expected(sizes, name)}")
        if value.ndim > inner:
            leads[shown] = tuple(value.shape[: value.ndim - inner])
        count = 1
        for extent in value.shape[: value.ndim - inner]:
            count = count * extent
        flat.append(value.reshape(count, size).to(torch.float64))
    lead = next(iter(leads.values()), ())
    if any(other != lead for other in leads.values()):
        raise InvalidProblemError(f"the batches disagree: {leads}; all leading shapes must be the same")
    first = next(iter(given.values()), None)
    dtype = torch.float64 if first is None else first.dtype
    return Call(tuple(given), lead, dtype, dense, start, duals, words), flat


def _expected(sizes: Sizes, name: str) -> str:
    size = sizes[name]
    also = f", its stored entries, or (..., {sizes.rows}, {sizes.columns})" if name == "matrix" else ""
    return f"({size},) or (..., {size}){also}"


def _is_dense(sizes: Sizes, value: Tensor) -> bool:
    if value.ndim < 2 or tuple(value.shape[-2:]) != (sizes.rows, sizes.columns):
        return False
    if sizes.entries == sizes.columns:
        raise InvalidProblemError(
            f"matrix has shape {tuple(value.shape)}, which may be all entries of a matrix or the {sizes.columns} "
            f"stored entries of {sizes.rows} matrices; give another batch, or store a zero in program.matrix"
        )
    return True


def _check_dtype(name: str, value: Any) -> None:
    if not isinstance(value, torch.Tensor):
        raise InvalidProblemError(f"{name} is a {type(value).__name__}; expected a tensor")
    if value.dtype not in _FLOATING:
        raise InvalidProblemError(
            f"{name} is {value.dtype}; expected float32 or float64 (tensor.double() makes it that)"
        )
    if value.is_meta:
        raise InvalidProblemError(f"{name} is a meta tensor, which has no values; move the model to a device")


def arrays(call: Call, program: Program, values: Sequence[Tensor]) -> dict[str, NDArray[np.float64]]:
    """Return the tensors of a call as arrays (batch or 1, size), once their numbers are checked.

    Raises
    ------
    InvalidProblemError
        If a number is nan, a coefficient infinite, or a bound infinite only because its dtype ends before it.
    """
    found = {}
    for name, value in zip(call.names, values, strict=True):
        array = value.detach().cpu().numpy()
        _check_numbers(call, program, name, array)
        found[name] = array
    return found


def _check_numbers(call: Call, program: Program, name: str, array: NDArray[np.float64]) -> None:
    # The sum of absolute values is finite where all numbers are: one pass in the usual case.
    shown = call.words.get(name, name)
    if name in call.words and array.size and array.min() < 0:
        raise InvalidProblemError(
            f"{_first(call, shown, array, array < 0)}; it must not be negative (end the predictor in softplus)"
        )
    if not array.size or np.isfinite(np.abs(array).sum()):
        return
    if np.isnan(array).any():
        first = _first(call, shown, array, np.isnan(array))
        raise InvalidProblemError(f"{first}; the predictor that feeds the layer gave it")
    if name not in BOUNDS and np.isinf(array).any():
        raise InvalidProblemError(f"{_first(call, shown, array, np.isinf(array))}; it must be finite")
    overflowed = np.isinf(array) & np.isfinite(np.asarray(getattr(program, name)))
    if call.dtype in _NARROW and overflowed.any():
        raise InvalidProblemError(
            f"{_first(call, shown, array, overflowed)}, where the program's own is finite: {call.dtype} holds numbers "
            f"up to {torch.finfo(call.dtype).max:g}; give it as float32"
        )


def _first(call: Call, shown: str, array: NDArray[np.float64], wrong: NDArray[np.bool_]) -> str:
    """Name the first wrong entry and its value."""
    b, j = (int(i) for i in np.argwhere(wrong)[0])
    several = array.shape[0] > 1 or (bool(call.lead) and int(np.prod(call.lead)) == 1)
    return f"{shown}{[*(call.place(b) if several else []), j]} is {array[b, j]:g}"


def check_fits(call: Call, what: str, array: NDArray[np.float64]) -> None:
    """Raise if a result does not fit into the dtype that it is returned in."""
    largest = torch.finfo(call.dtype).max
    if call.dtype == torch.float64 or not array.size:
        return
    size = np.abs(array)
    if np.nanmax(size, initial=0.0) > largest and (beyond := np.argwhere(np.isfinite(size) & (size > largest))).size:
        b, j = (int(i) for i in beyond[0])
        raise InvalidProblemError(
            f"the {what}'s entry {[*call.place(b), j]} is {array[b, j]:g}; {call.dtype} holds numbers up to "
            f"{largest:g}: give the layer float32"
        )
