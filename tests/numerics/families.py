"""Seeded families of small programs, each of a kind on which floating-point solvers go wrong.

A family is a function of a random generator; every family of the issue's list comes as a linear program (``-lp``) and
with integer columns (``-mip``). Most members are bounded, some infeasible, some unbounded. At most 12 columns, 8 rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from zlib import crc32

import numpy as np

from .data import Data

inf = math.inf
Array = np.ndarray


def drawn(family: str, seed: int) -> Data:
    """Return member `seed` of a family: the same one for ever."""
    rng = np.random.default_rng([crc32(family.encode()), seed])
    return replace(FAMILIES[family](rng), family=family, seed=seed)


def _data(
    cost: Array,
    rows: Array,
    row_lower: Array,
    row_upper: Array,
    lower: Array,
    upper: Array,
    integer: Array,
    sense: int = 1,
) -> Data:
    """Return validated plain numbers; a maximum has its costs turned."""
    return Data(
        [float(sense * c) for c in cost],
        [[float(a) for a in row] for row in rows],
        [float(b) for b in row_lower],
        [float(b) for b in row_upper],
        [float(b) for b in lower],
        [float(b) for b in upper],
        [bool(k) for k in integer],
        sense,
    )


def _sense(rng: np.random.Generator) -> int:
    return 1 if rng.random() < 0.7 else -1


def _integers(rng: np.random.Generator, columns: int, integral: bool) -> Array:
    """All columns, or some, are integer in an integral program; none in a linear one."""
    if not integral:
        return np.zeros(columns, bool)
    if rng.random() < 0.5:
        return np.ones(columns, bool)
    some = rng.random(columns) < 0.5
    some[rng.integers(columns)] = True
    return some


def _sides(rng: np.random.Generator, rows: Array, point: Array) -> tuple[Array, Array]:
    """Sides that `point` meets: rows of both kinds, ranges and equations."""
    activity, slack = rows @ point, np.round(rng.random(len(rows)) * 6)
    kind = rng.integers(0, 4, len(rows))
    low = np.where(kind == 0, -inf, activity - np.where(kind == 3, 0.0, slack))
    high = np.where(kind == 1, inf, activity + np.where(kind == 3, 0.0, slack))
    return low, high


def _plain(rng: np.random.Generator, integral: bool, *, box: float = 10.0, open_share: float = 0.3) -> Data:
    """A program in small whole numbers, from which the others are bent."""
    n, m = int(rng.integers(2, 9)), int(rng.integers(1, 6))
    rows = rng.integers(-9, 10, (m, n)) * (rng.random((m, n)) < 0.7)
    point = np.round(rng.random(n) * box)
    low, high = _sides(rng, rows, point)
    upper = np.where(rng.random(n) < open_share, inf, box)
    cost = rng.integers(-9, 10, n) + np.where(np.isinf(upper), 6, 0)
    return _bent(rng, _data(cost, rows, low, high, np.zeros(n), upper, _integers(rng, n, integral), _sense(rng)))


def _bent(rng: np.random.Generator, data: Data) -> Data:
    """Make one program in six infeasible, one in eight open in the direction of a column without rows."""
    chance = rng.random()
    if chance < 1 / 6:
        return _contradicted(rng, data)
    if chance < 1 / 6 + 1 / 8:
        return _opened(rng, data)
    return data


def _contradicted(rng: np.random.Generator, data: Data) -> Data:
    """Add a row that the boxes, or another row, refuse by a whole unit at least."""
    held = [i for i, pair in enumerate(zip(data.row_lower, data.row_upper, strict=True)) if np.isfinite(pair).any()]
    if not held:
        return data
    i = int(rng.choice(held))
    row = data.rows[i]
    if math.isinf(data.row_upper[i]):
        low, high = -inf, data.row_lower[i] - 1.0
    else:
        low, high = data.row_upper[i] + 1.0, inf
    return replace(data, rows=[*data.rows, row], row_lower=[*data.row_lower, low], row_upper=[*data.row_upper, high])


def _opened(rng: np.random.Generator, data: Data) -> Data:
    """Add a column of improving cost that only helps its rows."""
    signs = [
        0.0 if not (math.isinf(low) or math.isinf(high)) else (1.0 if math.isinf(high) else -1.0)
        for low, high in zip(data.row_lower, data.row_upper, strict=True)
    ]
    entries = [sign * float(rng.integers(0, 5)) for sign in signs]
    rows = [[*row, entry] for row, entry in zip(data.rows, entries, strict=True)]
    return replace(
        data,
        cost=[*data.cost, -float(data.sense * rng.integers(1, 10))],
        rows=rows,
        lower=[*data.lower, 0.0],
        upper=[*data.upper, inf],
        integer=[*data.integer, False],
    )


def _scaled(data: Data, row: Array, column: Array, cost: float = 1.0) -> Data:
    """Change the units of rows, columns and cost; the result is rounded, as a user's own conversion would be."""
    return replace(
        data,
        cost=[float(c * cost * s) for c, s in zip(data.cost, column, strict=True)],
        rows=[
            [float(a * r * s) for a, s in zip(line, column, strict=True)]
            for line, r in zip(data.rows, row, strict=True)
        ],
        row_lower=[float(b * r) for b, r in zip(data.row_lower, row, strict=True)],
        row_upper=[float(b * r) for b, r in zip(data.row_upper, row, strict=True)],
        lower=[float(b / s) for b, s in zip(data.lower, column, strict=True)],
        upper=[float(b / s) for b, s in zip(data.upper, column, strict=True)],
    )


def _units(rng: np.random.Generator, integral: bool) -> Data:
    """Rows and continuous columns in units from 1e-9 to 1e9."""
    data = _plain(rng, integral)
    row = 10.0 ** rng.integers(-9, 10, len(data.rows))
    column = np.where(data.integer, 1.0, 10.0 ** rng.integers(-9, 10, len(data.cost)))
    return _scaled(data, row, column, 10.0 ** rng.integers(-6, 7))


def _two_scales(rng: np.random.Generator, integral: bool) -> Data:
    """Some costs, rows or bounds are 10 to 10^12 times the others."""
    data = _plain(rng, integral)
    big = 10.0 ** rng.integers(1, 13)
    where = int(rng.integers(4))
    if where == 0:
        cost = [c * (big if rng.random() < 0.4 else 1.0) for c in data.cost]
        return replace(data, cost=cost)
    if where == 1:
        return _scaled(data, np.where(rng.random(len(data.rows)) < 0.5, big, 1.0), np.ones(len(data.cost)))
    if where == 2:
        upper = [u if k or rng.random() < 0.5 else u * big for u, k in zip(data.upper, data.integer, strict=True)]
        return replace(data, upper=upper)
    return _scaled(
        data, np.ones(len(data.rows)), np.where(np.array(data.integer) | (rng.random(len(data.cost)) < 0.5), 1.0, big)
    )


def _fractional_bounds(rng: np.random.Generator, integral: bool) -> Data:
    """Coefficients and bounds with one decimal."""
    n, m = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    rows = np.round(rng.uniform(-3, 3, (m, n)), 1)
    lower = np.round(rng.uniform(-4, 1, n), 1)
    upper = np.round(lower + rng.uniform(0, 6, n), 1)
    upper[rng.random(n) < 0.15] = inf
    point = np.where(np.isinf(upper), lower + 1, (lower + upper) / 2)
    activity = rows @ point
    low = np.where(rng.random(m) < 0.4, -inf, np.round(activity - rng.uniform(-0.5, 4, m), 1))
    high = np.where(rng.random(m) < 0.4, inf, np.maximum(np.round(activity + rng.uniform(-0.5, 4, m), 1), low))
    cost = 10.0 * rng.integers(-20, 20, n)
    return _bent(rng, _data(cost, rows, low, high, lower, upper, _integers(rng, n, integral), _sense(rng)))


def _large_bounds(rng: np.random.Generator, integral: bool) -> Data:
    """Integer columns whose bounds reach 10^5 to 10^12, tied by equations and ranges."""
    n, m = int(rng.integers(2, 6)), int(rng.integers(1, 4))
    top = 10.0 ** rng.integers(5, 13)
    most = 10 ** int(rng.integers(1, 5))
    rows = rng.integers(-most, most + 1, (m, n)) * (rng.random((m, n)) < 0.8)
    wide = rng.random(n) < 0.6
    lower = np.where(wide & (rng.random(n) < 0.5), -top, 0.0)
    upper = np.where(wide, top, rng.integers(1, 16, n))
    point = np.floor(lower + rng.random(n) * np.minimum(upper - lower, 1e6))
    activity = rows @ point
    low = np.where(rng.random(m) < 0.3, -inf, activity - rng.integers(0, 9, m) * (rng.random(m) < 0.5))
    high = np.where(
        (rng.random(m) < 0.3) & np.isfinite(low), inf, activity + rng.integers(0, 9, m) * (rng.random(m) < 0.5)
    )
    cost = rng.integers(-16, 17, n)
    integer = np.ones(n, bool) if integral else np.zeros(n, bool)
    if integral and rng.random() < 0.3:
        integer[rng.integers(n)] = False
    return _bent(rng, _data(cost, rows, low, high, lower, upper, integer, _sense(rng)))


def _penalties(rng: np.random.Generator, integral: bool) -> Data:
    """Covering rows whose slack costs 10^3 to 10^9 beside costs of 1 to 20."""
    n, m = int(rng.integers(2, 7)), int(rng.integers(1, 4))
    rows = rng.integers(0, 5, (m, n))
    need = rng.integers(1, 12, m) + np.where(rng.random(m) < 0.1, 200, 0)  # some can only be met by the slack
    penalty = 10.0 ** rng.integers(3, 10)
    cost = np.r_[rng.integers(1, 21, n), penalty * rng.integers(1, 4, m)]
    upper = np.r_[rng.integers(1, 6, n), np.full(m, inf)]
    integer = np.r_[_integers(rng, n, integral), np.zeros(m, bool)]
    data = _data(
        cost, np.hstack([rows, np.eye(m)]), need, np.full(m, inf), np.zeros(n + m), upper, integer, _sense(rng)
    )
    if rng.random() < 0.1:
        return _contradicted(rng, data)
    return _opened(rng, data) if rng.random() < 0.1 else data


def _big_m(rng: np.random.Generator, integral: bool) -> Data:
    """Sites that must be opened, by a binary and a link of 10^4 to 10^8, before they serve a demand."""
    sites = int(rng.integers(1, 5))
    big = 10.0 ** rng.integers(4, 9)
    demand = float(rng.integers(1, 60))
    cost = np.r_[rng.integers(1, 2000, sites), rng.integers(1, 9, sites)]
    links = np.hstack([-big * np.eye(sites), np.eye(sites)])
    rows = np.vstack([links, np.r_[np.zeros(sites), np.ones(sites)]])
    low, high = np.r_[np.full(sites, -inf), demand], np.r_[np.zeros(sites), inf if rng.random() < 0.5 else demand]
    upper = np.r_[np.ones(sites), np.where(rng.random(sites) < 0.5, inf, rng.integers(5, 80, sites))]
    integer = np.r_[np.full(sites, integral), np.full(sites, integral and rng.random() < 0.2)]
    data = _data(cost, rows, low, high, np.zeros(2 * sites), upper, integer, _sense(rng))
    return _opened(rng, data) if rng.random() < 0.08 else data


def _whole_numbers(rng: np.random.Generator, integral: bool) -> Data:
    """Rows in whole numbers near 10^9, with sides that a unit decides."""
    n, m = int(rng.integers(2, 6)), int(rng.integers(1, 3))
    size = 10 ** int(rng.integers(6, 10))
    rows = rng.integers(size // 2, size, (m, n)) * (rng.random((m, n)) < 0.8) + rng.integers(-3, 4, (m, n))
    if rng.random() < 0.3:
        rows = rows // 2 * 2  # an odd side is then out of reach
    point = rng.integers(0, 10, n)
    activity = (rows @ point).astype(float) + rng.integers(-2, 3, m) * (rng.random(m) < 0.4)
    equal = rng.random(m) < 0.4
    up = rng.random(m) < 0.5
    low, high = np.where(equal | up, activity, -inf), np.where(equal | ~up, activity, inf)
    cost = rng.integers(-9, 10, n) * 10.0 ** int(rng.integers(0, 4))
    upper = np.where(rng.random(n) < 0.1, 1e6, rng.integers(1, 12, n))
    integer = np.full(n, integral)
    return _bent(rng, _data(cost, rows, low, high, np.zeros(n), upper, integer, _sense(rng)))


def _infeasible_mip(rng: np.random.Generator, integral: bool) -> Data:
    """Programs whose relaxation has points and that have none, and their neighbours that have one."""
    n = int(rng.integers(2, 6))
    factor = int(rng.integers(2, 8))
    rows = factor * rng.integers(1, 9, (1, n))
    side = float(factor * rng.integers(2, 20) + (rng.integers(1, factor) if rng.random() < 0.7 else 0))
    extra = rng.integers(-5, 6, (1, n))
    low, high = np.array([side, -inf]), np.array([side, float(rng.integers(0, 20))])
    return _data(
        rng.integers(-9, 10, n),
        np.vstack([rows, extra]),
        low,
        high,
        np.zeros(n),
        np.full(n, 12.0),
        np.full(n, integral),
        _sense(rng),
    )


def _mean_rows(rng: np.random.Generator, integral: bool) -> Data:
    """Coefficients of 1/K: shares of a mean."""
    n = int(rng.integers(3, 12))
    rows = np.full((1, n), 1.0 / n)
    if rng.random() < 0.5:
        rows = np.vstack([rows, (rng.random(n) < 0.5) / n])
    m = len(rows)
    low = np.round(rng.random(m), 1) * rows.sum(axis=1)
    cost = rng.normal(size=n) / n * 10.0 ** rng.integers(-3, 4)
    return _data(cost, rows, low, np.full(m, inf), np.zeros(n), np.ones(n), _integers(rng, n, integral), _sense(rng))


def _degenerate(rng: np.random.Generator, integral: bool) -> Data:
    """Many rows through one vertex, and ties among the costs."""
    n, m = int(rng.integers(2, 6)), int(rng.integers(3, 9))
    rows = rng.integers(-2, 3, (m, n))
    point = rng.integers(0, 3, n)
    activity = (rows @ point).astype(float)
    cost = -(rng.random(m) < 0.5).astype(float) @ rows  # in the cone of the rows: the vertex is optimal
    return _bent(
        rng, _data(cost, rows, np.full(m, -inf), activity, np.zeros(n), np.full(n, inf), _integers(rng, n, integral))
    )


def _redundant(rng: np.random.Generator, integral: bool) -> Data:
    """Equations repeated in other units, so that float64 makes them contradict each other by a part in 10^16."""
    n, m = int(rng.integers(3, 7)), int(rng.integers(1, 4))
    rows = np.round(rng.uniform(0, 3, (m, n)), 1)
    point = np.round(rng.random(n) * 5, 1)
    side = np.round(rows @ point, 6)
    factors = 1 / rng.integers(3, 50, m)
    rows, side = np.vstack([rows, rows * factors[:, None]]), np.r_[side, side * factors]
    cost = rng.integers(1, 10, n)
    return _data(cost, rows, side, side, np.zeros(n), np.full(n, 20.0), np.zeros(n, bool), _sense(rng))


def _free(rng: np.random.Generator, integral: bool) -> Data:
    """Columns without any bound, held by rows alone."""
    n = int(rng.integers(2, 6))
    rows = rng.integers(-5, 6, (n, n)) + 7.0 * np.eye(n)
    rows = np.vstack([rows, rng.integers(-5, 6, (1, n))])
    side = np.round(rows @ rng.normal(size=n), 2)
    prices = np.r_[rng.random(n), 0.0]
    cost = np.round(prices @ rows, 3)
    low = np.r_[side[:n], -inf]
    return _data(
        cost,
        rows,
        low,
        np.r_[np.full(n, inf), side[n] + 5],
        np.full(n, -inf),
        np.full(n, inf),
        np.zeros(n, bool),
        _sense(rng),
    )


def _near_infeasible(rng: np.random.Generator, integral: bool) -> Data:
    """Two nearly parallel rows that meet far out, or miss each other by little."""
    n = int(rng.integers(2, 5))
    row = rng.integers(1, 9, n).astype(float)
    tilt = 10.0 ** -int(rng.integers(3, 13))
    other = row * (1 + tilt * rng.integers(-1, 2, n))
    side = float(rng.integers(1, 20))
    gap = side * 10.0 ** -int(rng.integers(3, 8)) * (1 if rng.random() < 0.6 else -1)
    rows = np.vstack([row, other])
    return _data(
        rng.integers(1, 9, n),
        rows,
        [side, -inf],
        [inf, side - gap],
        np.zeros(n),
        np.full(n, inf if rng.random() < 0.5 else 1e4),
        np.zeros(n, bool),
    )


def _infeasible_units(rng: np.random.Generator, integral: bool) -> Data:
    data = _contradicted(rng, _plain(rng, integral))
    row, column = 10.0 ** rng.integers(-9, 10, len(data.rows)), 10.0 ** rng.integers(-9, 10, len(data.cost))
    return _scaled(data, row, np.where(data.integer, 1.0, column))


def _unbounded_units(rng: np.random.Generator, integral: bool) -> Data:
    data = _opened(rng, _plain(rng, integral))
    row, column = 10.0 ** rng.integers(-9, 10, len(data.rows)), 10.0 ** rng.integers(-9, 10, len(data.cost))
    return _scaled(data, row, np.where(data.integer, 1.0, column))


_BOTH = {
    "two-scales": _two_scales,
    "units": _units,
    "fractional-bounds": _fractional_bounds,
    "large-bounds": _large_bounds,
    "penalties": _penalties,
    "big-m": _big_m,
    "whole-numbers": _whole_numbers,
    "mean-rows": _mean_rows,
    "degenerate": _degenerate,
    "infeasible-units": _infeasible_units,
    "unbounded-units": _unbounded_units,
}
_ONE = {
    "infeasible-mip": (_infeasible_mip, True),
    "redundant-lp": (_redundant, False),
    "free-lp": (_free, False),
    "near-infeasible-lp": (_near_infeasible, False),
}


def _families() -> dict[str, Callable[[np.random.Generator], Data]]:
    found: dict[str, Callable[[np.random.Generator], Data]] = {}
    for name, make in _BOTH.items():
        found[f"{name}-lp"] = lambda rng, make=make: make(rng, False)
        found[f"{name}-mip"] = lambda rng, make=make: make(rng, True)
    for name, (make, integral) in _ONE.items():
        found[name] = lambda rng, make=make, integral=integral: make(rng, integral)
    return found


FAMILIES = _families()
