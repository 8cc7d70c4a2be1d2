r"""What every entry of every field is worth: the derivative of the optimal value, from the optimum and its duals.

By the envelope theorem the derivative of :math:`V(\theta)` is that of the Lagrangian at the optimum,
:math:`f(x^*; \theta) - \sum_i y_i (a_i x^* - b_i)(\theta) + \sum_j z_j \beta_j(\theta)`, with `y` the prices of rows
and `z` those of the bounds at which variables stand. The tree is read once more, under torch: nothing is solved again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .arithmetic import Torch
from .families import Family, Loop
from .values import Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .declared import Declared


def derivatives(
    problem: Declared,
    points: Mapping[str, NDArray[np.float64]],
    price: NDArray[np.float64],
    others: NDArray[np.float64] | float = 0.0,
) -> dict[str, NDArray[np.float64]]:
    """Return the derivative of the optimal value with respect to every entry of every float field, by its name.

    Parameters
    ----------
    points : mapping
        Optimal values of the variables.
    price : (rows,) float
        Change of the optimal value per unit of each row's active side.
    others : (columns,) float
        Prices of rows beside those of the declaration, times their coefficients.
    """
    arithmetic = Torch()
    torch = arithmetic.torch
    fields = {n: torch.tensor(np.asarray(a), requires_grad=True) for n, a in problem._field_arrays().items()}
    values = Values(fields, {name: arithmetic.constant(a) for name, a in points.items()}, arithmetic)
    m, blocks = problem.declaration, problem._compiled.blocks
    assert m.goal is not None  # the problem has a program
    total = values.of(m.goal).sum()
    for name, family in m.families.items():
        block = blocks[name]
        own = price[block.here]
        if block.kept is not None:
            whole = np.zeros(family.rows)
            whole[block.kept] = own
            own = whole
        if own.any():
            total = total - _priced(values, family, m.starts, own)
    total = total + _of_bounds(values, problem, points, reduced_costs(problem, points, price, others))
    if not total.requires_grad:
        return {name: np.zeros(np.shape(array)) for name, array in problem._field_arrays().items()}
    found = torch.autograd.grad(total, list(fields.values()), allow_unused=True)
    return {
        name: np.zeros(tuple(field.shape)) if grad is None else grad.numpy()
        for (name, field), grad in zip(fields.items(), found, strict=True)
    }


def _priced(values: Values, family: Family | Loop, starts: Any, price: NDArray[np.float64]) -> Any:
    """Sum of the rows' distances from their active sides, each at its price."""
    if isinstance(family, Loop):
        distance = family.activity(values, starts) - family.bound(values)
        return (values.arithmetic.constant(price) * distance).sum()
    activity = values.full(family.activity, family.axes)
    bound = 0.0 if family.bound is None else values.over(family.bound, family.axes)
    weights = price.reshape([axis.size for axis in family.axes])
    if family.constraint.switch is not None:
        weights = weights * (np.asarray(values.full(family.constraint.switch, family.axes).detach()) > 0.5)
    distance = activity - bound
    if family.lower_bound is not None:
        low = activity - values.over(family.lower_bound, family.axes)
        nearer = np.asarray(low.detach().abs() < distance.detach().abs())
        torch = values.arithmetic.torch  # type: ignore[attr-defined]
        distance = torch.where(torch.as_tensor(nearer), low, distance)
    return (values.arithmetic.constant(weights) * distance).sum()


def reduced_costs(
    problem: Declared,
    points: Mapping[str, NDArray[np.float64]],
    price: NDArray[np.float64],
    others: NDArray[np.float64] | float = 0.0,
) -> dict[str, NDArray[np.float64]]:
    """Return the change of the optimal value per unit of each variable's bound at which it stands, by its name."""
    program, column_of = problem._compiled.program, problem._compiled.column_of
    cost = program.cost
    if program.squares is not None:
        x = np.concatenate([points[name].ravel() for name in problem.declaration.variables])
        x = x if column_of is None else x[column_of >= 0]
        cost = program.gradient(x)
    reduced = cost - price @ program.matrix - others
    dense = reduced if column_of is None else np.where(column_of >= 0, reduced[column_of], 0.0)
    variables = problem.declaration.variables.values()
    return {v.name: dense[v.start : v.start + v.size].reshape(v.shape) for v in variables}


def _of_bounds(
    values: Values, problem: Declared, points: Mapping[str, Any], reduced: Mapping[str, NDArray[np.float64]]
) -> Any:
    """Sum of the bounds at which continuous variables stand, each at its price."""
    total: Any = 0.0
    for variable in problem.declaration.variables.values():
        if variable.integral:
            continue  # fixed: its bounds price nothing
        low, high = (values.full(side, variable.axes) for side in (variable.lower, variable.upper))
        x = points[variable.name]
        worth = reduced[variable.name]
        with np.errstate(invalid="ignore"):
            nearer = np.abs(x - np.asarray(low.detach())) - np.abs(x - np.asarray(high.detach()))
        # Where both bounds are one, the price says which of them binds.
        below = np.where(nearer == 0, problem.sense.sign * worth >= 0, ~(nearer > 0))
        for side, there in ((low, below), (high, ~below)):
            finite = np.isfinite(np.asarray(side.detach())) & there
            if finite.any():
                torch = values.arithmetic.torch  # type: ignore[attr-defined]
                kept = torch.where(torch.as_tensor(finite), side, torch.zeros_like(side))
                total = total + (values.arithmetic.constant(np.where(finite, worth, 0.0)) * kept).sum()
    return total
