"""Every registered solver meets every family of every formulation that it claims; nobody keeps a list.

The cases and laws are those of ``edgeopt.testing``. ``entry`` and ``case`` are parametrised over all pairs that the
registry allows, ``exact`` or ``heuristic`` and ``case`` over those of one kind.
"""

from __future__ import annotations

import pytest

import edgeopt as eo
from edgeopt.model.solver import Solver
from edgeopt.solving.registry import solvers
from edgeopt.testing.case import Case, own_cases

PAIRS = [(entry, case) for entry in solvers().values() for case in own_cases() if not entry.refusal(case.problem)]


def _marks(entry: Solver, case: Case) -> list[pytest.MarkDecorator]:
    """Return the marks of a pair: Pyomo takes seconds for a slot, so that `make test` has it meet few of them."""
    many = entry.name == "pyomo" and isinstance(case.problem, (eo.SlotProblem, eo.SharedSlot))
    return [pytest.mark.slow] if many and case.name not in ("typical", "alone") else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for a solver and a case every pair that the registry allows."""
    asked = set(metafunc.fixturenames)
    for name in asked & {"entry", "exact", "heuristic"} if "case" in asked else ():
        pairs = [(entry, case) for entry, case in PAIRS if name in ("entry", entry.kind)]
        ids = [f"{entry.name}-{type(case.problem).__name__}-{case.name}" for entry, case in pairs]
        marked = [pytest.param(*pair, id=name, marks=_marks(*pair)) for pair, name in zip(pairs, ids, strict=True)]
        metafunc.parametrize((name, "case"), marked)
    if "entry" in asked and "case" not in asked:
        metafunc.parametrize("entry", list(solvers().values()), ids=lambda entry: entry.name)
