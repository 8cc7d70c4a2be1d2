"""Which package a model is of, told without importing any: for errors that say what to call, and for values back."""

from __future__ import annotations

import importlib
from os import PathLike
from typing import TYPE_CHECKING, Any

from ...model.batch_axis import batch_of
from ...model.errors import InvalidProblemError, NoSolutionError, UnsupportedPairError
from ...model.instance import problem_of
from ...model.problem import Problem, with_program
from ..storage import fingerprint
from .answer import Answer

if TYPE_CHECKING:
    from ...model.solution import Solution

PACKAGES = ("pyomo", "cvxpy", "linopy", "pulp", "ortools", "highspy")
"""Each has a module of its name here, with ``from_NAME`` and ``assign_NAME``."""


_SOLVE = "eo.solve({})"


def package_of(given: object) -> str | None:
    """Return the package whose class `given` is of, or derives from; None for all others."""
    for kind in type(given).__mro__:
        if (name := kind.__module__.partition(".")[0]) in PACKAGES:
            return name
    return None


def problem_in(given: Any, call: str = _SOLVE) -> Problem:
    """Return a problem as it is, and the problem of an instance.

    Parameters
    ----------
    call : str
        The call that the caller made, with ``{}`` for the problem: errors say how to make it with what was given.

    Raises
    ------
    UnsupportedPairError
        If it is neither; says what to call with a model, a path or a list.
    """
    problem = problem_of(given)
    if not isinstance(problem, Problem):
        raise _no_problem(problem, call)
    return problem


def reading_of(given: object) -> str | None:
    """Return how a model of another package becomes a program, such as ``eo.from_pulp(model)``; None for all others."""
    package = package_of(given)
    return None if package is None else f"eo.from_{package}(model)"


def _no_problem(given: object, call: str) -> UnsupportedPairError:
    kind = type(given).__name__
    if (reading := reading_of(given)) is not None:
        back = ", and solution.assign(model) writes the values back" if call == _SOLVE else ""
        return UnsupportedPairError(f"problem is a {kind} of {package_of(given)}; call {call.format(reading)}{back}")
    if isinstance(given, (str, PathLike)):
        file = call.format(f"eo.Program.read({str(given)!r})")
        return UnsupportedPairError(
            f"problem is a path or a name; call {file} for a model file, eo.load for a saved problem, "
            "eo.instances.load for a named instance"
        )
    if isinstance(given, (list, tuple)):
        table = "eo.compare([...], solvers) for a table, or " if call == _SOLVE else ""
        each = call.format("problem") if call != _SOLVE else "eo.solve"
        return UnsupportedPairError(f"problem is a {kind} of {len(given)}; call {table}{each} for each of them")
    return UnsupportedPairError(f"problem is a {kind}; expected a formulation or a Program")


def assign_values(solution: Solution, model: Any) -> None:
    """Write the values of `solution` into `model`; see :meth:`edgeopt.Solution.assign`."""
    package = package_of(model)
    if package is None:
        raise InvalidProblemError(
            f"solution.assign was given a {type(model).__name__}; expected a model of {', '.join(PACKAGES)}"
        )
    home = importlib.import_module(f".{package}", __package__)
    answer = _answer(solution, getattr(home, f"from_{package}"), model)
    getattr(home, f"assign_{package}")(model, answer)


def _answer(solution: Solution, read: Any, model: Any) -> Answer:
    """Return a solution beside the program that was solved."""
    decision, problem = solution.decision, solution.problem
    if problem is None:  # loaded from a file, which holds the problem's fingerprint
        problem = read(model)
        if not solution.problem_fingerprint or fingerprint(problem) != solution.problem_fingerprint:
            raise NoSolutionError(
                "this solution was loaded without its problem, and the model is not the one that it is a solution of "
                "(the fingerprints differ); read the model and solve it again"
            )
    if batch_of(problem) is not None:
        raise InvalidProblemError(
            "the solution is one of a batch; assign one instance: solve(problem.instance(i)).assign(model)"
        )
    found = with_program(problem)
    return Answer(solution, found.program(), found.encode(decision))
