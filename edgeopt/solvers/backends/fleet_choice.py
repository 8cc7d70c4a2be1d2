"""Devices that each choose one of several options and share one row: convex hulls merged by slope.

See :mod:`..compiled.fleet_hulls`. The edge at which the row is full gives its price, and with it the bound of the
linear relaxation; the edges before it give a placement that fits, to which single switches are added. With thousands of
devices hardly anything is missing to the bound; what is, labels settle (:mod:`..compiled.fleet_labels`), and where they
become too many an integer program over the options that are still open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from ...model.cached import cached_property
from ...model.outcome import Options, Outcome, Status
from ...model.program import Point, Program
from ...model.tolerance import FEASIBILITY, OPTIMALITY, ROUNDOFF, SOLVER
from ...verification.linear_dual import LinearDual
from .open_columns import finish

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SWITCHES = 50
"""Most single switches that are added to what the edges give."""

_ROUNDING = 1e-11
"""Part of a row's terms by which it may be missed by rounding: less than the judge excuses."""

_LABELS = 300_000
"""Most combinations of switches that are held before an integer program is asked."""

_LARGE_CORE, _PATIENCE = 20_000, 2.0
"""Most open options that an integer program is asked about, and its seconds."""


@dataclass(frozen=True, eq=False)
class Fleet:
    """A program in which every column belongs to one row ``sum == 1``, and one more row couples them all.

    Attributes
    ----------
    program : Program
        The program itself.
    group_row : (devices,) int
        Row of each device.
    columns : (columns,) int
        Columns, device by device; those of device d are ``columns[start[d]:start[d + 1]]``.
    start : (devices + 1,) int
        Where each device begins.
    cost, weight : (columns,) float
        In the order of `columns`: cost (to be minimised; inf where an option is closed) and coefficient in the shared
        row, both with the sign that makes the row ``weight @ x <= cap``.
    cap : float
        Room in the shared row.
    shared_row : int
        Its number.
    side : float
        1 where the row has an upper side, -1 where its lower side was turned.
    """

    program: Program
    group_row: NDArray[np.int64]
    columns: NDArray[np.int64]
    start: NDArray[np.int64]
    cost: NDArray[np.float64]
    weight: NDArray[np.float64]
    cap: float
    shared_row: int
    side: float

    @classmethod
    def of(cls, program: Program) -> Fleet | None:
        """Return the fleet that a program describes, or None where it describes none."""
        matrix = program.matrix
        one = (program.row_lower == 1.0) & (program.row_upper == 1.0)
        entries = one[matrix.indices]
        one[matrix.indices[entries & (matrix.data != 1.0)]] = False
        others = np.flatnonzero(~one)
        if others.size != 1 or not program.integrality.all() or not one.any():
            return None
        shared = int(others[0])
        lower, upper = program.row_lower[shared], program.row_upper[shared]
        binary = (program.lower == 0.0) & np.isin(program.upper, (0.0, 1.0))
        if np.isfinite(lower) == np.isfinite(upper) or not binary.all():
            return None
        column = np.repeat(np.arange(program.columns), np.diff(matrix.indptr))
        grouped = one[matrix.indices]
        if not np.array_equal(column[grouped], np.arange(program.columns)):
            return None  # a column without a device, or with two
        device_row, number = np.flatnonzero(one), np.cumsum(one) - 1
        group = number[matrix.indices[grouped]]
        options = np.bincount(group, minlength=device_row.size)
        if (options == 0).any():
            return None  # a device without options
        weight = np.zeros(program.columns)
        weight[column[~grouped]] = matrix.data[~grouped]
        side = 1.0 if np.isfinite(upper) else -1.0
        sorted_ = (group[1:] >= group[:-1]).all()
        order = np.arange(group.size) if sorted_ else np.argsort(group, kind="stable")
        cost = np.where(program.upper > 0, program.sense.sign * program.cost, np.inf)
        start = np.append(0, np.cumsum(options))
        return cls(
            program,
            device_row.astype(np.int64),
            order.astype(np.int64),
            start.astype(np.int64),
            np.ascontiguousarray(cost[order]),
            np.ascontiguousarray(side * weight[order]),
            float(side * (upper if side > 0 else lower)),
            shared,
            side,
        )

    @cached_property
    def device(self) -> NDArray[np.int64]:
        """(columns,) device of each option."""
        return np.repeat(np.arange(self.group_row.size), np.diff(self.start))

    @cached_property
    def allowed(self) -> float:
        """What the shared row may be missed by from rounding."""
        if (self.weight == np.floor(self.weight)).all():
            return 0.0
        return _ROUNDING * float(np.abs(self.weight).sum()) / self.group_row.size

    def duals(self, price: float) -> NDArray[np.float64]:
        """Return the program's row duals at a price of the shared row, >= 0."""
        dual = np.zeros(self.program.rows)
        dual[self.group_row] = np.minimum.reduceat(self.cost + price * self.weight, self.start[:-1])
        dual[self.shared_row] = -self.side * price
        return self.program.sense.sign * dual

    def point(self, chosen: NDArray[np.int64]) -> Point:
        """Return the program's point of one option for each device."""
        values = np.zeros(self.program.columns)
        values[self.columns[chosen]] = 1.0
        return Point(values)


def price_fleet(fleet: Fleet, options: Options) -> Outcome:
    """Return a choice for every device with the row duals that prove how good it is."""
    from ..compiled.fleet_hulls import best_switch, hulls, walk

    devices, size = fleet.group_row.size, fleet.cost.size
    chosen, edges, rates = np.empty(devices, np.int64), np.empty(size, np.int64), np.empty(size)
    count = hulls(fleet.start, fleet.cost, fleet.weight, chosen, edges, rates)
    allowed = fleet.allowed
    if (chosen < 0).any() or float(fleet.weight[chosen].sum()) > fleet.cap + allowed:
        return Outcome(Status.INFEASIBLE, message="the lightest options of all devices do not fit into the shared row")
    order = np.argsort(-rates[:count], kind="stable")
    room = fleet.cap + allowed - float(fleet.weight[chosen].sum())
    broken, room = walk(order, edges, fleet.device, fleet.cost, fleet.weight, room, chosen)
    for _ in range(_SWITCHES):
        device, option = best_switch(fleet.start, fleet.cost, fleet.weight, room, chosen)
        if device < 0:
            break
        room -= fleet.weight[option] - fleet.weight[chosen[device]]
        chosen[device] = option
    return _judged(fleet, chosen, 0.0 if broken < 0 else float(rates[int(broken)]), options)


def _judged(fleet: Fleet, chosen: NDArray[np.int64], price: float, options: Options) -> Outcome:
    """Return the outcome of a choice at the best price; labels, or an integer program, settle what is open."""
    reduced = fleet.cost + price * fleet.weight
    least = np.minimum.reduceat(reduced, fleet.start[:-1])
    bound = float(least.sum()) - price * fleet.cap
    certificate = LinearDual(fleet.duals(price))
    cost, offset = float(fleet.cost[chosen].sum()), fleet.program.sense.sign * fleet.program.offset
    if _within(cost, bound, offset, SOLVER if options.relative_gap is None else options.relative_gap):
        return Outcome.optimal(fleet.point(chosen), certificate)
    excess = reduced - least[fleet.device]
    chosen, complete = _searched(fleet, chosen, excess, price, cost - bound)
    cost = float(fleet.cost[chosen].sum())
    word = cost if complete else bound
    if not complete and not _within(cost, bound, offset, _asked(options)) and options.remaining() > 0:
        open_ = np.flatnonzero(excess <= (cost - bound) * (1.0 + 1e-9))
        if open_.size <= _LARGE_CORE:
            chosen, word = _settled(fleet, chosen, open_, bound, options)
            cost = float(fleet.cost[chosen].sum())
    point = fleet.point(chosen)
    if _within(cost, bound, offset, _asked(options)):
        return Outcome.optimal(point, certificate)
    if _within(cost, word, offset, SOLVER if options.relative_gap is None else _asked(options)):
        return Outcome.optimal(point, certificate, bound=fleet.program.sense.sign * (word + offset))
    return Outcome.feasible(point, certificate, message="what is left is the duality gap of whole decisions")


def _asked(options: Options) -> float:
    return OPTIMALITY if options.relative_gap is None else options.relative_gap


def _searched(
    fleet: Fleet, chosen: NDArray[np.int64], excess: NDArray[np.float64], price: float, missing: float
) -> tuple[NDArray[np.int64], bool]:
    """Return the best choice, and whether every one that might be better than `chosen` was gone through."""
    from ..compiled.fleet_labels import search

    device = fleet.device
    open_ = np.flatnonzero(excess < missing)
    open_ = open_[np.lexsort((excess[open_], device[open_]))]
    # A device's first is its cheapest, at the price: what all others are switched from.
    devices, at = np.unique(device[open_], return_index=True)
    base = open_[at]
    others = np.delete(open_, at)
    owner = np.searchsorted(devices, device[others])
    least = np.full(devices.size, np.inf)
    np.minimum.at(least, owner, excess[others])
    others = others[np.lexsort((excess[others], owner, least[owner]))]
    owner = np.searchsorted(devices, device[others])
    first = np.append(np.flatnonzero(np.diff(owner, prepend=-1)), others.size)
    shift, picked = fleet.weight[others] - fleet.weight[base[owner]], np.zeros(others.size, bool)
    room = fleet.cap - float(fleet.weight[base].sum())
    found = chosen
    if room >= -fleet.allowed and price * room < missing:
        missing, found = price * room, base
    _, complete = search(first, shift, excess[others], price, room, fleet.allowed, missing, _LABELS, picked)
    if picked.any():
        found = base.copy()
        found[owner[picked]] = others[picked]
    if found is chosen:
        return chosen, complete
    if float(fleet.weight[found].sum()) > fleet.cap + fleet.allowed:
        return chosen, False  # summed in another order it does not fit
    better = float(fleet.cost[found].sum()) < float(fleet.cost[chosen].sum())
    return (found if better else chosen), complete


def _within(cost: float, bound: float, offset: float, asked: float) -> bool:
    size = max(abs(cost + offset), abs(bound + offset))
    return cost - bound <= max(asked * size, ROUNDOFF * abs(cost))


def _settled(
    fleet: Fleet, chosen: NDArray[np.int64], open_: NDArray[np.intp], bound: float, options: Options
) -> tuple[NDArray[np.int64], float]:
    """Return the best choice over the `open_` options, and the bound on it that HiGHS states."""
    device = fleet.device[open_]
    several = np.bincount(device, minlength=fleet.group_row.size)
    # A device all of whose options are closed keeps its own: then nothing is better than the choice at hand.
    if (several == 0).any():
        return chosen, float(fleet.cost[chosen].sum())
    rows = sparse.csc_array((np.ones(open_.size), (device, np.arange(open_.size))))
    matrix = sparse.vstack([rows, sparse.csc_array(fleet.weight[open_][None, :])], format="csc")
    ones = np.ones(several.size)
    core = Program(
        fleet.cost[open_],
        matrix,
        np.append(ones, -math.inf),
        np.append(ones, fleet.cap),
        upper=np.ones(open_.size),
        integrality=np.ones(open_.size, bool),
    )
    taken = np.zeros(fleet.cost.size, bool)
    taken[chosen] = True
    gap = SOLVER if options.relative_gap is None else options.relative_gap
    found = finish(core, taken[open_], 0.5 * gap * abs(bound), _PATIENCE, options)
    if found.values is not None:
        better = open_[found.values]
        if better.size == chosen.size and fleet.cost[better].sum() < fleet.cost[chosen].sum():
            broken = fleet.program.violations(fleet.point(better))
            if all(amount <= FEASIBILITY for amount in broken.values()):
                chosen = better.astype(np.int64)
    cost = float(fleet.cost[chosen].sum())
    return chosen, min(cost, max(bound, found.bound)) if found.ending in ("solved", "limit") else bound
