"""The registry fills itself: every module of ``edgeopt.solvers`` that holds a solver registers it by its file name.

A newcomer adds a solver with one file. Third parties register theirs through the entry-point group
``edgeopt.solvers``, each entry pointing at a module or at a :class:`Solver`. ``"auto"`` leaves theirs to those who ask
for them by name, but for formulations that are not edgeopt's.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType, ModuleType
from typing import Any

from ..model.errors import InvalidOptionError, UnknownSolverError, UnsupportedPairError
from ..model.outcome import Options
from ..model.problem import Problem
from ..model.solver import Columns, Quadratic, Solver
from .plugins import added


def solvers() -> Mapping[str, Solver]:
    """Return every registered solver by name, exact ones first."""
    return _registered()[0]


@lru_cache(maxsize=1)
def _registered() -> tuple[Mapping[str, Solver], frozenset[str]]:
    """Every solver by name, and the names of those that other packages add."""
    from .. import solvers as room

    names = [f"{room.__name__}.{module.name}" for module in pkgutil.iter_modules(room.__path__)]
    own = [entry for name in names for entry in _held(importlib.import_module(name))]
    table: dict[str, Solver] = {}
    for entry in own:
        if entry.name in table:
            raise InvalidOptionError(f"two solvers are registered as {entry.name!r}; rename one")
        table[entry.name] = entry
    others = added("edgeopt.solvers", _of_plugin, [*table, "auto"])
    order = sorted([*own, *others], key=lambda s: (not s.exact, s.rank, s.name))
    return MappingProxyType({entry.name: entry for entry in order}), frozenset(entry.name for entry in others)


def _of_plugin(loaded: Any) -> list[Solver]:
    """Solvers that an entry point points at; a TypeError or ValueError where one is not what a solver is."""
    if not isinstance(loaded, (Solver, ModuleType)):
        raise TypeError(f"it is {loaded!r}; expected a Solver, or a module that makes one")
    held = [loaded] if isinstance(loaded, Solver) else _held(loaded)
    for entry in held:
        _check_entry(entry)
    return held


def _check_entry(entry: Solver) -> None:
    """Raise unless the fields that are read of every solver, asked for or not, have their types."""
    kinds = entry.solves if isinstance(entry.solves, tuple) else (entry.solves,)
    strings = (*entry.requires, *entry.options, entry.install)
    sound = {
        "name": isinstance(entry.name, str) and bool(entry.name) and ":" not in entry.name,
        "function": callable(entry.function),
        "solves": all(isinstance(kind, type) and issubclass(kind, Problem) for kind in kinds),
        "by_kind": all(isinstance(kind, type) for kind in entry.by_kind),
        "columns": isinstance(entry.columns, Columns),
        "quadratic": isinstance(entry.quadratic, Quadratic),
        "rank": isinstance(entry.rank, int),
        "exact, variants, batched or subclasses": all(
            isinstance(f, bool) for f in (entry.exact, entry.variants, entry.batched, entry.subclasses)
        ),
        "own_options": callable(entry.own_options) or isinstance(entry.own_options, (tuple, list, set, frozenset)),
        "requires, options or install": all(isinstance(text, str) for text in strings) and all(entry.requires),
        "declines": entry.declines is None or callable(entry.declines),
    }
    if wrong := [name for name, right in sound.items() if not right]:
        raise TypeError(f"the {wrong[0]} of its solver {entry.name!r} is not what the documentation of Solver says")


def _held(module: ModuleType) -> list[Solver]:
    """Solvers made in `module`, not those it merely imports."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, Solver) and getattr(value.function, "__module__", "") == module.__name__
    ]


def find(name: str) -> tuple[Solver, str | None]:
    """Return the solver called `name` (or ``name:variant``) and its variant.

    Raises
    ------
    UnknownSolverError
        Lists the names that are registered.
    """
    stem, _, variant = name.partition(":")
    known = solvers()
    if stem not in known:
        raise UnknownSolverError(f"no solver is called {stem!r}; registered: {', '.join(known)}")
    if variant and not known[stem].variants:
        raise UnknownSolverError(f"solver {stem!r} has no variants; ask for {stem!r}")
    return known[stem], variant or None


def choose(problem: Problem, name: str | Solver, options: Options) -> tuple[Solver, str | None]:
    """Return the solver to use for `problem`; ``"auto"`` is the best-ranked exact one that supports `options`.

    Raises
    ------
    UnsupportedPairError
        If the solver cannot take this problem; lists those that can.
    SolverNotInstalledError
        If its package is missing.
    InvalidOptionError
        If it does not support an option.
    """
    if name == "auto":
        return next(automatic(problem, options)), None
    chosen, variant = (name, None) if isinstance(name, Solver) else find(str(name))
    error = chosen.refusal(problem, options)
    if isinstance(error, UnsupportedPairError):
        available = ", ".join(entry.name for entry in solvers().values() if not entry.refusal(problem))
        raise UnsupportedPairError(f"{error}; these solve it: {available}")
    if error is not None:
        raise error
    return chosen, variant


def _candidates(problem: Problem) -> list[Solver]:
    """Return what ``"auto"`` may choose from: edgeopt's solvers, and those made for another package's formulation.

    A package that is merely installed, for whatever reason, does not change by whom edgeopt's own formulations are
    solved: its solvers are asked for by name.
    """
    others = _registered()[1]
    foreign = type(problem).__module__.partition(".")[0] != __name__.partition(".")[0]
    return [entry for name, entry in solvers().items() if name not in others or (foreign and not entry.general)]


def automatic(problem: Problem, options: Options) -> Iterator[Solver]:
    """Yield the exact solvers that take `problem` and support `options`, best-ranked first.

    Those that say that others are faster on this problem come last.

    Raises
    ------
    UnsupportedPairError, InvalidOptionError
        If there is none; the message says which it is.
    """
    refused, deferring, found = [], [], False
    for candidate in _candidates(problem):
        if not candidate.exact:
            continue
        error = candidate.refusal(problem, options)
        if isinstance(error, InvalidOptionError):
            refused.append(str(error))
        elif error is None:
            found = True
            if candidate.defers is not None and candidate.defers(problem):
                deferring.append(candidate)
            else:
                yield candidate
    yield from deferring
    if found:
        return
    if not refused:
        raise UnsupportedPairError(f"no installed exact solver takes this {type(problem).__name__}")
    others = f" (and {len(refused) - 1} other solvers refuse too)" if len(refused) > 1 else ""
    raise InvalidOptionError(f"no exact solver supports all these options: {refused[0]}{others}")
