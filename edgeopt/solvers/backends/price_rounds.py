"""Prices of rows, round by round: found on a sample of the columns first, then on all, with less and less smoothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from .row_prices import ascend

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.outcome import Options
    from .row_prices import PricedRows, Smoothed

_SAMPLED, _LEAST_SAMPLE, _SAMPLE_ROUNDS = 100, 20_000, 3
"""Columns in the sample for each row, and at least, and rounds over it."""

_SMOOTHER, _FIRST_ROUND, _LAST_ROUND = 0.2, 0.2, 1e-7
"""Factor of the smoothing from round to round, and smoothing in units of the mean cost: at first, and at last."""


def price_rounds(rows: PricedRows, options: Options) -> Iterator[tuple[NDArray[np.float64], Smoothed]]:
    """Yield prices and the smoothed bound at them, each time with a fifth of the smoothing, until none is left."""
    price = _sampled_prices(rows, options)
    # All columns go on with the smoothing at which the sample's prices end.
    mu = rows.scale * _FIRST_ROUND * (_SMOOTHER ** (_SAMPLE_ROUNDS - 1) if price.any() else 1.0)
    while True:
        price, smoothed = ascend(rows, price, mu, 0.0, options)
        yield price, smoothed
        if mu < _LAST_ROUND * rows.scale:
            return
        mu *= _SMOOTHER


def smoothed_prices(rows: PricedRows, near_enough: float, options: Options) -> NDArray[np.float64]:
    """Return prices at which smoothing is worth no more than `near_enough` of the bound."""
    found = np.zeros(rows.rows)
    for price, here in price_rounds(rows, options):
        found = price
        near = here.exact - here.value <= near_enough * abs(here.exact)
        if near or here.exact > rows.dearest or options.remaining() <= 0:
            break
    return found


def _sampled_prices(rows: PricedRows, options: Options) -> NDArray[np.float64]:
    """Return prices from a sample of the columns, all 0 where the sample would not be much smaller."""
    price = np.zeros(rows.rows)
    size = max(_LEAST_SAMPLE, _SAMPLED * rows.rows)
    if 2 * size > rows.columns:
        return price
    part = rows.sample(size, options.generator())
    for turn in range(_SAMPLE_ROUNDS):
        price, here = ascend(part, price, rows.scale * _FIRST_ROUND * _SMOOTHER**turn, 0.0, options)
        if here.exact > part.dearest:  # too few columns to tell: some row cannot be satisfied by these
            return np.zeros(rows.rows)
    return price
