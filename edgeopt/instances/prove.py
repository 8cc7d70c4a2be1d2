"""Record instances: build each, prove its best known answer, write what ships with the package.

``python -m edgeopt.instances.prove 'offloading/mine-*'`` records some; without a pattern all, which needs the
data sets. Run it after a family has changed, and look at what ``git diff`` says of ``index.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.folder import data_folder
from ..exchange.storage import fingerprint, save, write_atomically
from ..model.instance import Instance
from ..model.outcome import Status
from ..solving.compare import solvers_for
from ..solving.registry import find
from ..solving.solve import solve
from . import LIBRARY, _find, _path, names
from .family import Family

if TYPE_CHECKING:
    from ..model.problem import Problem
    from ..model.solution import Solution

logger = logging.getLogger("edgeopt")

SHIPPED = 40_000
"""Bytes up to which a problem ships with the package."""
LIMIT = 120.0
"""Seconds that a solver gets."""


def main() -> None:
    """Record all instances, or those that match the patterns given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", default=["*"], help="names, such as 'offloading/mine-*'; all by default")
    patterns = parser.parse_args().patterns
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    chosen = [name for name in names() if any(fnmatchcase(name, pattern) for pattern in patterns)]
    if not chosen:
        parser.error(f"no instance matches {patterns}")
    if data_folder() is None and any(family.needs_data for family in map(_family, chosen)):
        parser.error("some of these are cut from data sets; set EDGEOPT_DATA, or name those that are not")
    index = json.loads((LIBRARY / "index.json").read_text(encoding="utf-8"))
    for name in chosen:
        index[name] = record(name)
        logger.info("%s: %s", name, index[name])
    known = set(names())
    kept = {name: entry for name, entry in index.items() if name in known}
    write_atomically(LIBRARY / "index.json", (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode())
    for path in LIBRARY.glob("*/*.*"):  # what a member of another day has left
        if path.relative_to(LIBRARY).as_posix().split(".json")[0].removesuffix(".best") not in known:
            path.unlink()


def _family(name: str) -> Family:
    """Family of a member."""
    family, _ = _find(name)
    assert family is not None
    return family


def record(name: str) -> dict[str, Any]:
    """Build, prove and write one instance; return its entry of the index."""
    family, knobs = _find(name)
    assert family is not None
    problem = family.problem(knobs, data_folder())
    best = best_of(problem)
    instance = Instance(name, problem, family.version, fingerprint(problem))
    _path(name).parent.mkdir(parents=True, exist_ok=True)
    if not family.needs_data and 8 * instance.size <= SHIPPED:
        save(problem, _path(name))
    _write_best(best, name)
    return {
        "formulation": type(problem).__name__,
        "size": instance.size,
        "version": family.version,
        "fingerprint": instance.fingerprint,
        "status": str(best.status),
        "objective": None if best.objective is None else float(np.mean(best.objective)),
        "bound": None if best.bound is None else float(np.mean(best.bound)),
        "claimed_bound": None if best.claimed_bound is None else float(np.mean(best.claimed_bound)),
        "proved": best.proved,
        "proved_by": f"{best.solver} {best.solver_version}" if best.proved else "",
        "certificate": None if best.certificate is None else str(best.certificate).splitlines()[0],
    }


def best_of(problem: Problem) -> Solution:
    """Return the best answer of the exact solvers, the first that is optimal; else the best of all solvers.

    It says by itself whether it is proved or rests on the word of the engines that its certificate names.
    """
    found: list[Solution] = []
    listed = solvers_for(problem)
    for name in listed.loc[listed["installed"], "solver"]:
        entry, _ = find(name)
        if found and found[-1].status is Status.OPTIMAL:
            break
        limit = {"time_limit": LIMIT} if "time_limit" in entry.options else {}
        solution = solve(problem, name, **limit)  # type: ignore[arg-type]
        if solution.status in (Status.OPTIMAL, Status.FEASIBLE, Status.INFEASIBLE):
            found.append(solution)
    return min(found, key=lambda s: (s.status is not Status.OPTIMAL, problem.sense.sign * float(np.mean(s.objective))))


def _write_best(best: Solution, name: str) -> None:
    """Save the best answer: whole where it is small, else without its decision, else without its certificate too."""
    file = LIBRARY / f"{name}.best.json"
    kept = replace(best, wall_time=0.0, verify_time=0.0, statistics={}, options={})
    for lighter in (kept, replace(kept, found=None), replace(kept, found=None, certificate=None)):
        save(lighter, file)
        if sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*")) <= SHIPPED:
            return


if __name__ == "__main__":
    main()
