"""What all readers of other packages' models share: unique names, rows one by one, refusals in one form.

A program remembers nothing of the model that it was read from. Values find their way back by name: a reader names the
columns of a model in one fixed way, so the same model gives the same names whenever it is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.errors import InvalidProblemError
from ...model.program import Program

if TYPE_CHECKING:
    from numpy.typing import NDArray


def refused(what: str, why: str, remedy: str) -> InvalidProblemError:
    """Return the error that says which part of a model no linear program holds, and what to do."""
    return InvalidProblemError(f"{what} {why}; {remedy}")


def not_a_model(given: object, function: str, expected: str) -> InvalidProblemError:
    """Return the error of a reader that was handed something else."""
    return InvalidProblemError(f"{function} was given a {type(given).__name__}; expected {expected}")


def distinct(names: Iterable[str], stem: str) -> list[str]:
    """Return names that are unique: ``stem[j]`` where there is none, ``name#2`` for the second of that name."""
    given = [name or f"{stem}[{j}]" for j, name in enumerate(names)]
    if len(taken := set(given)) == len(given):
        return given
    seen: set[str] = set()
    times: dict[str, int] = {}
    for j, name in enumerate(given):
        if name in seen:
            number = times.get(name, 1) + 1
            while f"{name}#{number}" in taken:
                number += 1
            times[name], given[j] = number, f"{name}#{number}"
            taken.add(given[j])
        seen.add(given[j])
    return given


@dataclass
class Columns:
    """The columns of a program, collected one by one."""

    names: list[str] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    integral: list[bool] = field(default_factory=list)

    def add(self, name: str, lower: float | None, upper: float | None, integral: bool) -> int:
        """Add a column, None for a bound that is not there; return its place."""
        self.names.append(name)
        self.lower.append(-math.inf if lower is None else float(lower))
        self.upper.append(math.inf if upper is None else float(upper))
        self.integral.append(integral)
        return len(self.names) - 1


@dataclass
class Rows:
    """The rows of a program, collected one by one."""

    names: list[str] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    places: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(
        self, name: str, places: Iterable[int], values: Iterable[float], lower: float | None, upper: float | None
    ) -> None:
        """Add a row with `values` in the columns `places`; None for a bound that is not there."""
        self.names.append(name)
        self.lower.append(-math.inf if lower is None else float(lower))
        self.upper.append(math.inf if upper is None else float(upper))
        self.places.extend(places)
        self.values.extend(values)
        self.starts.append(len(self.places))

    def matrix(self, columns: int) -> sparse.csc_array:
        """Return the rows as a matrix of so many columns."""
        entries = (np.array(self.values, dtype=float), np.array(self.places, dtype=np.int64), np.array(self.starts))
        return sparse.csc_array(sparse.csr_array(entries, shape=(len(self.names), columns)))


def collected(columns: Columns, rows: Rows, cost: NDArray[np.float64], **more: Any) -> Program:
    """Return the program of these columns and rows; `more` are fields of it: sense, offset, name."""
    return Program(
        cost,
        rows.matrix(len(columns.names)),
        np.array(rows.lower, dtype=float),
        np.array(rows.upper, dtype=float),
        np.array(columns.lower, dtype=float),
        np.array(columns.upper, dtype=float),
        np.array(columns.integral, dtype=bool),
        column_names=distinct(columns.names, "x"),
        row_names=distinct(rows.names, "row"),
        **more,
    )


def bool_bounds(lower: NDArray[np.float64], upper: NDArray[np.float64], binary: NDArray[np.bool_]) -> tuple[Any, Any]:
    """Return bounds in which binary columns lie within 0 and 1."""
    return np.where(binary, np.maximum(lower, 0.0), lower), np.where(binary, np.minimum(upper, 1.0), upper)


def in_order_of(
    wanted: Sequence[str], names: Sequence[str], values: NDArray[np.float64], package: str
) -> NDArray[np.float64]:
    """Return the values of the columns `names`, one for each of the variables `wanted` of a model.

    Raises
    ------
    InvalidProblemError
        If the model has other variables than the program that was solved; names one of them.
    """
    place = {name: j for j, name in enumerate(names)}
    for name in wanted:
        if name not in place:
            raise refused(
                f"the {package} model has a variable {name!r} that the solved program has not,",
                "so it is another model or was changed",
                f"read it and solve it again: eo.solve(eo.from_{package}(model)).assign(model)",
            )
    if len(place) > len(wanted):
        missing = next(iter(place.keys() - set(wanted)))
        raise refused(
            f"the {package} model has no variable {missing!r}, which the solved program has,",
            "so it is another model or was changed",
            f"read it and solve it again: eo.solve(eo.from_{package}(model)).assign(model)",
        )
    return values[[place[name] for name in wanted]]
