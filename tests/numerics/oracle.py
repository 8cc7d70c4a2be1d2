"""The truth about a small linear or mixed-integer program, with the float64 data taken as the exact numbers they are.

Branch and bound over an exact simplex method: what it says of a program is a theorem about it, or it says that time ran
out. Where the rounding of the data decides, more than one answer is acceptable (:func:`rights`): a program counts as
solved rightly if its rows may move by 10^-12 of their own size, and one that is infeasible by less than 10^-9 of its
right-hand sides may also be solved. Rows in whole numbers do not move: integer columns with coefficients whose common
denominator is small meet their sides exactly or not at all.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from fractions import Fraction

from .data import Data
from .right import Right
from .simplex import Bound, OutOfTimeError, Simplex, whole_scale

SECONDS = 1.5
"""Time for one program."""

NODES = 20_000
"""Nodes of one search."""

OWN_SIZE = Fraction(1, 10**12)
"""Part of a row's own size (terms and side) by which a right answer may miss it."""

SIDE = Fraction(1, 10**9)
"""Part of its side by which a row of an infeasible program may move."""

WHOLE = 2**40
"""Largest common denominator of the coefficients of a row in whole numbers."""

OBJECTIVE = Fraction(1, 10**6)
"""Relative distance from the optimum that still counts as right."""

CANCELLED = Fraction(1, 10**9)
"""The same, relative to the sum of the objective's absolute terms."""

BOUND = Fraction(1, 10**9)
"""Relative distance by which the rounding of a bound may pass the optimum."""


@dataclass(frozen=True)
class Truth:
    """What is exactly so.

    Attributes
    ----------
    status : str
        ``optimal``, ``infeasible``, ``unbounded``, or ``unknown`` where time ran out.
    objective : Fraction, optional
        The optimum.
    point : tuple of Fraction
        Where it is reached.
    """

    status: str
    objective: Fraction | None = None
    point: tuple[Fraction, ...] = ()


@dataclass(frozen=True)
class _Exact:
    """A minimisation in rational numbers; a bound is None where there is none."""

    cost: list[Fraction]
    rows: list[list[Fraction]]
    row_lower: list[Fraction | None]
    row_upper: list[Fraction | None]
    lower: list[Fraction | None]
    upper: list[Fraction | None]
    integer: list[bool]


def truth(data: Data, seconds: float = SECONDS) -> Truth:
    """Return what is exactly so about `data`, or ``unknown`` after `seconds`."""
    if any(math.isinf(low) and low > 0 for low in [*data.row_lower, *data.lower]):
        return Truth("infeasible")
    if any(math.isinf(high) and high < 0 for high in [*data.row_upper, *data.upper]):
        return Truth("infeasible")
    try:
        found = _solve(_exact(data), time.monotonic() + seconds)
    except OutOfTimeError:
        return Truth("unknown")
    return replace(found, objective=data.sense * found.objective) if found.objective is not None else found


def rights(data: Data, exact: Truth, seconds: float = SECONDS) -> tuple[Right, ...]:
    """Return every acceptable answer to `data`, given the exact one; none where it is not known.

    Raises
    ------
    OutOfTimeError
        If the relaxed programs take longer than `seconds`.
    """
    deadline = time.monotonic() + seconds
    if exact.status == "unknown":
        return ()
    if exact.status == "unbounded":
        return (Right("unbounded"),)
    if exact.status == "infeasible":
        return (Right("infeasible"), *_nearly_feasible(data, deadline))
    return _about_optimal(data, exact, deadline)


def _about_optimal(data: Data, exact: Truth, deadline: float) -> tuple[Right, ...]:
    program = _exact(data)
    sizes = [
        _own_size(row, exact.point, low, high) if _moves(program, row) else Fraction(0)
        for row, low, high in zip(program.rows, program.row_lower, program.row_upper, strict=True)
    ]
    assert exact.objective is not None
    ends = [data.sense * exact.objective]
    if any(sizes):
        relaxed = _solve(_relaxed(program, [OWN_SIZE * size for size in sizes]), deadline)
        assert relaxed.objective is not None
        ends.append(relaxed.objective)
        if _same_integers(data, exact.point, relaxed.point):  # a point may as well miss the optimum by as much
            ends.append(2 * ends[0] - relaxed.objective)
    return _between(data, exact.point, ends)


def _same_integers(data: Data, first: tuple[Fraction, ...], second: tuple[Fraction, ...]) -> bool:
    return all(a == b for a, b, whole in zip(first, second, data.integer, strict=True) if whole)


def _own_size(
    row: list[Fraction], point: tuple[Fraction, ...], low: Fraction | None, high: Fraction | None
) -> Fraction:
    terms = sum((abs(a * x) for a, x in zip(row, point, strict=True)), Fraction(0))
    return terms + max(abs(low or 0), abs(high or 0))


def _nearly_feasible(data: Data, deadline: float) -> tuple[Right, ...]:
    """Answers that moving each side by at most 10^-9 of it allows: from the least such move to the whole of it."""
    program = _exact(data)
    sides = [
        max(abs(low or 0), abs(high or 0)) if _moves(program, row) else Fraction(0)
        for row, low, high in zip(program.rows, program.row_lower, program.row_upper, strict=True)
    ]
    if not any(sides):
        return ()
    most = _solve(_relaxed(program, [SIDE * side for side in sides]), deadline)
    if most.status == "infeasible":
        return ()
    if most.status == "unbounded":
        return (Right("unbounded"),)
    least = _least_move(program, sides, deadline)
    first = _solve(_relaxed(program, [least * side for side in sides]), deadline)
    assert most.objective is not None
    assert first.objective is not None
    return _between(data, first.point, [most.objective, first.objective])


def _between(data: Data, point: tuple[Fraction, ...], ends: list[Fraction]) -> tuple[Right, ...]:
    magnitude = sum((abs(Fraction(c) * x) for c, x in zip(data.cost, point, strict=True)), Fraction(0))
    low, high = min(ends), max(ends)
    low -= OBJECTIVE * abs(low) + CANCELLED * magnitude
    reach = high + BOUND * abs(high) + BOUND * magnitude / 1000
    high += OBJECTIVE * abs(high) + CANCELLED * magnitude
    if data.sense > 0:
        return (Right("optimal", _float(low), _float(high), _float(reach)),)
    return (Right("optimal", -_float(high), -_float(low), -_float(reach)),)


def _least_move(program: _Exact, sides: list[Fraction], deadline: float) -> Fraction:
    """Return the smallest part of their sides by which the rows must move for a point to exist."""
    rows, lowers, uppers = [], [], []
    for row, low, high, side in zip(program.rows, program.row_lower, program.row_upper, sides, strict=True):
        if low is not None:
            rows.append([*row, side])
            lowers.append(low)
            uppers.append(None)
        if high is not None:
            rows.append([*row, -side])
            lowers.append(None)
            uppers.append(high)
    elastic = _Exact(
        [Fraction(0)] * len(program.cost) + [Fraction(1)],
        rows,
        lowers,
        uppers,
        [*program.lower, Fraction(0)],
        [*program.upper, None],
        [*program.integer, False],
    )
    found = _solve(elastic, deadline)
    assert found.objective is not None
    return found.objective


def _moves(program: _Exact, row: list[Fraction]) -> bool:
    """Whether a row may move at all."""
    continuous = any(a and not whole for a, whole in zip(row, program.integer, strict=True))
    return continuous or whole_scale(row) > WHOLE


def _relaxed(program: _Exact, moves: list[Fraction]) -> _Exact:
    lower = [None if low is None else low - move for low, move in zip(program.row_lower, moves, strict=True)]
    upper = [None if high is None else high + move for high, move in zip(program.row_upper, moves, strict=True)]
    return replace(program, row_lower=lower, row_upper=upper)


def _exact(data: Data) -> _Exact:
    return _Exact(
        [data.sense * Fraction(c) for c in data.cost],
        [[Fraction(a) for a in row] for row in data.rows],
        [_side(side) for side in data.row_lower],
        [_side(side) for side in data.row_upper],
        [_side(side) for side in data.lower],
        [_side(side) for side in data.upper],
        list(data.integer),
    )


def _side(value: float) -> Fraction | None:
    return None if math.isinf(value) else Fraction(value)


def _solve(program: _Exact, deadline: float) -> Truth:
    """Return the minimum, by branch and bound where columns are integer."""
    scaled = _Scaled(program)
    root = scaled.simplex(deadline)
    status = root.solve()
    if status == "infeasible":
        return Truth("infeasible")
    if not any(program.integer):
        return scaled.truth(root) if status == "optimal" else Truth(status)
    if status == "unbounded":  # of rational data: unbounded too, if there is any integer point (Meyer 1974)
        some = _solve(replace(program, cost=[Fraction(0)] * len(program.cost)), deadline)
        return Truth("unbounded") if some.status == "optimal" else some
    return _search(scaled, root)


def _search(scaled: _Scaled, root: Simplex) -> Truth:
    best: Simplex | None = None
    waiting, nodes = [root], 0
    while waiting:
        node = waiting.pop()
        nodes += 1
        if nodes > NODES:
            raise OutOfTimeError
        if best is not None and node.objective() >= best.objective():
            continue
        if (branch := scaled.fraction(node)) is None:
            best = node
            continue
        waiting += scaled.children(node, *branch)
    return Truth("infeasible") if best is None else scaled.truth(best)


class _Scaled:
    """The program in whole numbers, and the way back."""

    def __init__(self, program: _Exact) -> None:
        self.program = program
        n = len(program.cost)
        lower, upper = list(program.lower), list(program.upper)
        for j in range(n):
            if program.integer[j]:
                low, high = lower[j], upper[j]
                lower[j] = None if low is None else Fraction(math.ceil(low))
                upper[j] = None if high is None else Fraction(math.floor(high))
        self.rows, row_lower, row_upper = [], [], []
        for row, low, high in zip(program.rows, program.row_lower, program.row_upper, strict=True):
            whole, low, high = self._whole_row(row, low, high)
            self.rows.append(whole)
            row_lower.append(low)
            row_upper.append(high)
        bounds = [side for side in [*lower, *upper, *row_lower, *row_upper] if side is not None]
        self.unit = whole_scale(bounds)  # every value is a whole number of these
        self.cost_scale = whole_scale(program.cost)
        self.cost = [int(c * self.cost_scale) for c in program.cost]
        self.lower = [self._in_units(side) for side in [*lower, *row_lower]]
        self.upper = [self._in_units(side) for side in [*upper, *row_upper]]

    def _whole_row(
        self, row: list[Fraction], low: Fraction | None, high: Fraction | None
    ) -> tuple[list[int], Fraction | None, Fraction | None]:
        scale = Fraction(whole_scale(row))
        divisor = math.gcd(*(int(a * scale) for a in row)) or 1
        scale /= divisor
        low = None if low is None else low * scale
        high = None if high is None else high * scale
        if all(whole for whole, a in zip(self.program.integer, row, strict=True) if a):
            low = None if low is None else Fraction(math.ceil(low))
            high = None if high is None else Fraction(math.floor(high))
        return [int(a * scale) for a in row], low, high

    def _in_units(self, side: Fraction | None) -> Bound:
        return None if side is None else int(side * self.unit)

    def simplex(self, deadline: float) -> Simplex:
        return Simplex(self.cost, self.rows, self.lower, self.upper, deadline)

    def fraction(self, node: Simplex) -> tuple[int, int] | None:
        """Return the integer column farthest from a whole number, with the number below it; None if all are whole."""
        point = node.point()
        worst: tuple[Fraction, int, int] | None = None
        for j in range(len(self.cost)):
            if not self.program.integer[j]:
                continue
            value = point[j] / self.unit
            floor = math.floor(value)
            off = min(value - floor, floor + 1 - value)
            if off and (worst is None or off > worst[0]):
                worst = (off, j, floor)
        return None if worst is None else worst[1:]

    def children(self, node: Simplex, column: int, floor: int) -> list[Simplex]:
        """Return the node with the column at most `floor`, and at least the next number, where these have points."""
        down, up = node, node.copy()
        down.restrict(column, down.lower[column], floor * self.unit)
        up.restrict(column, (floor + 1) * self.unit, up.upper[column])
        found = [child for child in (down, up) if child.solve() == "optimal"]
        return sorted(found, key=lambda child: child.objective(), reverse=True)  # the better one is searched first

    def truth(self, node: Simplex) -> Truth:
        point = node.point()
        values = tuple(point[j] / self.unit for j in range(len(self.cost)))
        return Truth("optimal", node.objective() / self.unit / self.cost_scale, values)


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)
