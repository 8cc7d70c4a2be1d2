"""Pyomo models: variables and constraints of all active blocks, fixed variables as the constants that they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.problem import Sense
from ...model.program import Program
from .shared import Columns, Rows, collected, distinct, not_a_model, refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .answer import Answer

OWN = "_edgeopt_components"
"""Attribute of a model that ``to_pyomo`` made: its variables and rows give back the names they were made of."""

_HARMLESS = frozenset(
    {
        "Var",
        "Constraint",
        "Objective",
        "Block",
        "Param",
        "Set",
        "RangeSet",
        "SetOf",
        "Expression",
        "Suffix",
        "Port",
        "BooleanVar",
        "BuildAction",
        "BuildCheck",
        "ContinuousSet",
        "Any",
    }
)
"""Kinds of components that are read, or that restrict nothing by themselves."""
_REMEDIES = {
    "Disjunction": "write it as rows first: pyo.TransformationFactory('gdp.bigm').apply_to(model)",
    "Disjunct": "write it as rows first: pyo.TransformationFactory('gdp.bigm').apply_to(model)",
    "LogicalConstraint": "write it as rows first: TransformationFactory('contrib.logical_to_disjunctive'), 'gdp.bigm'",
    "SOSConstraint": "write it with binary variables (a Piecewise with pw_repn='INC' does)",
    "Complementarity": "write it as rows first: pyo.TransformationFactory('mpec.simple_disjunction'), then 'gdp.bigm'",
    "DerivativeVar": "write it as rows first: pyo.TransformationFactory('dae.finite_difference').apply_to(model)",
    "PiecewiseLinearFunction": "write it as rows first: TransformationFactory('contrib.piecewise.outer_repn_gdp'), "
    "then 'gdp.bigm'",
    "Arc": "write it as rows first: pyo.TransformationFactory('network.expand_arcs').apply_to(model)",
}


def from_pyomo(model: Any) -> Program:
    """Read a Pyomo model as a program.

    Columns are the variables of the active blocks that are not fixed, in the order of their declaration, then those of
    other blocks that an active constraint uses; fixed variables, parameters and expressions count with their values.
    Rows are the active constraints.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel or Block
        Constructed; an abstract model gives one by ``create_instance``.

    Returns
    -------
    Program
        Under the model's own names, such as ``depot.flow[1,2]``.

    Raises
    ------
    InvalidProblemError
        If a constraint or the objective is not linear, a domain has gaps, two objectives are active, or a component
        is of a kind that no linear program holds; names it.
    """
    return _reading(model).program()


def assign_pyomo(model: Any, answer: Answer) -> None:
    """Write the values of a solution into the model's variables, and duals into its suffixes; fixed ones keep theirs.

    Suffixes that import, as ``model.dual = Suffix(direction=Suffix.IMPORT)``, get what a solver of Pyomo would write:
    ``dual`` the prices of the rows, ``rc`` the reduced costs. They are emptied where no prices are proved.
    """
    reading = _reading(model)
    names = distinct(reading.columns.names, "x")
    ordered = answer.values(names, "pyomo")
    for variable, value in zip(reading.variables, ordered.tolist(), strict=True):
        # Values within the judge's tolerance of their domain are values all the same.
        variable.set_value(value, skip_validation=True)
        variable.stale = False
    duals = answer.row_duals(distinct(reading.rows.names, "row"))
    _fill(model, "dual", reading.constraints, duals)
    _fill(model, "rc", reading.variables, None if duals is None else answer.reduced_costs(names, "pyomo"))


def _fill(model: Any, name: str, components: list[Any], values: NDArray[np.float64] | None) -> None:
    """Fill a suffix of the model that imports from solvers, if it has one of that name; empty it for None."""
    import pyomo.environ as pyo

    suffix = model.component(name)
    if suffix is None or suffix.ctype is not pyo.Suffix or not suffix.import_enabled():
        return
    suffix.clear()
    if values is not None:
        for component, value in zip(components, values.tolist(), strict=True):
            suffix[component] = value


@dataclass
class _Reading:
    """What has been read of a model so far."""

    model: Any
    own: bool
    variables: list[Any] = field(default_factory=list)
    constraints: list[Any] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)
    columns: Columns = field(default_factory=Columns)
    rows: Rows = field(default_factory=Rows)
    cost: dict[int, float] = field(default_factory=dict)
    offset: float = 0.0
    sense: Sense = Sense.MINIMIZE

    def name(self, component: Any) -> str:
        """Return the name that a variable or constraint has in the program."""
        if self.own and any(component.parent_component() is getattr(self.model, kind, None) for kind in ("x", "rows")):
            return str(component.index())
        return str(component.name)

    def column(self, variable: Any) -> int:
        """Place of a variable that is not fixed; a new one at the end."""
        if id(variable) not in self.places:
            integral = _integral(variable)
            try:
                lower, upper = variable.bounds
            except Exception as error:  # a parameter without a value
                what = f"variable {variable.name!r} has a bound without a value:"
                raise refused(what, str(error).strip(), "give every parameter a value") from error
            self.places[id(variable)] = self.columns.add(self.name(variable), lower, upper, integral)
            self.variables.append(variable)
        return self.places[id(variable)]

    def linear(self, what: str, expression: Any) -> tuple[list[int], list[float], float]:
        """Columns, coefficients and constant of an expression."""
        from pyomo.repn import generate_standard_repn

        try:
            found = generate_standard_repn(expression, compute_values=True, quadratic=False)
        except Exception as error:  # a parameter or a fixed variable without a value, a division by zero, …
            raise refused(f"{what} cannot be evaluated:", str(error).strip(), "give every parameter a value") from error
        if found.nonlinear_expr is not None:
            raise refused(
                f"{what} is not linear in the variables that are not fixed:",
                _shortened(expression),
                "write it with linear terms, or give the model to a nonlinear solver of Pyomo",
            )
        return [self.column(v) for v in found.linear_vars], list(map(float, found.linear_coefs)), float(found.constant)

    def program(self) -> Program:
        """Return what was read."""
        cost = np.zeros(len(self.variables))
        cost[list(self.cost)] = list(self.cost.values())
        name = str(self.model.name)
        return collected(
            self.columns, self.rows, cost, sense=self.sense, offset=self.offset, name="" if name == "unknown" else name
        )


def _reading(model: Any) -> _Reading:
    import pyomo.environ as pyo

    if getattr(model, "ctype", None) is not pyo.Block or not hasattr(model, "component_data_objects"):
        raise not_a_model(model, "from_pyomo", "a pyomo.environ.ConcreteModel")
    if not model.is_constructed():
        raise refused("the model", "is abstract and holds no data yet", "call model.create_instance(...) first")
    _check_components(model)
    reading = _Reading(model, own=bool(getattr(model, OWN, False)))
    for variable in _active(model, pyo.Var):
        if not variable.fixed:
            reading.column(variable)
    for constraint in _active(model, pyo.Constraint):
        _read_row(reading, constraint)
    _read_objective(reading, list(_active(model, pyo.Objective)))
    return reading


def _active(model: Any, kind: Any) -> Iterator[Any]:
    """Active components of a kind, each once (a Reference names it a second time)."""
    seen: set[int] = set()
    for component in model.component_data_objects(kind, active=True, descend_into=True):
        if id(component) not in seen:
            seen.add(id(component))
            yield component


def _check_components(model: Any) -> None:
    for block in model.block_data_objects(active=True, descend_into=True):
        for component in block.component_objects(descend_into=False):
            kind = component.ctype.__name__
            if kind not in _HARMLESS and getattr(component, "active", True):
                remedy = _REMEDIES.get(kind, "write it as linear constraints")
                raise refused(
                    f"component {component.name!r}", f"is of the kind {kind}, which no linear program holds", remedy
                )


def _read_row(reading: _Reading, constraint: Any) -> None:
    what = f"constraint {constraint.name!r}"
    places, values, constant = reading.linear(what, constraint.body)
    try:
        lower, upper = constraint.lb, constraint.ub
    except Exception as error:  # a bound that is an expression of variables, or a parameter without a value
        raise refused(f"{what} has a bound without a value:", str(error).strip(), "give it a number") from error
    lower, upper = (side if side is None else side - constant for side in (lower, upper))
    reading.rows.add(reading.name(constraint), places, values, lower, upper)
    reading.constraints.append(constraint)


def _read_objective(reading: _Reading, objectives: list[Any]) -> None:
    import pyomo.environ as pyo

    if len(objectives) > 1:
        names = " and ".join(repr(objective.name) for objective in objectives[:2])
        raise refused(f"objectives {names}", "are both active", "deactivate all but one: model.goal.deactivate()")
    for objective in objectives:
        places, values, reading.offset = reading.linear(f"objective {objective.name!r}", objective.expr)
        reading.cost = dict(zip(places, values, strict=True))
        reading.sense = Sense.MAXIMIZE if objective.sense == pyo.maximize else Sense.MINIMIZE


def _integral(variable: Any) -> bool:
    """Whether a variable takes whole numbers only."""
    if variable.is_continuous():
        return False
    interval = variable.domain.get_interval() if variable.domain is not None else None
    # The step is 0 in continuous domains and 1 in whole ones; None where there are gaps of other kinds.
    if interval is None or interval[2] not in (0, 1):
        raise refused(
            f"variable {variable.name!r} has the domain {variable.domain}, which",
            "is no interval of numbers",
            "use an interval, or one binary variable for each value",
        )
    return bool(interval[2] == 1)


def _shortened(expression: Any) -> str:
    text = str(expression)
    return text if len(text) <= 80 else f"{text[:77]}..."
