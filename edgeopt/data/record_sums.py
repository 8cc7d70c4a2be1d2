"""Sums of the Telecom Italia records by interval and square; a record that is there twice is refused.

The same day in two files (plain and gzipped, say), days that overlap and rows that are repeated all look like more
traffic. A square, interval and country code is in the files once, so each is remembered: eight bytes a record while its
file is read, packed to a few afterwards.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..model.errors import DataFormatError, InvalidOptionError
from .telecom_italia import Layout, local_time, record_lines
from .traffic_frames import demand_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray


class RecordSums:
    """Running sums per interval and square; a row per interval seen, nan where nothing was recorded.

    Parameters
    ----------
    cells : sequence of int or None
        Squares to keep, in this order; all of the layout if None.
    layout : Layout
        How long an interval is, and how many squares there are.

    Raises
    ------
    InvalidOptionError
        If a square is not in the grid, given twice, or none is given.
    """

    def __init__(self, cells: Sequence[int] | None, layout: Layout) -> None:
        self.layout = layout
        self.chosen = None if cells is None else _whole(cells)
        squares = np.arange(1, layout.squares + 1) if self.chosen is None else self.chosen
        good = (squares >= 1) & (squares <= layout.squares)
        if not good.all():
            raise InvalidOptionError(f"cells holds {squares[~good][0]}; squares are numbered 1 to {layout.squares}")
        if len(np.unique(squares)) < len(squares) or not len(squares):
            raise InvalidOptionError("cells must name at least one square, and none twice")
        self.squares = squares
        self.column = np.full(layout.squares + 1, -1)
        self.column[squares] = np.arange(len(squares))
        self.seen = np.zeros(len(squares), dtype=bool)
        self.rows: dict[int, NDArray[np.float64]] = {}
        self.once = _Once()

    def begin(self, path: Path) -> None:
        """Begin a file: the records added from now on are its."""
        self.once.begin(path)

    def add(
        self,
        square: NDArray[np.int64],
        time: NDArray[np.int64],
        country: NDArray[np.int64],
        value: NDArray[np.float64],
    ) -> None:
        """Add records; an interval counts as seen, and a square too, even where `value` is nan.

        Raises
        ------
        DataFormatError
            If a square, interval and country code of the kept squares was added before; names both lines.
        """
        columns = self.column[square]
        times, slot = np.unique(time, return_inverse=True)
        for moment in times:
            if moment not in self.rows:
                self.rows[int(moment)] = np.full(len(self.squares), np.nan)
        ours = columns >= 0
        self.once.add(self.layout, square[ours], time[ours], country[ours])
        self.seen[columns[ours]] = True
        kept = ours & ~np.isnan(value)
        key = slot[kept] * len(self.squares) + columns[kept]
        shape = (len(times), len(self.squares))
        total = np.bincount(key, weights=value[kept], minlength=math.prod(shape)).reshape(shape)
        found = np.bincount(key, minlength=math.prod(shape)).reshape(shape) > 0
        for moment, sums, present in zip(times, total, found, strict=True):
            row = self.rows[int(moment)]
            row[present] = np.where(np.isnan(row[present]), 0.0, row[present]) + sums[present]

    def grid(self) -> tuple[NDArray[np.float64], int, NDArray[np.int64]]:
        """Return (steps, squares) values on the regular grid, the first interval, and the squares."""
        keep = self.seen if self.chosen is None else np.ones(len(self.squares), dtype=bool)
        first = min(self.rows)
        steps = (max(self.rows) - first) // self.layout.slot_ms + 1
        demand_dense(len(self.rows), steps, f"{first} to {max(self.rows)} ms")
        values = np.full((steps, int(keep.sum())), np.nan)
        for moment in sorted(self.rows):
            values[(moment - first) // self.layout.slot_ms] = self.rows.pop(moment)[keep]
        return values, first, self.squares[keep]


def _whole(cells: Sequence[int]) -> NDArray[np.int64]:
    given = np.asarray(cells)
    if given.size and given.dtype.kind not in "iu":
        raise InvalidOptionError(f"cells holds {given.flat[0].item()!r}; squares are numbered by whole numbers")
    return given.astype(np.int64)


class _Once:
    """Which records were added: for each interval, ascending numbers that stand for square and country."""

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.countries: dict[int, int] = {}
        self.open: dict[int, NDArray[np.int64]] = {}
        self.packed: dict[int, bytes] = {}

    def begin(self, path: Path) -> None:
        """Begin a file; put away the intervals of the one before: small differences pack well."""
        self.paths.append(path)
        for moment, keys in self.open.items():
            self.packed[moment] = zlib.compress(np.diff(keys, prepend=0).tobytes(), 1)
        self.open.clear()

    def add(
        self, layout: Layout, square: NDArray[np.int64], time: NDArray[np.int64], country: NDArray[np.int64]
    ) -> None:
        """Remember records, or refuse the first that is remembered already."""
        codes, which = np.unique(country, return_inverse=True)
        numbers = np.array(
            [self.countries.setdefault(int(code), len(self.countries)) for code in codes], dtype=np.int64
        )
        key = numbers[which] * (layout.squares + 1) + square
        order = np.lexsort((key, time))
        moments, starts = np.unique(time[order], return_index=True)
        for moment, keys in zip(moments.tolist(), np.split(key[order], starts[1:]), strict=False):
            together = np.concatenate([self._known(moment), keys])
            together.sort(kind="stable")
            twice = together[1:][np.diff(together) == 0]
            if len(twice):
                code, cell = divmod(int(twice[0]), layout.squares + 1)
                wanted = (cell, moment, list(self.countries)[code])
                raise DataFormatError(_places(self.paths, layout, wanted))
            self.open[moment] = together

    def _known(self, moment: int) -> NDArray[np.int64]:
        if moment in self.packed:
            self.open[moment] = np.cumsum(np.frombuffer(zlib.decompress(self.packed.pop(moment)), dtype=np.int64))
        return self.open.get(moment, np.empty(0, dtype=np.int64))


def _places(paths: list[Path], layout: Layout, wanted: tuple[int, int, int]) -> str:
    """Say where the record `wanted` (square, epoch milliseconds, country) is for the first and the second time."""
    lines = (f"{path}, line {number}" for path in paths for number in record_lines(path, layout, wanted))
    first = next(lines)
    square, time, country = wanted
    return (
        f"{next(lines)}: square {square}, time {local_time(time)} and country {country} are in {first} already; each "
        "record is there once. Give no day twice, neither plain and gzipped nor overlapping, and drop repeated lines"
    )
