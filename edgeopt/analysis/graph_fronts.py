"""Latency against energy of a network that is no chain: one capped split after the other.

No labels can be carried through a graph, so each point is a problem of its own: the fastest placement that needs less
energy than the point before (the epsilon-constraint method; Haimes et al. 1971). Prices of the energy in a minimum cut
would find the corners of the convex hull alone; a cap finds the points between them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidOptionError, NoSolutionError
from ..model.outcome import Status
from ..solving.solve import solve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..formulations.graph_split import GraphSplit

CLOSEST = 1e-6
"""Share of the energy by which a point must need less than the one before: solvers keep a cap to some 1e-9."""


def graph_front(
    problem: GraphSplit, powers: tuple[Any, Any, Any], step: float, most: int
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return (points, 2) latency and energy, latency ascending, and (points, layers) tiers.

    Parameters
    ----------
    powers : (compute, radio, receive)
        As :meth:`GraphSplit.energy_network` takes them.
    step : float
        By which factor, less 1, the energy falls from point to point at least.
    most : int
        Most points.

    Raises
    ------
    InvalidOptionError
        If there are more than `most` points.
    NoSolutionError
        If a capped split is not solved to optimality.
    """
    joules = problem.energy_network(*powers).capacities[np.isfinite(problem.network.capacities)]
    values: list[tuple[float, float]] = []
    placed: list[NDArray[np.int64]] = []
    capped: Any = problem
    while True:
        found = solve(capped, relative_gap=1e-9)
        if found.status is Status.INFEASIBLE:
            break
        if found.status is not Status.OPTIMAL:
            raise NoSolutionError(f"a point of the front needs an exact split; {found.solver} ended {found.status}")
        latency = problem.objective(found.decision)
        # The cut arcs are the last columns of the program, in the order of the network's finite arcs.
        energy = float(problem.encode(found.decision)[-joules.size :] @ joules)
        if values and latency <= values[-1][0] * (1.0 + 1e-9):  # as fast, and more frugal
            values.pop(), placed.pop()
        values.append((latency, energy))
        placed.append(found.decision.tiers)
        if len(values) > most:
            raise InvalidOptionError(
                f"the front has more than {most} points, max_labels; raise max_labels, or set epsilon (0.01 gives a "
                "front within 1 % in energy)"
            )
        if energy == 0.0:
            break
        capped = problem.subject_to(energy=_at_most(powers, energy / (1.0 + step)))
    return np.array(values), np.array(placed, np.int8)


def _at_most(powers: tuple[Any, Any, Any], limit: float) -> Any:
    return lambda m: m.energy(*powers) <= limit
