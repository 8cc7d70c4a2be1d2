"""linopy models: every variable and constraint over its dimensions, without what a mask leaves out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.problem import Sense
from ...model.program import Program
from .shared import bool_bounds, in_order_of, not_a_model, refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.solution import Solution


def from_linopy(model: Any) -> Program:
    """Read a linopy model as a program.

    Columns and rows are called as linopy prints them, such as ``flow[north, 2030]``, and come in linopy's order; what a
    mask leaves out is not there. Scaling factors do not count: the program is in the model's own units.

    Parameters
    ----------
    model : linopy.Model

    Raises
    ------
    InvalidProblemError
        If the objective is quadratic, a variable is semi-continuous or belongs to a special ordered set, or a
        constraint is an indicator; names it.
    """
    import linopy

    if not isinstance(model, linopy.Model):
        raise not_a_model(model, "from_linopy", "a linopy.Model")
    _check(model)
    columns, places = _labels(model.variables)
    lower, upper, integral = _bounds(model)
    rows, matrix, row_lower, row_upper = _rows(model, places)
    cost, offset = _objective(model, places)
    return Program(
        cost,
        matrix,
        row_lower,
        row_upper,
        lower,
        upper,
        integral,
        sense=Sense.MAXIMIZE if str(model.objective.sense) == "max" else Sense.MINIMIZE,
        offset=offset,
        column_names=columns,
        row_names=rows,
    )


def assign_linopy(model: Any, names: Sequence[str], values: NDArray[np.float64], solution: Solution) -> None:
    """Write the values as the model's solution: ``variable.solution``, ``model.objective.value``, ``model.status``."""
    import xarray

    columns, _ = _labels(model.variables)
    ordered, at = in_order_of(columns, names, values, "linopy"), 0
    for _, variable in model.variables.items():
        labels = np.asarray(variable.labels.values)
        found = np.full(labels.shape, np.nan)
        found[labels != -1] = ordered[at : at + int((labels != -1).sum())]
        at += int((labels != -1).sum())
        variable.solution = xarray.DataArray(found, variable.coords, dims=variable.dims)
    model.objective.set_value(solution.objective)
    model.status, model.termination_condition = "ok", str(solution.status)


def _check(model: Any) -> None:
    if model.is_quadratic:
        raise refused(
            "the objective of the linopy model", "is quadratic", "write it with linear terms, or solve it with linopy"
        )
    for name, variable in model.variables.items():
        if name in getattr(model, "semi_continuous", ()):
            raise refused(
                f"variable {name!r} of the linopy model",
                "is semi-continuous, which no linear program holds",
                "write it with a binary variable y: lower * y <= x <= upper * y",
            )
        if "sos_type" in variable.attrs:
            raise refused(
                f"variable {name!r} of the linopy model",
                "belongs to a special ordered set",
                "write it with binary variables first: model.reformulate_sos_constraints()",
            )
    for name, constraint in model.constraints.items():
        if getattr(constraint, "is_indicator", False):
            raise refused(
                f"constraint {name!r} of the linopy model",
                "holds only where a binary variable is true",
                "write it as a row with a large constant: x <= limit * y",
            )


def _labels(holder: Any) -> tuple[list[str], NDArray[np.int64]]:
    """Names of a model's variables or constraints in linopy's order, and the place of each label."""
    names: list[str] = []
    found = [np.zeros(0, dtype=np.int64)]
    for name, one in holder.items():
        labels = np.asarray(one.labels.values).ravel()
        there = labels != -1
        names += itertools.compress(_spelled(name, one), there.tolist())
        found.append(labels[there])
    labels = np.concatenate(found)
    places = np.full(int(labels.max(initial=-1)) + 1, -1, dtype=np.int64)
    places[labels] = np.arange(labels.size)
    return names, places


def _spelled(name: str, one: Any) -> Iterator[str]:
    """Names of the entries of a variable or constraint, the last dimension running fastest."""
    labels = one.labels
    if not labels.dims:
        return iter([name])
    ticks = [[str(tick) for tick in labels.get_index(dimension)] for dimension in labels.dims]
    return (f"{name}[{', '.join(index)}]" for index in itertools.product(*ticks))


def _bounds(model: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    lower, upper, integral, binary = [], [], [], []
    for name, variable in model.variables.items():
        there = np.asarray(variable.labels.values).ravel() != -1
        lower.append(np.broadcast_to(variable.lower.values, variable.shape).ravel()[there])
        upper.append(np.broadcast_to(variable.upper.values, variable.shape).ravel()[there])
        binary.append(np.full(int(there.sum()), name in model.binaries))
        integral.append(np.full(int(there.sum()), name in model.binaries or name in model.integers))
    if not lower:
        return np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool)
    sides = np.concatenate(lower).astype(float), np.concatenate(upper).astype(float)
    low, high = bool_bounds(*sides, np.concatenate(binary))
    return low, high, np.concatenate(integral)


def _rows(
    model: Any, places: NDArray[np.int64]
) -> tuple[list[str], sparse.csc_array, NDArray[np.float64], NDArray[np.float64]]:
    """Names, coefficients and sides of all constraints."""
    names, _ = _labels(model.constraints)
    blocks, lower, upper = [], [np.zeros(0)], [np.zeros(0)]
    columns = int((places >= 0).sum())
    for _, constraint in model.constraints.items():
        labels = np.asarray(constraint.labels.values).ravel()
        there = labels != -1
        blocks.append(_block(constraint, labels.size, places, columns)[np.flatnonzero(there)])
        sign = np.broadcast_to(constraint.sign.values, constraint.labels.shape).ravel()[there].astype(str)
        right = np.broadcast_to(constraint.rhs.values, constraint.labels.shape).ravel()[there].astype(float)
        lower.append(np.where(np.char.startswith(sign, "<"), -np.inf, right))
        upper.append(np.where(np.char.startswith(sign, ">"), np.inf, right))
    matrix = sparse.vstack(blocks, format="csr") if blocks else sparse.csr_array((0, columns))
    return names, sparse.csc_array(matrix), np.concatenate(lower), np.concatenate(upper)


def _block(constraint: Any, rows: int, places: NDArray[np.int64], columns: int) -> sparse.csr_array:
    """Coefficients of one constraint, a row for each entry, masked ones too."""
    terms = [d for d in constraint.vars.dims if d not in constraint.labels.dims]
    order = (*constraint.labels.dims, *terms)
    labels = constraint.vars.transpose(*order).values.reshape(rows, -1)
    values = constraint.coeffs.transpose(*order).values.reshape(rows, -1)
    row, term = np.nonzero((labels != -1) & (values != 0))
    entries = (values[row, term].astype(float), (row, places[labels[row, term]]))
    return sparse.csr_array(sparse.coo_array(entries, shape=(rows, columns)))


def _objective(model: Any, places: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
    expression = model.objective.expression
    cost = np.zeros(int((places >= 0).sum()))
    labels, values = expression.vars.values.ravel(), expression.coeffs.values.ravel()
    there = labels != -1
    np.add.at(cost, places[labels[there]], values[there].astype(float))
    return cost, float(np.nansum(expression.const.values))
