"""The process behind ``solve(…, isolate=True)``: load a request, run one solver, save its solution."""

from __future__ import annotations

import importlib
import importlib.util
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from ..exchange.storage import load, save
from ..model.outcome import Options
from ..model.solver import Solver
from .solve import run_warm
from .supervisor import die_with_parent


def main(folder: str) -> None:
    """Answer the request in `folder`."""
    if sys.platform == "linux":
        die_with_parent(signal.SIGKILL)
    work = Path(folder)
    request: dict[str, Any] = json.loads((work / "request.json").read_text())
    sys.path[:] = request["path"]
    chosen = _find(request)
    if (home := request["formulation"]) is not None:
        _module(home["module"], home["file"])
    problem = load(work / "problem.json")
    warm_start = load(work / "warm_start.json") if (work / "warm_start.json").exists() else None
    for package in chosen.requires:
        importlib.import_module(package)
    before = _resident("VmRSS")
    (work / "ready").touch()
    given = ("time_limit", "relative_gap", "seed", "threads", "log", "variant", "extra")
    options = Options(warm_start=warm_start, **{name: request[name] for name in given})
    solution = run_warm(problem, chosen, options, request["warm_up"], (work / "again").touch)
    statistics = solution.statistics | {"memory": max(0, _resident("VmHWM") - before)}
    save(replace(solution, statistics=statistics), work / "solution.json")


def _resident(count: str) -> int:
    """Bytes that are resident (``VmRSS``) or were at most (``VmHWM``); 0 where the system does not tell (not Linux)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(count)), 0)


_SCRIPT = "edgeopt_isolated_script"
"""Name under which the script of the process that asks is loaded here."""


def _find(request: dict[str, Any]) -> Solver:
    module = _module(request["module"], request["file"])
    for value in vars(module).values():
        if isinstance(value, Solver) and value.name == request["name"]:
            return value
    raise LookupError(f"module {request['module']} holds no solver called {request['name']!r} at its top level")


def _module(name: str, file: str | None) -> ModuleType:
    if name != "__main__":
        try:
            return importlib.import_module(name)
        except ImportError:
            if file is None:
                raise
    called = _SCRIPT if name == "__main__" else name
    if (known := sys.modules.get(called)) is not None and known.__file__ == file:
        return known
    spec = importlib.util.spec_from_file_location(called, file or "")
    if spec is None or spec.loader is None:
        raise LookupError(
            f"the module {name!r} of the solver or formulation has no source file that another process could load"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(sys.argv[1])
