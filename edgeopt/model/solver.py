"""What a solver is: a named strategy, with what it needs to be chosen, checked and compared."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from .errors import InvalidOptionError, SolverNotInstalledError
from .outcome import Options, Outcome
from .problem import Problem
from .program import Program

LIMITS = ("time_limit", "relative_gap", "warm_start", "threads")
"""The standard options that a solver honours or refuses; ``seed`` and ``log`` every solver takes."""


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
    integers : bool
        Whether a general solver takes integer columns.
    continuous : bool
        Whether a general solver takes continuous columns.
    honours : tuple of str
        Which of :data:`LIMITS` it honours; the others it refuses.
    accepts : tuple of str or callable
        Names of its own options, or a function that lists them.
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
    batched : bool
        Whether it takes a problem with a batch axis as one array operation; otherwise its instances are solved in turn.
    also : mapping of type to callable
        What a general solver does with formulations that are no program.
    """

    name: str
    function: Callable[[Any, Options], Outcome]
    solves: type[Problem] | tuple[type[Problem], ...]
    exact: bool
    integers: bool = True
    continuous: bool = True
    honours: tuple[str, ...] = ()
    accepts: tuple[str, ...] | Callable[[], Iterable[str]] = ()
    requires: tuple[str, ...] = ()
    install: str = ""
    rank: int = 100
    variants: bool = False
    declines: Callable[[Any], str | None] | None = None
    batched: bool = False
    also: Mapping[type[Problem], Callable[[Any, Options], Outcome]] = field(default_factory=dict)

    def __call__(self, problem: Any, options: Options) -> Outcome:
        """Run the solver's function, or the one it has for this kind of problem."""
        own = next((function for kind, function in self.also.items() if isinstance(problem, kind)), self.function)
        return own(problem, options)

    def reads_program(self, problem: Problem) -> bool:
        """Whether this problem reaches the solver as a program."""
        return self.general and not isinstance(problem, tuple(self.also))

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

    def refusal(self, problem: Problem) -> str | None:
        """Why this solver cannot take `problem`, or None if it can."""
        if (reason := self._wrong_kind(problem)) or self.declines is None:
            return reason
        try:
            return self.declines(problem)
        except Exception as error:  # one that cannot tell does not keep others from being asked
            return f"cannot say whether it takes the problem ({type(error).__name__}: {error})"

    def _wrong_kind(self, problem: Problem) -> str | None:
        if isinstance(problem, tuple(self.also)):
            return None
        if not self.general:
            wanted = self.solves if isinstance(self.solves, tuple) else (self.solves,)
            names = " or ".join(kind.__name__ for kind in wanted)
            return None if isinstance(problem, wanted) else f"solves {names}"
        if not problem.linear:
            return "reads linear programs only"
        if problem.integral and not self.integers:
            return "takes no integer columns"
        if not self.continuous and not _all_integer(problem):
            return "takes integer columns only"
        return None

    def check(self, options: Options) -> None:
        """Raise unless every option that was asked for is one that this solver honours.

        Raises
        ------
        InvalidOptionError
            Names the option and what the solver knows instead.
        """
        for name in LIMITS:
            if getattr(options, name) is not None and name not in self.honours:
                available = ", ".join(self.honours) or "none of them"
                raise InvalidOptionError(
                    f"solver {self.name!r} cannot honour {name}; of {LIMITS} it honours {available}"
                )
        if options.extra:
            known = set(self.accepts() if callable(self.accepts) else self.accepts)
            for name in options.extra:
                if name not in known:
                    listed = ", ".join(sorted(known)) or "it has none"
                    close = get_close_matches(name, [*LIMITS, "seed", "log", "isolate", *known], n=1)
                    meant = f"did you mean {close[0]}? " if close else ""
                    raise InvalidOptionError(
                        f"solver {self.name!r} has no option {name!r}; {meant}its own options: {listed}"
                    )

    def demand_installed(self) -> None:
        """Raise :class:`SolverNotInstalledError` with the pip command unless the solver can run."""
        if missing := self._missing():
            target = self.install or " ".join(missing)
            raise SolverNotInstalledError(
                f"solver {self.name!r} needs {', '.join(missing)}; install with: pip install '{target}'"
            )


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (Exception, SystemExit):  # no package, no name of one, or one whose parent cannot be imported
        return False


def _all_integer(problem: Problem) -> bool:
    return bool(problem.integrality.all()) if isinstance(problem, Program) else problem.integral


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
