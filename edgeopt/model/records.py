"""Records: frozen dataclasses that hold validated, read-only arrays and that ``save`` can store.

Data are checked once, where they enter a record; whoever reads them later may trust shape, type and finiteness.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import numpy as np

from .errors import InvalidProblemError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


Array = TypeVar("Array", bound="np.ndarray[Any, Any]")


class Record:
    """Base of everything that :func:`edgeopt.save` stores: problems, decisions, certificates, solutions."""

    __slots__ = ()


Kind = TypeVar("Kind")

if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(dataclasses.field,))
    def record(kind: type[Kind]) -> type[Kind]:
        """Make the class below a frozen dataclass that is compared by identity.

        To type checkers this is not dataclass itself: mypy follows the types of ``model.kept`` only in classes that
        another decorator makes.
        """
else:
    record = dataclasses.dataclass(frozen=True, eq=False)


def assign(record: Record, **values: Any) -> None:
    """Set fields of a frozen `record` while its ``__post_init__`` validates them."""
    for field, value in values.items():
        object.__setattr__(record, field, value)


def read_only(array: Array) -> Array:
    """Return `array` itself, which from now on refuses to be written to."""
    array.flags.writeable = False
    return array


def float_array(
    value: ArrayLike, field: str, *, ndim: int | tuple[int, ...] = 1, finite: bool = True, copy: bool = True
) -> NDArray[np.float64]:
    """Return `value` as a read-only, C-contiguous float64 array, or say what is wrong with it.

    Raises
    ------
    InvalidProblemError
        If `value` is not numeric, has the wrong number of dimensions, or (with `finite`) holds a nan or an infinity.
    """
    array = _numeric(value, field, copy=copy)
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in allowed:
        wanted = " or ".join(str(n) for n in allowed)
        raise InvalidProblemError(f"{field} has shape {array.shape}; expected an array of {wanted} dimension(s)")
    if finite:
        require(field, array, np.isfinite(array), "must be finite (drop the sample, or impute it beforehand)")
    else:
        require(field, array, ~np.isnan(array), "must not be nan")
    return read_only(array)


def owned_read_only(*arrays: Any) -> bool:
    """Whether all arrays own their memory and are read-only: nobody changes them, so they need not be copied."""
    return all(isinstance(a, np.ndarray) and a.flags.owndata and not a.flags.writeable for a in arrays)


def _numeric(value: ArrayLike, field: str, *, copy: bool) -> NDArray[np.float64]:
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise InvalidProblemError(f"{field} has masked entries; drop or impute them beforehand")
    raw = plain(value, field)
    if raw.dtype.kind not in "fiub":
        raise InvalidProblemError(f"{field} holds {raw.dtype} values; expected real numbers")
    array = np.array(raw, dtype=np.float64, order="C", copy=copy or None)
    # A read-only view, never a lock on an array that belongs to the caller.
    return array if copy else array.view()


def plain(value: Any, field: str) -> NDArray[Any]:
    """Return `value` as an array of whatever type it holds.

    Raises
    ------
    InvalidProblemError
        If NumPy cannot make one of it: it is not rectangular, or a tensor that requires a gradient, lies on another
        device, has no values (meta) or a type that NumPy does not have (bfloat16).
    """
    try:
        return np.asarray(value)
    except Exception as error:  # each library's arrays raise what they like
        if hasattr(value, "detach"):
            kind = f"a tensor of {value.dtype} on {value.device}" + (" that requires grad" * value.requires_grad)
            raise InvalidProblemError(
                f"{field} is {kind}, which NumPy cannot read ({_first_line(error)}); "
                "pass its values: tensor.detach().cpu().double().numpy()"
            ) from error
        raise InvalidProblemError(f"{field} is no rectangular array of numbers: {error}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def require(field: str, array: NDArray[Any], good: NDArray[np.bool_], expectation: str) -> None:
    """Raise an error that names the first entry of `array` which is not `good`."""
    if good.all():
        return
    index = tuple(int(i) for i in np.argwhere(~good)[0])
    if not index:
        raise InvalidProblemError(f"{field} is {array[index]}; it {expectation}")
    place = ", ".join(map(str, index))
    more = int((~good).sum()) - 1
    others = f" ({more} more like it)" if more else ""
    raise InvalidProblemError(f"{field}[{place}] is {array[index]}{others}; every entry {expectation}")


def number(
    value: object, field: str, *, at_least: float = -math.inf, at_most: float = math.inf, finite: bool = True
) -> float:
    """Return `value` as a float within its range, or say what is wrong with it.

    Raises
    ------
    InvalidProblemError
        If `value` is no real number, is nan, or lies outside ``[at_least, at_most]``.
    """
    if type(value) is float and at_least <= value <= at_most and not (finite and math.isinf(value)):
        return value  # nearly always: controllers check every slot's numbers
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
        raise InvalidProblemError(f"{field} is {value!r}; expected a real number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf if value > 0 else -math.inf
    if math.isnan(result) or (finite and math.isinf(result)) or not at_least <= result <= at_most:
        raise InvalidProblemError(f"{field} is {result}; expected {_range(at_least, at_most)}")
    return result


def _range(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "a finite number"
    if math.isinf(high):
        return f"a finite number of at least {low:g}"
    return f"a number between {low:g} and {high:g}"
