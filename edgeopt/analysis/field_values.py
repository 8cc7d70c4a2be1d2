"""What the fields of a declared problem are worth: derivatives of its optimal value, in field names and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..algebra.declared import Declared
from ..algebra.families import Family
from ..algebra.lagrangian import derivatives, reduced_costs
from ..model.batch_axis import batch_of
from ..model.errors import InvalidProblemError, NoSolutionError
from ..verification.linear_dual import LinearDual

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..formulations.constrained import Constrained
    from ..model.program import Program
    from ..model.solution import Solution


@dataclass(frozen=True, eq=False)
class FieldValues:
    """Derivatives of the optimal value of a declared problem.

    Attributes
    ----------
    fields : dict
        For each float field the change of the optimal value per unit of each of its entries: a number, or an array of
        the field's shape. At a degenerate optimum it is one of several, that of the duals at hand.
    constraints : dict
        For each constraint the change of the optimal value per unit of each row's active side.
    bounds : dict
        For each continuous variable the change of the optimal value per unit of the bound at which it stands.
    note : str
        For integer problems: that the whole numbers were held fixed.
    units : dict
        Unit of each field that states one.
    """

    fields: Mapping[str, Any]
    constraints: Mapping[str, Any]
    bounds: Mapping[str, Any]
    note: str = ""
    units: Mapping[str, str] | None = None

    def __str__(self) -> str:
        lines = []
        for name, value in self.fields.items():
            unit = (self.units or {}).get(name) or "unit"
            array = np.asarray(value)
            if array.ndim == 0:
                lines.append(f"one more {unit} of {name}: {float(array):.6g}")
            elif array.size:
                place = np.unravel_index(int(np.abs(array).argmax()), array.shape)
                index = ", ".join(str(int(i)) for i in place)
                lines.append(f"one more {unit} of {name}: at most {array[place]:.6g}, of {name}[{index}]")
        return "\n".join(lines + ([self.note] if self.note else []))


def field_values(solution: Solution, price: NDArray[np.float64] | None = None) -> FieldValues:
    """Return what the fields of a solved declared problem are worth; see :func:`edgeopt.sensitivity`.

    Parameters
    ----------
    price : (rows,) float, optional
        Duals of the declaration's rows, where they are known already.

    Raises
    ------
    InvalidProblemError
        If the problem is a batch, or the solution is not optimal.
    NoSolutionError
        If no duals of it can be found.
    """
    problem: Any = solution.problem
    assert isinstance(problem, Declared)
    if (batch := batch_of(problem)) is not None:
        raise InvalidProblemError(f"the problem is a batch of {batch}; solve the instance(i) of interest")
    if solution.status != "optimal":
        raise InvalidProblemError(f"the solution is {solution.status}; only an optimal one has derivatives")
    point = Declared.encode(problem, solution.decision)
    if price is None:
        point, price = _priced(problem, solution, point)
    points = problem._points(Declared.decode(problem, point))
    return _values(problem, points, price, 0.0)


def side_values(solution: Solution) -> FieldValues:
    """Return what side constraints are worth, and of a declared base its rows and fields; see `edgeopt.sensitivity`.

    Raises
    ------
    InvalidProblemError
        If the problem is a batch, or the solution is not optimal.
    NoSolutionError
        If no duals of it can be found.
    """
    problem: Any = solution.problem
    if problem.batch is not None:
        raise InvalidProblemError(f"the problem is a batch of {problem.batch}; solve the instance(i) of interest")
    if solution.status != "optimal":
        raise InvalidProblemError(f"the solution is {solution.status}; only an optimal one has derivatives")
    declared = isinstance(problem.base, Declared)
    program = problem.base._compiled.program if declared else problem.base.program()
    whole = program.integrality
    fixed = _fixed(problem.base, program, problem.base.encode(solution.decision)) if declared else program
    if not declared and whole.any():
        point = np.round(problem.base.encode(solution.decision))
        fixed = replace(
            program.relaxation(),
            lower=np.where(whole, point, program.lower),
            upper=np.where(whole, point, program.upper),
        )
    point, price = _solved(problem.beside(fixed))
    own = price[program.rows :]
    note = "derivatives hold whole numbers fixed" if whole.any() else ""
    found = FieldValues({}, {}, {}, note)
    if declared and problem.goal is None:
        points = problem.base._points(Declared.decode(problem.base, point[: program.columns]))
        found = _values(problem.base, points, price[: program.rows], own @ problem.extra)
    elif declared:  # the objective that was stated is numbers: no field stands in it by its name
        found = replace(found, constraints=_by_constraint(problem.base, price[: program.rows]))
    return replace(found, constraints={**found.constraints, **_by_side_constraint(problem, own)})


def _by_side_constraint(problem: Constrained, price: NDArray[np.float64]) -> dict[str, Any]:
    """Prices of the side constraints by their names; those of rows that define a variable are left out."""
    names, found, start = problem.extra_names, {}, 0
    for stem, shape, kept, count in zip(names.stems, names.shapes, names.kept, names.counts, strict=True):
        own = price[start : start + count]
        if problem.auxiliary is None or not count or problem.auxiliary.defines[start] < 0:
            whole = np.zeros(int(np.prod(shape, dtype=np.int64)))
            whole[slice(None) if kept is None else kept] = own
            found[stem] = whole.reshape(shape) if shape else float(own[0])
        start += count
    return found


def _values(
    problem: Declared, points: Mapping[str, Any], price: NDArray[np.float64], others: NDArray[np.float64] | float
) -> FieldValues:
    found = derivatives(problem, points, price, others)
    reduced = reduced_costs(problem, points, price, others)
    continuous = {name: reduced[name] for name, v in problem.declaration.variables.items() if not v.integral}
    whole = [name for name, v in problem.declaration.variables.items() if v.integral]
    note = f"derivatives hold {', '.join(whole)} fixed at their optimal whole numbers" if whole else ""
    units = {one.name: one.spec.unit for one in problem.declared_fields if one.spec.unit}
    fields = {name: float(a) if a.ndim == 0 else a for name, a in found.items()}
    return FieldValues(fields, _by_constraint(problem, price), continuous, note, units)


def _by_constraint(problem: Declared, price: NDArray[np.float64]) -> dict[str, Any]:
    found = {}
    for name, family in problem.declaration.families.items():
        block = problem._compiled.blocks[name]
        own = price[block.here]
        if block.kept is not None:
            whole = np.zeros(family.rows)
            whole[block.kept] = own
            own = whole
        array = own.reshape([axis.size for axis in family.axes])
        found[name] = float(array) if array.ndim == 0 else array
    return found


def _priced(
    problem: Declared, solution: Solution, point: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the optimal point and the prices of rows; of an integer program those of its continuous part."""
    program, certificate = problem._compiled.program, solution.certificate
    continuous = not program.integral and problem.program() is program  # what is written by hand may have other rows
    if continuous and isinstance(certificate, LinearDual) and certificate.row_dual.shape == (program.rows,):
        return point, certificate.row_dual
    return _solved(_fixed(problem, program, point))


def _solved(program: Program) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return an optimal point of a linear program and the prices of its rows."""
    from ..solving.solve import solve

    found = solve(program, "highs")
    if not found.status.has_decision or not isinstance(found.certificate, LinearDual):
        raise NoSolutionError(f"the linear program around the solution has no duals: {found!r}")
    return found.decision.values, found.certificate.row_dual


def _fixed(problem: Declared, program: Program, point: NDArray[np.float64]) -> Program:
    """Return the linear program that is left where whole numbers are fixed and what is switched off is free."""
    at = np.where(program.integrality, np.round(point), 0.0)
    lower = np.where(program.integrality, at, program.lower)
    upper = np.where(program.integrality, at, program.upper)
    low, high = program.row_lower.copy(), program.row_upper.copy()
    for name, family in problem.declaration.families.items():
        if isinstance(family, Family) and family.constraint.switch is not None:
            off = _switched_off(problem, name, point)
            block = problem._compiled.blocks[name]
            low[block.here][off], high[block.here][off] = -np.inf, np.inf
    integrality = np.zeros(program.columns, bool)
    return replace(program, lower=lower, upper=upper, row_lower=low, row_upper=high, integrality=integrality)


def _switched_off(problem: Declared, name: str, point: NDArray[np.float64]) -> NDArray[np.bool_]:
    from ..algebra.values import Values

    family: Any = problem.declaration.families[name]
    points = problem._points(Declared.decode(problem, point))
    on = np.asarray(Values(problem._field_arrays(), points).full(family.constraint.switch, family.axes)).ravel() > 0.5
    block = problem._compiled.blocks[name]
    return ~(on if block.kept is None else on[block.kept])
