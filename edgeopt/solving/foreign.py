"""What to call instead where ``solve`` was given something else than a problem."""

from __future__ import annotations

from pathlib import Path

_READERS = ("pyomo", "linopy", "pulp", "highspy")


def remedy_for(given: object) -> str:
    """Return what to call, to be added to an error; empty where nothing comes near."""
    if isinstance(given, (str, Path)):
        name = str(given)
        if name.endswith((".mps", ".lp")):
            return f"; read the file first: eo.solve(eo.Program.read({name!r}))"
        return f"; load the file first: eo.solve(eo.load({name!r})), or an instance: eo.instances.load({name!r})"
    if isinstance(given, (list, tuple)):
        return "; solve each of them, or compare solvers on all: eo.compare(problems, solvers=[...])"
    package = type(given).__module__.partition(".")[0]
    if package in _READERS:
        return f"; read the model first: eo.solve(eo.from_{package}(model))"
    if package == "cvxpy":
        return "; a CVXPY problem is solved by its own solve(); edgeopt reads linear models of " + ", ".join(_READERS)
    return ""
