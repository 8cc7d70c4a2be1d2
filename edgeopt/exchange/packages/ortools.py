"""The models of OR-Tools: CP-SAT's, MathOpt's and those of its linear solvers, told apart by their class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...model.program import Program
from .cp_sat import assign_cp_sat, from_cp_sat
from .linear_solver import assign_model_builder, assign_pywraplp, from_linear_solver
from .math_opt import assign_math_opt, from_math_opt
from .shared import not_a_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from .answer import Answer

_EXPECTED = "a cp_model.CpModel, a mathopt.Model, a pywraplp.Solver or a model_builder.Model"
_MODULES = (
    ("ortools.sat.", "Proto", "sat"),
    ("ortools.math_opt.", "export_model", "math_opt"),
    ("ortools.linear_solver.", "ExportModelToProto", "pywraplp"),
    ("ortools.linear_solver.", "export_to_proto", "model_builder"),
)
"""Module of a model's class, a method that tells models from other objects of that module, and its name here."""


def from_ortools(model: Any) -> Program:
    """Read a model of OR-Tools as a program: CP-SAT's linear part, or that of MathOpt, pywraplp or model_builder.

    Of CP-SAT linear constraints are read, and clauses (``add_bool_or``, ``add_at_most_one``, ``add_exactly_one``,
    ``add_bool_and``, ``add_implication``), which are rows over literals. A row under ``only_enforce_if``, an indicator
    of MathOpt or an enforced row of model_builder becomes one row for each side, with the constant that the bounds of
    its variables give.

    Parameters
    ----------
    model : CpModel, mathopt.Model, pywraplp.Solver or model_builder.Model

    Raises
    ------
    InvalidProblemError
        If a constraint is of another kind, a domain has gaps, a number is too large for float64, or an objective is
        quadratic; names it.
    """
    readers: dict[str, Callable[[Any], Program]] = {
        "sat": from_cp_sat,
        "math_opt": from_math_opt,
        "pywraplp": from_linear_solver,
        "model_builder": from_linear_solver,
    }
    if (kind := _kind(model)) is None:
        raise not_a_model(model, "from_ortools", _EXPECTED)
    return readers[kind](model)


def assign_ortools(model: Any, answer: Answer) -> None:
    """Hand the values over: to pywraplp as a solution, to CP-SAT and model_builder as a hint; MathOpt takes none."""
    writers: dict[str, Callable[[Any, Answer], None]] = {
        "sat": assign_cp_sat,
        "math_opt": assign_math_opt,
        "pywraplp": assign_pywraplp,
        "model_builder": assign_model_builder,
    }
    if (kind := _kind(model)) is None:
        raise not_a_model(model, "solution.assign", _EXPECTED)
    writers[kind](model, answer)


def _kind(model: Any) -> str | None:
    """Interface of OR-Tools that a model is of; it has been imported where such a model exists."""
    for kind in type(model).__mro__:
        for module, method, name in _MODULES:
            if kind.__module__.startswith(module) and hasattr(model, method):
                return name
    return None
