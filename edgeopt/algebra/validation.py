"""Fields where they enter: the declared dimensions, real and finite numbers, positions within what they point into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from ..model.records import float_array, number, plain, read_only, require
from . import axes as named
from .classes import Known

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sizes = dict[str, tuple[int, str]]
"""Size of each dimension, and the field that said so."""


def validated(known: Known, value: Any, sizes: Sizes, labels: dict[str, list[Any]]) -> Any:
    """Return a field's value as it is kept; `sizes` and `labels` grow by what it says of its dimensions.

    Raises
    ------
    InvalidProblemError
        Names the field, the index, the value and what was expected.
    """
    if not known.array:
        return _single(known, value)
    given = _by_name(known, value, labels)
    array = _real(known, given) if known.kind == "f" else _structure(known, given)
    _measure(known, array.shape[array.ndim - len(known.spec.dimensions) :], sizes)
    return array


def _single(known: Known, value: Any) -> Any:
    """Return a plain number; a float may carry a batch axis."""
    if known.kind == "f":
        if np.ndim(value) == 1 and not isinstance(value, str):
            return _real(known, value)
        return number(value, known.name)
    if known.kind == "i":
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
            raise InvalidProblemError(f"{known.name} is {value!r}; expected a whole number")
        return int(value)
    if known.kind == "b":
        if not isinstance(value, (bool, np.bool_)):
            raise InvalidProblemError(f"{known.name} is {value!r}; expected True or False")
        return bool(value)
    return value


def _by_name(known: Known, value: Any, labels: dict[str, list[Any]]) -> Any:
    """Return the values in the order of the declared dimensions; what names its own dimensions is aligned by name."""
    own = [named.parse(dimension) for dimension in known.spec.dimensions]
    dims = getattr(value, "dims", None)
    if dims is not None and hasattr(value, "transpose") and hasattr(value, "coords"):  # xarray
        wanted = [label for label, _ in own]
        if sorted(map(str, dims)) != sorted(wanted):
            raise InvalidProblemError(f"{known.name} has the dimensions {tuple(dims)}; expected {tuple(wanted)}")
        value = value.transpose(*wanted)
        for label, kind in own:
            if label in value.coords:
                _take_labels(known.name, kind, list(value.coords[label].values.tolist()), labels)
        return value.values
    if hasattr(value, "iloc"):  # pandas: by position, with labels that must agree
        indices = [value.index, *([value.columns] if hasattr(value, "columns") else [])]
        for (_, kind), index in zip(own, indices, strict=False):
            if type(index).__name__ != "RangeIndex":
                _take_labels(known.name, kind, [_plain_label(one) for one in index.tolist()], labels)
        return value.to_numpy()
    return value.to_numpy() if hasattr(value, "to_numpy") else value


def _plain_label(value: Any) -> Any:
    return value if isinstance(value, (str, int, float)) else str(value)


def _take_labels(name: str, kind: str, given: list[Any], labels: dict[str, list[Any]]) -> None:
    known = labels.setdefault(kind, given)
    if known != given:
        place = next(
            (i for i, (a, b) in enumerate(zip(known, given, strict=False)) if a != b), min(len(known), len(given))
        )
        raise InvalidProblemError(
            f"{name} labels {kind!r} otherwise than the field before it, first at position {place}; reorder one of "
            "them: they are not sorted here"
        )


def _real(known: Known, value: Any) -> NDArray[np.float64]:
    raw = plain(value, known.name)
    if raw.dtype.kind not in "fiu":
        remedy = "declare it as an eo.Mask" if raw.dtype.kind == "b" else "give numbers"
        raise InvalidProblemError(f"{known.name} holds {raw.dtype} values; expected real numbers ({remedy})")
    single = len(known.spec.dimensions)
    if raw.ndim not in (single, single + 1):
        raise InvalidProblemError(
            f"{known.name} has shape {raw.shape}; expected {_wanted(known)}, or one more axis in front for a batch"
        )
    array = float_array(value, known.name, ndim=(single, single + 1), finite=known.spec.finite)
    if known.spec.nonnegative:
        require(known.name, array, array >= 0, "must not be negative")
    return array


def _structure(known: Known, value: Any) -> NDArray[Any]:
    raw = plain(value, known.name)
    wanted, word = ("iu", "whole numbers") if known.kind == "i" else ("b", "booleans")
    if raw.dtype.kind not in wanted and raw.size:
        raise InvalidProblemError(f"{known.name} holds {raw.dtype} values; expected {word}")
    if raw.ndim != len(known.spec.dimensions):
        raise InvalidProblemError(f"{known.name} has shape {raw.shape}; expected {_wanted(known)}")
    return read_only(np.array(raw, dtype=np.int64 if known.kind == "i" else bool, order="C"))


def _wanted(known: Known) -> str:
    dims = known.spec.dimensions
    return f"the dimensions ({', '.join(dims)})" if dims else "a single number"


def _measure(known: Known, shape: tuple[int, ...], sizes: Sizes) -> None:
    for dimension, size in zip(known.spec.dimensions, shape, strict=True):
        kind = named.parse(dimension)[1]
        before, by = sizes.setdefault(kind, (size, known.name))
        if before != size:
            raise InvalidProblemError(
                f"{known.name} has {size} positions along {kind!r}; {by} has {before}: give both the same"
            )


def sizes_of(known: tuple[Known, ...], values: Mapping[str, Any]) -> Sizes:
    """Return the size of each dimension that fields have which are validated already; a batch axis is none."""
    sizes: Sizes = {}
    for one in known:
        if one.array:
            shape = values[one.name].shape
            _measure(one, shape[len(shape) - len(one.spec.dimensions) :], sizes)
    return sizes


def check_positions(known: tuple[Known, ...], values: Mapping[str, Any], sizes: Sizes) -> None:
    """Raise unless every position lies within the dimension that it points into, where a field says its size."""
    for one in known:
        if one.kind != "i" or not one.array or one.spec.into not in sizes:
            continue
        array, size = values[one.name], sizes[one.spec.into][0]
        require(
            one.name, array, (array >= 0) & (array < size), f"is a position of {one.spec.into!r}, from 0 to {size - 1}"
        )
