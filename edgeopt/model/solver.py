"""What a solver is: a named strategy, with what it needs to be chosen, checked and compared."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeGuard

from .errors import EdgeOptError, InvalidOptionError, SolverNotInstalledError, UnsupportedPairError
from .outcome import Options, Outcome
from .problem import HasProgram, Problem
from .program import Program

STANDARD_OPTIONS = ("time_limit", "relative_gap", "warm_start", "threads")
"""The options that a solver supports or refuses; ``seed`` and ``log`` every solver takes."""


class Columns(StrEnum):
    """Which columns of a program a general solver takes."""

    ANY = "any"
    CONTINUOUS = "continuous"
    INTEGER = "integer"


class Quadratic(StrEnum):
    """In which programs a general solver takes a convex quadratic objective."""

    NONE = "none"
    CONTINUOUS = "continuous"
    ANY = "any"


@dataclass(frozen=True)
class Solver:
    """A named strategy: one function with what it needs to be chosen, checked and compared.

    Attributes
    ----------
    name : str
        Registered name; a general solver may be asked for as ``name:variant`` where `variants` allows it.
    function : callable
        ``(problem, options) -> Outcome``.
    solves : type
        :class:`Program` for a general solver, else the one formulation it is made for.
    exact : bool
        Whether it proves optimality when it finishes.
    columns : Columns
        Which columns a general solver takes.
    unprepared : bool
        Whether a general solver takes the program as it is, in its own numbers and with its own bounds.
    quadratic : Quadratic
        In which programs a general solver takes a convex quadratic objective: in none, in those without integer
        columns, or in any that it takes.
    options : tuple of str
        Which of :data:`STANDARD_OPTIONS` it supports; the others it refuses.
    own_options : tuple of str or callable
        Names of options that only this solver has, or a function that lists them.
    requires : tuple of str
        Packages it needs, by import name.
    install : str
        What to hand to pip where they are missing.
    rank : int
        Among exact solvers of a problem ``"auto"`` takes the lowest; of another package's solvers it takes those made
        for a formulation that is not edgeopt's, and no others.
    variants : bool
        Whether ``name:variant`` picks a back end.
    declines : callable, optional
        Says why a problem of the right kind is still not for this solver (too large, say), or None.
    defers : callable, optional
        Whether other solvers are faster on a problem that it takes; ``"auto"`` then asks them first.
    subclasses : bool
        Whether it also takes problems of classes that derive from those in `solves`. What such a class changes is known
        to its methods alone; a solver that reads fields would solve another problem.
    batched : bool
        Whether it takes a problem with a batch axis as one array operation; otherwise its instances are solved in turn.
    by_kind : mapping of type to callable
        Functions of a general solver for problems that are no program.
    """

    name: str
    function: Callable[[Any, Options], Outcome]
    solves: type[Problem] | tuple[type[Problem], ...]
    exact: bool
    columns: Columns = Columns.ANY
    unprepared: bool = False
    quadratic: Quadratic = Quadratic.NONE
    options: tuple[str, ...] = ()
    own_options: tuple[str, ...] | Callable[[], Iterable[str]] = ()
    requires: tuple[str, ...] = ()
    install: str = ""
    rank: int = 100
    variants: bool = False
    declines: Callable[[Any], str | None] | None = None
    defers: Callable[[Any], bool] | None = None
    batched: bool = False
    subclasses: bool = False
    by_kind: Mapping[type[Problem], Callable[[Any, Options], Outcome]] = field(default_factory=dict)

    def __call__(self, problem: Any, options: Options) -> Outcome:
        """Run the solver's function, or the one it has for this kind of problem."""
        return self.by_kind.get(type(problem), self.function)(problem, options)

    def reads_program(self, problem: Problem) -> TypeGuard[HasProgram]:
        """Whether this problem reaches the solver as a program."""
        return self.general and type(problem) not in self.by_kind

    @property
    def general(self) -> bool:
        """Whether the solver reads programs rather than one formulation."""
        return self.solves is Program

    @property
    def kind(self) -> str:
        """``"exact"`` or ``"heuristic"``."""
        return "exact" if self.exact else "heuristic"

    @property
    def installed(self) -> bool:
        """Whether every package it needs is there (none is imported to find out)."""
        return not self._missing()

    def _missing(self) -> list[str]:
        # A package that is loaded is there; looking for it takes longer than many a solve.
        return [name for name in self.requires if name not in sys.modules and not _is_there(name)]

    @property
    def version(self) -> str:
        """Version of the package that does the work, edgeopt's own for a solver of its own."""
        return _version(self.requires[0] if self.requires else "edgeopt")

    def refusal(self, problem: Problem, options: Options | None = None) -> EdgeOptError | None:
        """Why this solver cannot solve `problem`, as the error to raise, or None if it can.

        Parameters
        ----------
        options : Options, optional
            With them the answer is whether it can solve it here and now: that its package is installed, and that it
            supports every option that is set. Without, only whether the problem is one for this solver.

        Returns
        -------
        EdgeOptError or None
            :class:`UnsupportedPairError`, :class:`SolverNotInstalledError` or :class:`InvalidOptionError`.
        """
        if reason := self._wrong_kind(problem) or self._declined(problem):
            return UnsupportedPairError(f"solver {self.name!r} {reason}, so not this {type(problem).__name__}")
        if options is None:
            return None
        return self.not_installed() or self._wrong_option(options)

    def _declined(self, problem: Problem) -> str | None:
        if self.declines is None:
            return None
        try:
            return self.declines(problem)
        except Exception as error:  # one that cannot tell does not keep others from being asked
            return f"cannot say whether it takes the problem ({type(error).__name__}: {error})"

    def _wrong_kind(self, problem: Problem) -> str | None:
        if type(problem) in self.by_kind:
            return None
        if not self.general:
            wanted = self.solves if isinstance(self.solves, tuple) else (self.solves,)
            if type(problem) in wanted or (self.subclasses and isinstance(problem, wanted)):
                return None
            return f"solves {' or '.join(kind.__name__ for kind in wanted)}" + self._beyond(problem, wanted)
        if not isinstance(problem, HasProgram):
            return "reads linear programs only" + self._beyond(problem, tuple(self.by_kind))
        if problem.quadratic and self.quadratic is Quadratic.NONE:
            return "takes no quadratic objective"
        if problem.integral and self.columns is Columns.CONTINUOUS:
            return "takes no integer columns"
        if self.columns is Columns.INTEGER and not _all_integer(problem):
            return "takes integer columns only"
        if problem.quadratic and problem.integral and self.quadratic is Quadratic.CONTINUOUS:
            return "takes no quadratic objective over integer columns"
        return None

    def passed_over(self, problem: Problem) -> bool:
        """Whether the solver is made for a class that the problem's class derives from, and is not to take it."""
        wanted = self.solves if isinstance(self.solves, tuple) else (self.solves,)
        return not self.general and isinstance(problem, wanted) and self._wrong_kind(problem) is not None

    @staticmethod
    def _beyond(problem: Problem, wanted: tuple[type[Problem], ...]) -> str:
        """Say why a problem of a derived class is not taken; nothing of other problems."""
        known = next((kind.__name__ for kind in wanted if isinstance(problem, kind)), None)
        kind = type(problem).__name__
        return "" if known is None else f", and {kind} may have changed what {known} says"

    def not_installed(self) -> SolverNotInstalledError | None:
        """Return the error that gives the pip command, or None if every package is there."""
        if not (missing := self._missing()):
            return None
        target = self.install or " ".join(missing)
        return SolverNotInstalledError(
            f"solver {self.name!r} needs {', '.join(missing)}; install with: pip install '{target}'"
        )

    def _wrong_option(self, options: Options) -> InvalidOptionError | None:
        """Return the error for the first option that is set and not supported; it names what is."""
        for name in STANDARD_OPTIONS:
            if getattr(options, name) is not None and name not in self.options:
                supported = ", ".join(self.options) or "none of them"
                return InvalidOptionError(
                    f"solver {self.name!r} does not support {name}; of {STANDARD_OPTIONS} it supports {supported}"
                )
        if not options.extra:
            return None
        known = set(self.own_options() if callable(self.own_options) else self.own_options)
        unknown = next((name for name in options.extra if name not in known), None)
        if unknown is None:
            return None
        close = get_close_matches(unknown, [*STANDARD_OPTIONS, "seed", "log", "isolate", *known], n=1)
        meant = f"did you mean {close[0]}? " if close else ""
        listed = ", ".join(sorted(known)) or "it has none"
        return InvalidOptionError(f"solver {self.name!r} has no option {unknown!r}; {meant}its own options: {listed}")


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (Exception, SystemExit):  # no package, no name of one, or one whose parent cannot be imported
        return False


def _all_integer(problem: HasProgram) -> bool:
    if isinstance(problem, Program):
        return bool(problem.integrality.all())
    return problem.integral and not problem.mixed


@lru_cache
def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def solver(
    name: str, *, solves: type[Problem] | tuple[type[Problem], ...], exact: bool, **rest: Any
) -> Callable[[Callable[[Any, Options], Outcome]], Solver]:
    """Make a :class:`Solver` of the function below; keywords are the fields of that class."""

    def make(function: Callable[[Any, Options], Outcome]) -> Solver:
        return Solver(name, function, solves, exact, **rest)

    return make
