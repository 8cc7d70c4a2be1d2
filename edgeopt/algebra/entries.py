"""The entries of a program: every term written once, where it belongs, at the width that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .axes import Axes
    from .terms import Term

Coordinates = tuple[Any, Any, Any]
"""Rows, columns and coefficients."""


@dataclass
class Entries:
    """Terms with the space that each is iterated over, counted before anything is made."""

    terms: list[Term]
    axes: Axes
    spaces: list[tuple[list[tuple[int, int]], dict[str, int]]]
    sizes: list[int]

    @property
    def count(self) -> int:
        """Number of entries that the terms have."""
        return sum(self.sizes)


def counted(terms: list[Term], axes: Axes) -> Entries:
    """Return the terms with their spaces."""
    spaces = [_space(term, axes) for term in terms]
    return Entries(terms, axes, spaces, [prod(size for _, size in space) for space, _ in spaces])


def added_in_place(term: Term, cost: Any) -> bool:
    """Add a term of the objective to the costs at once, where its columns are one after the other; else do nothing."""
    axes = [axes[0] for axes, _ in reversed(term.columns) if len(axes) == 1]
    if len(axes) != len(term.columns) or len(set(axes)) != len(axes) or set(axes) != set(term.sizes):
        return False
    stride = 1
    for (_, array), one in zip(term.columns, reversed(axes), strict=True):
        if array.size != term.sizes[one] or not (array == np.arange(array.size) * stride).all():
            return False
        stride *= array.size
    place = {one: number for number, one in enumerate(axes)}
    here = cost[term.base : term.base + stride].reshape([term.sizes[one] for one in axes])
    if len(term.factors) == 1:
        factor = _shaped(term.factors[0][0], term.factors[0][1], place, here.ndim)
        here += factor if term.scale == 1.0 else term.scale * factor
    else:
        part = np.empty(here.shape)
        _multiply_out(part, term.scale, term.factors, place)
        here += part
    return True


def entries_of(terms: list[Term], axes: Axes, entries: int) -> Coordinates:
    """Return rows, columns and coefficients of all terms in arrays of their own."""
    found = counted(terms, axes)
    out = allocated(found.count, prod(axis.size for axis in axes), entries)
    write(found, out, 0)
    return out


def allocated(count: int, rows: int, entries: int) -> Coordinates:
    """Return empty rows, columns and coefficients.

    Their width is decided before anything is multiplied: products of 32-bit numbers overflow without a word.
    """
    width = np.int64 if max(count, rows, entries) >= 2**31 - 1 else np.int32
    return np.empty(count, width), np.empty(count, width), np.empty(count)


def write(found: Entries, out: Coordinates, first: int) -> None:
    """Write the entries where they belong; `first` is added to rows."""
    rows, columns, data = out
    start = 0
    for term, (space, missing), size in zip(found.terms, found.spaces, found.sizes, strict=True):
        here, start = slice(start, start + size), start + size
        shape = [length for _, length in space]
        place = {one: i for i, (one, _) in enumerate(space)}
        _add_up(rows[here].reshape(shape), first, _row_parts(term, missing, found.axes), place)
        _add_up(columns[here].reshape(shape), term.base, term.columns, place)
        _multiply_out(data[here].reshape(shape), term.scale, term.factors, place)


def _space(term: Term, axes: Axes) -> tuple[list[tuple[int, int]], dict[str, int]]:
    """Return the axes that are iterated over, those of rows first, and new ones for dimensions that a term lacks."""
    space: dict[int, int] = {}
    missing = {}
    for number, axis in enumerate(axes):
        if axis.name in term.rows:
            one = term.rows[axis.name][0]
            space[one] = term.sizes[one]
        else:
            one = -1 - number  # identities of terms count from 0
            missing[axis.name] = one
            space[one] = axis.size
    return list((space | term.sizes).items()), missing


def _row_parts(term: Term, missing: dict[str, int], axes: Axes) -> list[tuple[tuple[int, ...], Any]]:
    parts: list[tuple[tuple[int, ...], Any]] = []
    stride = 1
    for axis in reversed(axes):
        one, positions = (missing[axis.name], None) if axis.name in missing else term.rows[axis.name]
        size = axis.size if axis.name in missing else term.sizes[one]
        places = np.arange(size, dtype=np.int64) if positions is None else positions
        parts.append(((one,), places * stride))
        stride *= axis.size
    return parts


def _shaped(axes: tuple[int, ...], array: Any, place: dict[int, int], ndim: int) -> Any:
    order = sorted(range(len(axes)), key=lambda i: place[axes[i]])
    if order != list(range(len(axes))):
        array, axes = array.transpose(order), tuple(axes[i] for i in order)
    shape = [1] * ndim
    for one, size in zip(axes, array.shape, strict=True):
        shape[place[one]] = size
    return array.reshape(shape)


def _add_up(out: Any, base: int, parts: Any, place: dict[int, int]) -> None:
    shaped = [_shaped(axes, array.astype(out.dtype, copy=False), place, out.ndim) for axes, array in parts]
    if not shaped:
        out[...] = base
        return
    if base:
        small = min(range(len(shaped)), key=lambda i: shaped[i].size)
        shaped[small] = shaped[small] + out.dtype.type(base)
    if len(shaped) == 1:
        out[...] = shaped[0]
        return
    np.add(shaped[0], shaped[1], out=out)
    for more in shaped[2:]:
        out += more


def _multiply_out(out: Any, scale: float, factors: Any, place: dict[int, int]) -> None:
    if not factors:
        out[...] = scale
        return
    out[...] = _shaped(factors[0][0], factors[0][1], place, out.ndim)
    for axes, array in factors[1:]:
        out *= _shaped(axes, array, place, out.ndim)
    if scale != 1.0:
        out *= scale
