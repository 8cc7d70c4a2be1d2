"""A pipelined split as a program: which layers lie beyond each link, and the period above every stage.

Column ``beyond[n, l]`` is 1 where layer n runs beyond link l. As tiers do not fall along the chain, these columns rise
with n, so that the one rise of a link is where the chain is cut for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.program import Program

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .problem import PipelinedSplit


def run_rows(layers: int, tiers: int, tier: int) -> sparse.csr_array:
    """(layers, beyond columns) by which a layer runs on a tier; of the device, minus that it runs beyond it."""
    links, every = tiers - 1, np.arange(layers)
    rows, columns, values = [], [], []
    for link, sign in ((tier - 1, 1.0), (tier, -1.0)):
        if 0 <= link < links:
            rows.append(every)
            columns.append(every * links + link)
            values.append(np.full(layers, sign))
    parts = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_array(sparse.coo_array(parts, shape=(layers, layers * links)))


def stage_rows(problem: PipelinedSplit) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    """Return (stages, beyond columns) seconds and (stages,) constants: each tier, each link out, and back."""
    layers, tiers, links = problem.layers, problem.tiers, problem.tiers - 1
    times = np.where(np.isfinite(problem.exec_time), problem.exec_time, 0.0)
    rows, constants = [], np.zeros(tiers + 2 * links)
    for tier in range(tiers):
        rows.append(sparse.csr_array(times[None, :, tier]) @ run_rows(layers, tiers, tier))
    constants[0] = times[:, 0].sum()
    up, down = problem.per_link
    # The cut before layer n: bits[n] where n is beyond the link and n - 1 is not.
    falls = problem.output_bits[:-1].copy()
    falls[:-1] -= problem.output_bits[1:-1]
    for link in range(links):
        row = np.zeros((1, layers * links))
        row[0, link::links] = up[link] * falls
        rows.append(sparse.csr_array(row))
    for link in range(links):
        row = np.zeros((1, layers * links))
        row[0, (layers - 1) * links + link] = down[link] * problem.output_bits[-1]
        rows.append(sparse.csr_array(row))
    return sparse.csr_array(sparse.vstack(rows)), constants


def latency_row(problem: PipelinedSplit) -> tuple[sparse.csr_array, float]:
    """Return (1, beyond columns) seconds of a frame, and the constant."""
    matrix, constants = stage_rows(problem)
    links, layers = problem.tiers - 1, problem.layers
    delays = np.zeros((1, layers * links))
    delays[0, (layers - 1) * links :] = 2.0 * problem.link_delay
    total = sparse.csr_array(np.ones((1, matrix.shape[0]))) @ matrix + sparse.csr_array(delays)
    return sparse.csr_array(total), float(constants.sum())


class _Rows:
    """Rows that are gathered, each with its bounds and its name."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.parts: list[Any] = []
        self.lower: list[NDArray[np.float64]] = []
        self.upper: list[NDArray[np.float64]] = []
        self.names: list[str] = []

    def add(self, name: str, matrix: Any, upper: Any, *, equal: bool = False) -> None:
        """Add rows ``matrix @ beyond <= upper``, or ``==``; `matrix` may lack the column of the period."""
        wide = sparse.csr_array(matrix)
        if not wide.shape[0]:
            return
        if wide.shape[1] < self.columns:
            wide = sparse.hstack([wide, sparse.csr_array((wide.shape[0], self.columns - wide.shape[1]))])
        upper = np.broadcast_to(np.asarray(upper, float), wide.shape[:1])
        self.parts.append(wide)
        self.upper.append(upper)
        self.lower.append(upper if equal else np.full(upper.size, -np.inf))
        before = sum(one.startswith(f"{name}[") for one in self.names)
        self.names += [f"{name}[{before + k}]" for k in range(upper.size)]


def pipeline_program(problem: PipelinedSplit) -> Program:
    """Return the program of a pipelined split."""
    layers, links = problem.layers, problem.tiers - 1
    width = layers * links + 1
    rows = _Rows(width)
    eye = sparse.eye_array(layers * links, format="csr")
    rows.add("order", eye[:-links] - eye[links:], 0.0)  # beyond[n, l] <= beyond[n + 1, l]
    near = np.flatnonzero(np.arange(layers * links) % links < links - 1)
    rows.add("nested", eye[near + 1] - eye[near], 0.0)  # beyond[n, l + 1] <= beyond[n, l]
    _add_stages(problem, rows)
    matrix, constant = latency_row(problem)
    if problem.max_latency is not None:
        rows.add("latency", matrix, problem.max_latency - constant)
    for tier in range(problem.tiers):
        _add_tier(problem, rows, tier)
    first, last = problem.together.T
    for link in range(links):
        rows.add("together", eye[last * links + link] - eye[first * links + link], 0.0, equal=True)
    cost = np.zeros(width)
    if problem.goal == "period":
        cost[-1] = 1.0
    else:
        cost[:-1] = matrix.toarray()[0]
    if problem.max_period is not None:
        rows.add("max_period", sparse.csr_array(np.eye(1, width, width - 1)), problem.max_period)
    upper = np.ones(width)
    upper[-1] = np.inf
    return Program(
        cost=cost,
        matrix=sparse.csc_array(sparse.vstack(rows.parts)),
        row_lower=np.concatenate(rows.lower),
        row_upper=np.concatenate(rows.upper),
        upper=upper,
        integrality=np.r_[np.ones(width - 1, bool), False],
        offset=0.0 if problem.goal == "period" else constant,
        column_names=[*(f"beyond[{n},{link}]" for n in range(layers) for link in range(links)), "period"],
        row_names=rows.names,
        name="pipelined_split",
    )


def _add_stages(problem: PipelinedSplit, rows: _Rows) -> None:
    """Every stage is at most the period; where a link's directions share it, both are one stage."""
    matrix, constants = stage_rows(problem)
    tiers, links = problem.tiers, problem.tiers - 1
    if problem.half_duplex:
        matrix = sparse.vstack([matrix[:tiers], matrix[tiers:-links] + matrix[-links:]])
        constants = np.r_[constants[:tiers], constants[tiers:-links] + constants[-links:]]
    period = sparse.csr_array(np.full((matrix.shape[0], 1), -1.0))
    rows.add("stage", sparse.hstack([matrix, period]), -constants)


def _add_tier(problem: PipelinedSplit, rows: _Rows, tier: int) -> None:
    """Add what a tier cannot run, and what it cannot hold."""
    runs = run_rows(problem.layers, problem.tiers, tier)
    always = 1.0 if tier == 0 else 0.0  # a layer is on the device unless it is beyond it
    cannot = np.flatnonzero(~np.isfinite(problem.exec_time[:, tier]))
    rows.add("cannot_run", runs[cannot], -always)
    if np.isfinite(problem.memory[tier]):
        weights = sparse.csr_array(np.tile(problem.weight_bytes, (problem.layers, 1))) @ runs
        live = sparse.diags_array(problem.activation_bytes) @ runs
        constant = always * (problem.weight_bytes.sum() + problem.activation_bytes)
        rows.add("memory", weights + live, problem.room[tier] - constant)
