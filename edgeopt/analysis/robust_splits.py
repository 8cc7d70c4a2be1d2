"""The robust split: layer times known only within measured intervals.

Two criteria. *Worst case* minimises the largest expected latency: with all times at their upper ends, or with at most
`budget` layers of an exit at a time (Bertsimas and Sim 2003: a nominal problem for each possible price of a deviation).
*Regret* minimises the largest distance to what would have been best in hindsight (Karasan, Pinar and Yaman 2001): for a
placement the worst corner has its own layers at their upper ends and all others at their lower ones, which makes it one
mixed-integer program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import sparse

from ..formulations.placement.exits import Exit
from ..formulations.placement.flow import flow_columns
from ..formulations.split import SplitDecision
from ..model.errors import InvalidOptionError, InvalidProblemError, NoSolutionError
from ..model.program import Program
from ..model.records import float_array, require
from ..solvers.shortest_path import least_latency
from ..solving.solve import solve

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..formulations.split import StochasticSplit


@dataclass(frozen=True, eq=False)
class RobustSplit:
    """A split with its guarantee.

    Attributes
    ----------
    decision : SplitDecision
        The placement.
    value : float
        Its largest expected latency, or its largest regret, seconds.
    bound : float
        No placement has a smaller one; equal to `value` but for the solver's gap.
    corner : tuple of (layers, tiers) arrays
        Layer times, within their intervals, at which `value` is reached, one array for each exit.
    """

    decision: SplitDecision
    value: float
    bound: float
    corner: tuple[NDArray[np.float64], ...]


def robust_split(
    problem: StochasticSplit,
    upper: Sequence[ArrayLike],
    criterion: Literal["worst-case", "regret"] = "worst-case",
    budget: int | None = None,
    *,
    time_limit: float | None = None,
) -> RobustSplit:
    """Return the split that is best against the worst layer times within their intervals.

    Parameters
    ----------
    problem : StochasticSplit
        Its ``exec_time`` are the lower ends.
    upper : sequence of (layers, tiers) float
        Upper ends, one array for each exit.
    criterion : {"worst-case", "regret"}
        What to minimise the largest of.
    budget : int, optional
        For the worst case: how many layers of an exit deviate at most at the same time; all by default.
    time_limit : float, optional
        Seconds for the regret's program.

    Raises
    ------
    InvalidProblemError
        If an upper end lies below its lower one, or shapes disagree.
    InvalidOptionError
        If the criterion is unknown, or a budget does not apply.
    NoSolutionError
        If the time limit ends the search before the first placement.
    """
    if problem.batch is not None:
        raise InvalidProblemError("robust_split takes one problem; take problem.instance(i) of a batch")
    slow = replace(problem, exits=_slowed(problem.exits, upper))
    if criterion not in ("worst-case", "regret"):
        raise InvalidOptionError(f"criterion is {criterion!r}; expected 'worst-case' or 'regret'")
    if criterion == "regret":
        if budget is not None:
            raise InvalidOptionError("budget belongs to criterion='worst-case'")
        return _least_regret(problem, slow, time_limit)
    if budget is None:
        found = solve(slow)
        corner = tuple(entry.exec_time for entry in slow.exits)
        return RobustSplit(found.decision, found.objective, found.bound, corner)
    return _budgeted(problem, slow, _checked_budget(problem, budget))


def _slowed(exits: Sequence[Exit], upper: Sequence[ArrayLike]) -> list[Exit]:
    if len(upper) != len(exits):
        raise InvalidProblemError(f"upper has {len(upper)} arrays; expected {len(exits)}, one for each exit")
    slowed = []
    for k, (entry, values) in enumerate(zip(exits, upper, strict=True)):
        array = float_array(values, f"upper[{k}]", ndim=2, finite=False)
        if array.shape != entry.exec_time.shape:
            raise InvalidProblemError(f"upper[{k}] has shape {array.shape}; expected {entry.exec_time.shape}")
        good = (array >= entry.exec_time) & (np.isinf(array) == np.isinf(entry.exec_time))
        require(f"upper[{k}]", array, good, "must be at least the exit's exec_time, and inf exactly where that is")
        slowed.append(replace(entry, exec_time=array))
    return slowed


def _checked_budget(problem: StochasticSplit, budget: int) -> int:
    if isinstance(budget, bool) or not isinstance(budget, (int, np.integer)) or budget < 0:
        raise InvalidOptionError(f"budget is {budget!r}; expected a whole number of layers, >= 0")
    if problem.shared_trunk:
        raise InvalidOptionError("a budget for each exit needs independent exits; a shared trunk couples them")
    return int(budget)


def _delay(lower: NDArray[np.float64], upper: NDArray[np.float64]) -> NDArray[np.float64]:
    """Width of each interval; 0 where a tier cannot run a layer."""
    return np.subtract(upper, lower, out=np.zeros_like(lower), where=np.isfinite(lower))


def _budgeted(problem: StochasticSplit, slow: StochasticSplit, budget: int) -> RobustSplit:
    """Solve each exit on its own: the budgets of independent chains do not meet."""
    tiers, corner, value = [], [], float(problem.constant)
    for k, (entry, late) in enumerate(zip(problem.exits, slow.exits, strict=True)):
        alone = replace(problem, exits=(replace(entry, fixed_time=0.0),), demand=[1.0], unmet_penalty=None)
        extra = _delay(entry.exec_time, late.exec_time)
        placed, latency = _priced(alone, extra, budget)
        used = extra[np.arange(entry.layers), placed]
        deviating = np.argsort(-used, kind="stable")[:budget]
        times = entry.exec_time.copy()
        times[deviating, placed[deviating]] += used[deviating]
        tiers.append(placed)
        corner.append(times)
        value += float(problem.weights[k]) * latency
    return RobustSplit(SplitDecision(tuple(tiers)), value, value, tuple(corner))


def _priced(alone: StochasticSplit, extra: NDArray[np.float64], budget: int) -> tuple[NDArray[np.int64], float]:
    """Least worst-case latency of a chain: the best over all prices of a deviation (Bertsimas and Sim 2003)."""
    costs, best, least = alone.costs, np.zeros(0, np.int64), np.inf
    for price in np.unique(np.r_[0.0, extra.ravel()]):
        tree = replace(costs.tree, exec_time=costs.tree.exec_time + np.maximum(extra - price, 0.0))
        dearer = replace(costs, tree=tree)
        tiers = least_latency(dearer)[1]
        latency = budget * price + float(dearer.expected_latency(tiers))
        if latency < least:
            best, least = tiers.astype(np.int64), latency
    return best, least


def _least_regret(problem: StochasticSplit, slow: StochasticSplit, time_limit: float | None) -> RobustSplit:
    program, columns = _regret_program(problem, slow)
    found = solve(program, "highs", time_limit=time_limit)
    if not found.status.has_decision:
        raise NoSolutionError(f"the regret's program ended {found.status}: {found.message}")
    decision = problem.decode(found.decision.values[:columns])
    tiers = problem.node_tiers(decision)
    corner = []
    for entry, late, nodes in zip(problem.exits, slow.exits, problem.costs.tree.nodes_of, strict=True):
        times = entry.exec_time.copy()
        layers = np.arange(entry.layers)
        times[layers, tiers[nodes]] = late.exec_time[layers, tiers[nodes]]
        corner.append(times)
    there = replace(problem, exits=[replace(e, exec_time=c) for e, c in zip(problem.exits, corner, strict=True)])
    regret = there.objective(decision) - solve(there).objective
    stated = found.bound if found.proved else found.claimed_bound
    return RobustSplit(decision, max(regret, 0.0), max(float(stated), 0.0), tuple(corner))


def _regret_program(problem: StochasticSplit, slow: StochasticSplit) -> tuple[Program, int]:
    """Return the program of least regret, and how many of its columns are the flow of the placement.

    Its columns are the flow with all times at their upper ends, and potentials that bound from below what any placement
    takes where only the chosen layers are slow: the difference of the two is the regret.
    """
    flow, costs, tree = slow.program(), problem.costs, problem.costs.tree
    node, before, here = flow_columns(tree)
    nodes, tiers = tree.exec_time.shape
    moves = node.size
    entry_of = moves + np.arange(nodes * tiers).reshape(nodes, tiers)  # least cost to enter a layer from a tier
    value_of = entry_of + nodes * tiers  # least cost from a layer on a tier
    rows = _Rows()
    available = np.isfinite(tree.exec_time)
    back = costs.end_share[:, None] * (costs.per_crossing[:, 0] + tree.result_bits[:, None] * costs.per_bit[:, 0])
    late = _delay(tree.exec_time, slow.costs.tree.exec_time)
    for n in range(nodes):
        for t in np.flatnonzero(available[n]):
            used = np.flatnonzero((node == n) & (here == t))
            children = np.flatnonzero(tree.parent == n)
            rows.add(
                [value_of[n, t], *entry_of[children, t], *used],
                [1.0, *[-1.0] * children.size, *[-costs.reach[n] * late[n, t]] * used.size],
                costs.reach[n] * (tree.exec_time[n, t] + back[n, t]),
            )
    for n, a, t in zip(node, before, here, strict=True):
        if available[n, t]:
            way = costs.per_crossing[a, t] + tree.input_bits[n] * costs.per_bit[a, t]
            rows.add([entry_of[n, a], value_of[n, t]], [1.0, -1.0], costs.reach[n] * way)
    total = moves + 2 * nodes * tiers
    matrix, right = rows.matrix(total)
    wide = sparse.csc_array(sparse.hstack([flow.matrix, sparse.csc_array((flow.rows, total - moves))]))
    gain = np.zeros(total)
    gain[:moves] = flow.cost
    gain[entry_of[tree.parent < 0, 0]] = -1.0
    upper = np.r_[flow.upper, np.full(total - moves, np.inf)]
    # Entries that nothing bounds above (a root's from another tier than the device) are not needed.
    upper[entry_of[tree.parent < 0, 1:].ravel()] = 0.0
    upper[value_of[~available]] = 0.0
    return Program(
        cost=gain,
        matrix=sparse.vstack([wide, matrix]),
        row_lower=np.r_[flow.row_lower, np.full(right.size, -np.inf)],
        row_upper=np.r_[flow.row_upper, right],
        upper=upper,
        integrality=np.arange(total) < moves,
        name="least_regret",
    ), moves


class _Rows:
    """Rows of a sparse matrix, written one after the other."""

    def __init__(self) -> None:
        self.columns: list[Any] = []
        self.values: list[Any] = []
        self.starts = [0]
        self.right: list[float] = []

    def add(self, columns: Sequence[Any], values: Sequence[float], right: float) -> None:
        """Add ``values @ x[columns] <= right``."""
        self.columns += list(columns)
        self.values += list(values)
        self.starts.append(len(self.columns))
        self.right.append(right)

    def matrix(self, width: int) -> tuple[sparse.csc_array, NDArray[np.float64]]:
        """Return the matrix and its right-hand side."""
        data = (np.array(self.values), np.array(self.columns, int), np.array(self.starts))
        rows = sparse.csr_array(data, shape=(len(self.right), width))
        return sparse.csc_array(rows), np.array(self.right)
