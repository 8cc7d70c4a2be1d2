"""Methods of a problem that are written in a room above this one, found when they are called.

Users expect ``program.write(path)``, ``problem.to_pyomo()`` and ``problem.explain()``. Files, models of other packages
and explanations are made of problems, though, so their code stands above the model, and an import from here would close
a circle. This table is the only place where the model reaches up.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

_HOMES = {
    "read_program": "exchange.model_files",
    "read_program_string": "exchange.model_files",
    "write_program": "exchange.model_files",
    "to_pyomo": "exchange.modelling_packages",
    "to_cvxpy": "exchange.modelling_packages",
    "assign_values": "exchange.packages.foreign",
    "content": "exchange.storage",
    "explain_program": "analysis.conflicts",
    "subject_to": "formulations.constrained.stating",
    "with_objective": "formulations.constrained.stating",
}


def late(name: str) -> Callable[..., Any]:
    """Return the function `name` from its room."""
    found: Callable[..., Any] = getattr(importlib.import_module(f"..{_HOMES[name]}", __package__), name)
    return found
