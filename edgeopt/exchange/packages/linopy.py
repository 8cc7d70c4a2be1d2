"""linopy models: every variable and constraint over its dimensions, without what a mask leaves out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.problem import Sense
from ...model.program import Program
from .indicators import add_indicator
from .shared import Columns, Rows, bool_bounds, distinct, not_a_model, refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .answer import Answer


def from_linopy(model: Any) -> Program:
    """Read a linopy model as a program.

    Columns and rows are called as linopy prints them, such as ``flow[north, 2030]``, and come in linopy's order. What a
    mask leaves out is not there, and neither are rows all of whose variables are left out: linopy drops them too.
    Scaling factors do not count: the program is in the model's own units. Indicator constraints come last, as rows with
    the smallest constants that the bounds of their variables allow.

    Parameters
    ----------
    model : linopy.Model

    Raises
    ------
    InvalidProblemError
        If the objective is quadratic, a variable is semi-continuous or belongs to a special ordered set, or one of an
        indicator constraint has an infinite bound; names it.
    """
    import linopy

    if not isinstance(model, linopy.Model):
        raise not_a_model(model, "from_linopy", "a linopy.Model")
    _check(model)
    columns, places = _labels(model.variables.items())
    lower, upper, integral = _bounds(model)
    rows, matrix, row_lower, row_upper = _rows(model, places)
    enforced = _enforced(model, places, Columns(columns, lower.tolist(), upper.tolist(), integral.tolist()))
    cost, offset = _objective(model, places)
    return Program(
        cost,
        sparse.csc_array(sparse.vstack([matrix, enforced.matrix(len(columns))])),
        np.concatenate([row_lower, enforced.lower]),
        np.concatenate([row_upper, enforced.upper]),
        lower,
        upper,
        integral,
        sense=Sense.MAXIMIZE if str(model.objective.sense) == "max" else Sense.MINIMIZE,
        offset=offset,
        column_names=columns,
        row_names=distinct([*rows, *enforced.names], "row"),
    )


def assign_linopy(model: Any, answer: Answer) -> None:
    """Write the values as the model's solution, and what linopy itself keeps beside them.

    That is ``variable.solution``, ``constraint.dual``, ``model.objective.value``, ``model.status`` and
    ``model.termination_condition``.
    """
    columns, places = _labels(model.variables.items())
    ordered, at = answer.values(columns, "linopy"), 0
    for _, variable in model.variables.items():
        there = np.asarray(variable.labels.values) != -1
        variable.solution = _over(variable.labels, there, ordered[at : at + int(there.sum())])
        at += int(there.sum())
    model.constraints.reset_dual()
    duals, at = answer.row_duals(_rows(model, places)[0]), 0
    if duals is not None:
        for held, constraint, _, there in _constraints(model, places):
            shape = constraint.labels.shape
            held.dual = _over(constraint.labels, there.reshape(shape), duals[at : at + int(there.sum())])
            at += int(there.sum())
    model.objective.set_value(answer.solution.objective)
    model.status, model.termination_condition = "ok", "optimal" if answer.optimal else "suboptimal"


def _over(labels: Any, there: NDArray[np.bool_], values: NDArray[np.float64]) -> Any:
    """Values over the dimensions of `labels`, nan where nothing is."""
    import xarray

    found = np.full(labels.shape, np.nan)
    found[there] = values
    return xarray.DataArray(found, labels.coords, dims=labels.dims)


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


def _labels(variables: Iterable[tuple[str, Any]]) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the variables in linopy's order, and the place of each label."""
    names: list[str] = []
    found = [np.zeros(0, dtype=np.int64)]
    for name, variable in variables:
        labels = np.asarray(variable.labels.values).ravel()
        there = labels != -1
        names += itertools.compress(_spelled(name, variable), there.tolist())
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
    joined = [np.concatenate(side).astype(float) for side in (lower, upper)]
    return *bool_bounds(joined[0], joined[1], np.concatenate(binary)), np.concatenate(integral)


def _rows(
    model: Any, places: NDArray[np.int64]
) -> tuple[list[str], sparse.csr_array, NDArray[np.float64], NDArray[np.float64]]:
    """Names, coefficients and sides of all constraints but indicators."""
    names: list[str] = []
    lower, upper = [np.zeros(0)], [np.zeros(0)]
    blocks = [sparse.csr_array((0, int((places >= 0).sum())))]
    for _, constraint, block, there in _constraints(model, places):
        blocks.append(block[np.flatnonzero(there)])
        names += itertools.compress(_spelled(constraint.name, constraint), there.tolist())
        sign = np.broadcast_to(constraint.sign.values, constraint.labels.shape).ravel()[there].astype(str)
        right = np.broadcast_to(constraint.rhs.values, constraint.labels.shape).ravel()[there].astype(float)
        lower.append(np.where(np.char.startswith(sign, "<"), -np.inf, right))
        upper.append(np.where(np.char.startswith(sign, ">"), np.inf, right))
    return names, sparse.csr_array(sparse.vstack(blocks)), np.concatenate(lower), np.concatenate(upper)


def _constraints(
    model: Any, places: NDArray[np.int64]
) -> Iterator[tuple[Any, Any, sparse.csr_array, NDArray[np.bool_]]]:
    """Each constraint as it is held and as it is read, its coefficients, and which of its entries are rows."""
    columns = int((places >= 0).sum())
    for _, held in model.constraints.items():
        if getattr(held, "is_indicator", False):
            continue
        constraint = _read(held)
        block, told = _block(constraint, places, columns)
        yield held, constraint, block, told & (np.asarray(constraint.labels.values).ravel() != -1)


def _read(held: Any) -> Any:
    """Return a constraint to read: newer versions have a compressed form too, which they unpack at every look."""
    return held.mutable() if hasattr(held, "mutable") else held


def _enforced(model: Any, places: NDArray[np.int64], columns: Columns) -> Rows:
    """Rows of the indicator constraints, which hold where a binary variable has the value that it is asked for."""
    rows = Rows()
    for name, held in model.constraints.items():
        if not getattr(held, "is_indicator", False):
            continue
        constraint = _read(held)
        shape = constraint.labels.shape
        block, _ = _block(constraint, places, len(columns.names))
        data = (constraint.sign, constraint.rhs, constraint.binary_var, constraint.data["binary_val"])
        sign, right, binary, value = (np.broadcast_to(part.values, shape).ravel() for part in data)
        told = np.asarray(constraint.labels.values).ravel() != -1
        for i, called in enumerate(_spelled(name, constraint)):
            if not told[i]:
                continue
            if binary[i] == -1:
                raise refused(
                    f"constraint {called!r} of the linopy model", "depends on a masked variable", "mask it too"
                )
            entries = slice(block.indptr[i], block.indptr[i + 1])
            sides = (-np.inf if sign[i] == "<=" else float(right[i]), np.inf if sign[i] == ">=" else float(right[i]))
            where, terms = block.indices[entries].tolist(), block.data[entries].tolist()
            add_indicator(columns, rows, called, where, terms, sides, [(int(places[binary[i]]), bool(value[i]))])
    return rows


def _block(constraint: Any, places: NDArray[np.int64], columns: int) -> tuple[sparse.csr_array, NDArray[np.bool_]]:
    """Coefficients of one constraint, a row for each entry, and which entries have a variable at all."""
    rows = int(constraint.labels.size)
    terms = [dimension for dimension in constraint.vars.dims if dimension not in constraint.labels.dims]
    order = (*constraint.labels.dims, *terms)
    labels = constraint.vars.transpose(*order).values.reshape(rows, -1)
    values = constraint.coeffs.transpose(*order).values.reshape(rows, -1)
    row, term = np.nonzero((labels != -1) & (values != 0))
    entries = (values[row, term].astype(float), (row, places[labels[row, term]]))
    return sparse.csr_array(sparse.coo_array(entries, shape=(rows, columns))), (labels != -1).any(axis=1)


def _objective(model: Any, places: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
    expression = model.objective.expression
    cost = np.zeros(int((places >= 0).sum()))
    labels, values = expression.vars.values.ravel(), expression.coeffs.values.ravel()
    there = labels != -1
    np.add.at(cost, places[labels[there]], values[there].astype(float))
    return cost, float(np.nansum(expression.const.values))
