"""The neutral sparse program: the one shape of problem that every general solver understands.

    minimise or maximise  cost @ x + offset  [+ or - weighted squares of linear expressions]
    subject to            row_lower <= matrix @ x <= row_upper
                          lower <= x <= upper
                          x[j] integer where integrality[j]

Squares are added to an objective that is minimised and subtracted from one that is maximised, so that it stays convex.
A program knows no paper, and a general solver knows nothing but programs: so formulations and solvers add up instead of
multiplying.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import sparse

from .block_names import BlockNames, JoinedNames
from .cached import cached_property
from .errors import InvalidProblemError, UnsupportedPairError
from .late import late
from .matrices import csc_matrix
from .problem import Decision, HasProgram, Sense
from .records import Record, assign, float_array, number, owned_read_only, plain, read_only, record, require
from .squares import Squares

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from .kept import DefaultBooleans, DefaultFloats, DefaultMatrix, DefaultNames, Floats, Kept

    _Sense = Kept[Sense, Sense | Literal["minimize", "maximize"]]


@dataclass(frozen=True)
class IndexedNames(Record, Sequence[str]):
    """Names ``stem[0]``, ``stem[1]``, … that cost no memory until one is read."""

    stem: str
    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [f"{self.stem}[{i}]" for i in range(self.size)[index]]
        return f"{self.stem}[{range(self.size)[index]}]"


@record
class Point(Decision):
    """A point of a program.

    Attributes
    ----------
    values : (columns,) float
        One value for each column.
    """

    values: Floats

    def __post_init__(self) -> None:
        values = np.array(plain(self.values, "values"), dtype=np.float64)
        object.__setattr__(self, "values", read_only(values))


@record
class Program(HasProgram[Point]):
    """A sparse linear or mixed-integer program; immutable.

    Attributes
    ----------
    cost : (columns,) float
        Objective coefficient of each column; finite.
    matrix : (rows, columns) sparse float, optional
        Coefficients of the rows; any scipy sparse or dense matrix, stored as CSC. No rows by default.
    row_lower, row_upper : (rows,) float, optional
        Bounds of the rows; -inf and +inf by default.
    lower, upper : (columns,) float, optional
        Bounds of the columns; 0 and +inf by default.
    integrality : (columns,) bool, optional
        Which columns take integers only; none by default.
    sense : Sense
        ``"minimize"`` or ``"maximize"``.
    offset : float
        Constant added to the objective.
    column_names, row_names : sequence of str, optional
        ``x[j]`` and ``row[i]`` by default.
    name : str
        Name of the program, kept in model files.
    squares : Squares, optional
        What makes the objective a convex quadratic one: added where it is minimised, subtracted where it is maximised.

    Raises
    ------
    InvalidProblemError
        If shapes disagree, a coefficient is not finite, or a bound is nan.
    """

    # None stands for the default above.
    cost: Floats
    matrix: DefaultMatrix = None  # type: ignore[assignment]
    row_lower: DefaultFloats = None  # type: ignore[assignment]
    row_upper: DefaultFloats = None  # type: ignore[assignment]
    lower: DefaultFloats = None  # type: ignore[assignment]
    upper: DefaultFloats = None  # type: ignore[assignment]
    integrality: DefaultBooleans = None  # type: ignore[assignment]
    sense: _Sense = Sense.MINIMIZE  # type: ignore[assignment, misc]
    offset: float = 0.0
    column_names: DefaultNames = None  # type: ignore[assignment]
    row_names: DefaultNames = None  # type: ignore[assignment]
    name: str = ""
    squares: Squares | None = None

    def __post_init__(self) -> None:
        if self.sense not in tuple(Sense):
            raise InvalidProblemError(f"sense is {self.sense!r}; expected {' or '.join(map(repr, map(str, Sense)))}")
        assign(
            self,
            cost=float_array(self.cost, "cost", copy=not owned_read_only(self.cost)),
            sense=Sense(self.sense),
            offset=number(self.offset, "offset"),
        )
        columns = self.cost.size
        assign(self, matrix=csc_matrix(self.matrix, "matrix", columns))
        rows = self.rows
        assign(
            self,
            row_lower=_bounds(self.row_lower, "row_lower", rows, -np.inf),
            row_upper=_bounds(self.row_upper, "row_upper", rows, np.inf),
            lower=_bounds(self.lower, "lower", columns, 0.0),
            upper=_bounds(self.upper, "upper", columns, np.inf),
            integrality=_integrality(self.integrality, columns),
            column_names=_names(self.column_names, "column_names", "x", columns),
            row_names=_names(self.row_names, "row_names", "row", rows),
            squares=_squares(self.squares, columns),
        )

    @property
    def integral(self) -> bool:
        """Whether any column is integer."""
        return bool(self.integrality.any())

    @property
    def quadratic(self) -> bool:
        """Whether the objective has squares."""
        return self.squares is not None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.matrix.shape[0])

    @property
    def columns(self) -> int:
        """Number of columns."""
        return int(self.matrix.shape[1])

    def check(self, decision: Point) -> None:
        """Raise unless `decision` is a :class:`Point` with one finite value for each column."""
        if not isinstance(decision, Point):
            raise InvalidProblemError(f"decision is a {type(decision).__name__}; expected a Point")
        if decision.values.shape != (self.columns,):
            raise InvalidProblemError(
                f"decision.values has shape {decision.values.shape}; expected ({self.columns},), one value per column"
            )
        require("decision.values", decision.values, np.isfinite(decision.values), "must be finite")

    def objective(self, decision: Point) -> float:
        """``cost @ x + offset``, and the squares where there are any."""
        linear = float(self.cost @ decision.values) + self.offset
        return linear if self.squares is None else linear + self.sense.sign * self.squares.total(decision.values)

    def gradient(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (columns,) the change of the objective per unit of each column, at the point `x`."""
        return self.cost if self.squares is None else self.cost + self.sense.sign * self.squares.gradient(x)

    def magnitude(self, decision: Point) -> float:
        """``|cost| @ |x| + |offset|``, and the squares of their own absolute terms where there are any."""
        linear = float(np.abs(self.cost) @ np.abs(decision.values)) + abs(self.offset)
        return linear if self.squares is None else linear + self.squares.magnitude(decision.values)

    def violations(self, decision: Point) -> dict[str, float]:
        """Worst broken row, column bound and integrality, each under the name of its row or column.

        A row is measured relative to its own bound and terms, a column's bound relative to bound and value. Rows in
        whole numbers and integrality have to hold exactly: there the smallest miss counts as 1.
        """
        x = decision.values
        found = {}
        for kind, names, excess in (
            ("row", self.row_names, self.row_excess(x)),
            ("bound of", self.column_names, bound_excess(x, np.abs(x), self.lower, self.upper)),
            ("integrality of", self.column_names, np.where(self.integrality & (x != np.round(x)), 1.0, 0.0)),
        ):
            if excess.size and excess[worst := int(excess.argmax())] > 0:
                found[f"{kind} {names[worst]}"] = float(excess[worst])
        return found

    def row_excess(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """(rows,) how far a point (columns,) breaks each row, as in :meth:`violations`; 0 where it does not."""
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported as infinitely violated
            activity, size = self.matrix @ x, abs(self.matrix) @ np.abs(x)
        rows = bound_excess(activity, size, self.row_lower, self.row_upper)
        whole = self.whole_rows & ((rows > 0) | (size >= _EXACT))
        rows[whole] = self._whole_excess(np.flatnonzero(whole), x)
        return rows

    @cached_property
    def rowwise(self) -> sparse.csr_array:
        """The matrix, row by row."""
        return self.matrix.tocsr()

    @cached_property
    def whole_rows(self) -> NDArray[np.bool_]:
        """(rows,) which rows have whole coefficients over integer columns only."""
        values = self.matrix.data
        whole = np.repeat(self.integrality, np.diff(self.matrix.indptr)) & (values == np.floor(values))
        found: NDArray[np.bool_] = np.bincount(self.matrix.indices[~whole & (values != 0)], minlength=self.rows) == 0
        return found

    @cached_property
    def whole_sides(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(rows,) bounds of the rows; those of rows in whole numbers moved inwards to whole numbers."""
        if not self.integral:
            return self.row_lower, self.row_upper
        lower = np.where(self.whole_rows, np.ceil(self.row_lower), self.row_lower)
        upper = np.where(self.whole_rows, np.floor(self.row_upper), self.row_upper)
        return read_only(lower), read_only(upper)

    def _whole_excess(self, rows: NDArray[np.int64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 1 for each of `rows`, all in whole numbers, that exact arithmetic finds broken, 0 for others."""
        matrix, broken = self.rowwise, np.ones(rows.size)
        for place, i in enumerate(rows.tolist()):
            entries = slice(matrix.indptr[i], matrix.indptr[i + 1])
            values = x[matrix.indices[entries]]
            if (values == np.round(values)).all():
                pairs = zip(matrix.data[entries].tolist(), values.tolist(), strict=True)
                activity = sum(int(a) * int(v) for a, v in pairs)
                # Python compares its whole numbers with its floats exactly.
                broken[place] = not float(self.row_lower[i]) <= activity <= float(self.row_upper[i])
        return broken

    def program(self) -> Program:
        """Return the program itself."""
        return self

    def decode(self, point: NDArray[np.float64]) -> Point:
        """Return the point itself."""
        return Point(point)

    def encode(self, decision: Point) -> NDArray[np.float64]:
        """Return the point's values."""
        return decision.values

    def relaxation(self) -> Program:
        """Return the program without its integrality: its optimum bounds this one's."""
        return replace(self, integrality=np.zeros(self.columns, bool))

    def without_squares(self) -> Program:
        """Return the program with the linear part of its objective alone."""
        return self if self.squares is None else replace(self, squares=None)

    def require_linear(self, what: str) -> None:
        """Raise where the objective has squares, for `what` knows linear ones only and would lose them.

        Raises
        ------
        UnsupportedPairError
            If there are squares.
        """
        if self.squares is not None:
            raise UnsupportedPairError(
                f"{what} takes linear objectives only, and this one has {self.squares.count} squares; save, to_cvxpy "
                "and to_pyomo keep them, without_squares() leaves them out"
            )

    def write(self, path: str | Path) -> None:
        """Write the program as free MPS (``.mps``), LP (``.lp``) or MathOptFormat (``.mof.json``) file.

        The file appears whole or not at all; ``.gz`` behind the ending compresses it.
        """
        late("write_program")(self, path)

    @staticmethod
    def read(path: str | Path) -> Program:
        """Read an MPS, LP or MathOptFormat file, names kept.

        Raises
        ------
        DataFormatError
            If the file is malformed (with its line where known) or holds what a linear program cannot
            (quadratic terms, semi-continuous columns).
        """
        found: Program = late("read_program")(path)
        return found

    @staticmethod
    def read_string(text: str, format: str = "lp") -> Program:
        """Read the text of a model file: ``"lp"``, ``"mps"`` or ``"mof.json"``.

        Raises
        ------
        InvalidOptionError
            If there is no such format.
        DataFormatError
            If the text is malformed, or holds what a linear program cannot.
        """
        found: Program = late("read_program_string")(text, format)
        return found

    def __repr__(self) -> str:
        kind = f"{int(self.integrality.sum())} integer" if self.integral else "continuous"
        label = f"{self.name!r}, " if self.name else ""
        squares = f", {self.squares.count} squares" if self.squares is not None else ""
        return (
            f"Program({label}{self.sense}, {self.rows} rows, {self.columns} columns ({kind}), "
            f"{self.matrix.nnz} non-zeros{squares})"
        )


_EXACT = 2.0**52
"""Sums of whole numbers below this are exact in float64."""


def bound_excess(
    activity: NDArray[np.float64], size: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> NDArray[np.float64]:
    """By how much each activity leaves its bounds, relative to ``|bound| + size``; 0 where it does not.

    Parameters
    ----------
    size : array
        Sum of the absolute terms that make up each activity.
    """
    # An infinite bound is never left, and 0 * inf must not make a nan of it.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        below = np.where(np.isinf(lower), np.where(lower > 0, np.inf, 0.0), (lower - activity) / (np.abs(lower) + size))
        above = np.where(np.isinf(upper), np.where(upper < 0, np.inf, 0.0), (activity - upper) / (np.abs(upper) + size))
        excess = np.maximum(0.0, np.maximum(below, above))
    exact = (activity >= lower) & (activity <= upper)
    return np.where(exact, 0.0, np.where(np.isnan(excess), np.inf, excess))


def _bounds(value: Any, field: str, size: int, default: float) -> NDArray[np.float64]:
    if value is None or np.ndim(value) == 0:
        value = np.full(size, default if value is None else number(value, field, finite=False))
    array = float_array(value, field, finite=False, copy=not owned_read_only(value))
    if array.shape != (size,):
        raise InvalidProblemError(f"{field} has shape {array.shape}; expected ({size},)")
    return array


def _integrality(value: Any, columns: int) -> NDArray[np.bool_]:
    array = np.zeros(columns, dtype=bool) if value is None else np.array(plain(value, "integrality"))
    if array.ndim == 0:
        array = np.full(columns, bool(array))
    if array.shape != (columns,) or not (array.dtype == bool or np.isin(array, (0, 1)).all()):
        raise InvalidProblemError(
            f"integrality is {array.dtype} of shape {array.shape}; expected ({columns},) booleans"
        )
    array = array.astype(bool)
    return read_only(array)


def _squares(value: Any, columns: int) -> Squares | None:
    """Return the squares, or None where there is none to add."""
    if value is None:
        return None
    if not isinstance(value, Squares):
        raise InvalidProblemError(f"squares is a {type(value).__name__}; expected Squares(matrix, offset, weight)")
    if value.columns != columns:
        raise InvalidProblemError(
            f"squares.matrix has shape {value.matrix.shape}; expected (squares, {columns}) to fit cost"
        )
    return value if value.count else None


def _names(value: Sequence[str] | None, field: str, stem: str, count: int) -> Sequence[str]:
    if value is None:
        return IndexedNames(stem, count)
    names = value if isinstance(value, (IndexedNames, BlockNames, JoinedNames)) else tuple(str(name) for name in value)
    if len(names) != count:
        raise InvalidProblemError(f"{field} has {len(names)} names; expected {count}")
    if isinstance(names, tuple) and len(set(names)) != count:
        twice = Counter(names).most_common(1)[0][0]
        raise InvalidProblemError(f"{field} holds {twice!r} twice; names must be unique")
    return names
