"""The models of OR-Tools: CP-SAT's and MathOpt's, told apart by their class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...model.program import Program
from .cp_sat import assign_cp_sat, from_cp_sat
from .math_opt import assign_math_opt, from_math_opt
from .shared import not_a_model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...model.solution import Solution

_EXPECTED = "a cp_model.CpModel or a mathopt.Model"


def from_ortools(model: Any) -> Program:
    """Read a model of OR-Tools as a program: CP-SAT's linear part, or MathOpt's.

    Of CP-SAT linear constraints are read, and clauses (``add_bool_or``, ``add_at_most_one``, ``add_exactly_one``,
    ``add_bool_and``, ``add_implication``), which are rows over literals. A row under ``only_enforce_if``, or an
    indicator of MathOpt, becomes one row for each side, with the constant that the bounds of its variables give.

    Parameters
    ----------
    model : ortools.sat.python.cp_model.CpModel or ortools.math_opt.python.mathopt.Model

    Raises
    ------
    InvalidProblemError
        If a constraint is of another kind, a domain has gaps, a number is too large for float64, or an objective is
        quadratic; names it.
    """
    kind = _kind(model)
    if kind == "sat":
        return from_cp_sat(model)
    if kind == "math_opt":
        return from_math_opt(model)
    raise not_a_model(model, "from_ortools", _EXPECTED)


def assign_ortools(model: Any, names: Sequence[str], values: NDArray[np.float64], solution: Solution) -> None:
    """Hand the values over as CP-SAT's hint; MathOpt's models take none."""
    kind = _kind(model)
    if kind == "sat":
        assign_cp_sat(model, names, values, solution)
    elif kind == "math_opt":
        assign_math_opt(model, names, values, solution)
    else:
        raise not_a_model(model, "solution.assign", _EXPECTED)


def _kind(model: Any) -> str:
    """Package of OR-Tools that a model is of, which has been imported where such a model exists."""
    for kind in type(model).__mro__:
        if kind.__module__.startswith("ortools.sat.") and hasattr(model, "Proto"):
            return "sat"
        if kind.__module__.startswith("ortools.math_opt.") and hasattr(model, "export_model"):
            return "math_opt"
    return ""
