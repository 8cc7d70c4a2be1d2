"""A linear program as a torch module: exact vertices forward, exact derivatives backward, and a report of kinks.

The optimum of a linear program is piecewise linear in its right-hand sides. Inside a piece the optimal basis does not
change, and a gradient is one solve with the transpose of that basis. Where pieces meet (a degenerate vertex) the layer
returns the gradient of one of them, an element of the generalised Jacobian, and its report says so.

Lyu et al. (2024, eq. 9 to 12) differentiate the KKT conditions of the whole program instead, whose matrix (eq. 10) is
singular at every kink and several times as large; eq. 12 as printed has the wrong sign and scale.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import sparse

from ..model.errors import InvalidOptionError, InvalidProblemError, NoSolutionError
from ..model.program import Program
from ..solvers.compiled.lp_batch import Bases, Constraints, Instances, Vertices
from ..solvers.simplex import FASTEST_ROWS
from .backends import BACKENDS
from .directional import Directional, directional
from .given import PARAMETERS, Call, Sizes, Words, arrays, check_fits, take
from .graph_operators import enrol, smoothed_optima, vertices
from .judge import judged
from .reference import statuses
from .report import Report, degeneracy
from .smoothing import smoothed
from .vertex_function import vertex

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

_DENSE_LIMIT = 2 * 1024**3
"""Bytes that the dense work of a back end may take."""

_WORTH_A_GPU = {"simplex": 4096, "highs": 128}
"""Instances from which a GPU beats the back end of the CPU, by ``benchmarks/lp_layer_gpu.py`` (H200 and 16 cores)."""


class LinearProgramLayer(torch.nn.Module):
    """The optimum of a linear program as a differentiable function of its costs, bounds and coefficients.

    Parameters
    ----------
    program : Program
        A program without integer columns; its own data stand for whatever is no parameter.
    parameters : sequence of str
        What forward takes, in this order: any of ``"cost"``, ``"lower"``, ``"upper"``, ``"row_lower"``,
        ``"row_upper"``, ``"matrix"``.
    backend : {"auto", "simplex", "highs", "batched"}
        How vertices are found; all give the same ones. ``"auto"`` takes the compiled simplex for small programs and
        HiGHS for large ones, on the CPU; for tensors on a GPU ``"batched"``, which finds and finishes them there, where
        the batch is large enough to be faster.
    smoothing : {None, "quadratic", "barrier"}
        With a smoothing the optimum of the program plus ``strength / 2 * |x|**2`` or plus ``strength`` times the
        logarithmic barrier of all bounds: differentiable everywhere, in the costs too, and the program's own optimum
        as the strength goes to zero.
    strength : float
        Strength of the smoothing, > 0.
    on_failure : {"raise", "mask"}
        Whether an instance without an optimum raises :class:`NoSolutionError`, or becomes a row of nan that leaves the
        others alone.
    threads : int, optional
        Most threads to use.

    Examples
    --------
    >>> layer = LinearProgramLayer(Program([-2.0, -1.0], [[1.0, 1.0]], upper=2.0), parameters=("row_upper",))
    >>> capacity = torch.tensor([3.0], requires_grad=True)
    >>> layer(capacity).sum().backward()
    >>> capacity.grad
    tensor([1.])
    """

    def __init__(
        self,
        program: Program,
        parameters: Sequence[str] = ("upper", "row_upper"),
        *,
        backend: str = "auto",
        smoothing: str | None = None,
        strength: float = 1e-2,
        on_failure: str = "raise",
        threads: int | None = None,
    ) -> None:
        super().__init__()
        program.require_linear("a LinearProgramLayer")
        if program.integral:
            raise InvalidProblemError("the program has integer columns; a layer needs a continuous one")
        _check("backend", backend, ("auto", *BACKENDS))
        _check("smoothing", smoothing, (None, "quadratic", "barrier"))
        _check("on_failure", on_failure, ("raise", "mask"))
        for name in parameters:
            _check("parameters", name, PARAMETERS)
        if not strength > 0:
            raise InvalidOptionError(f"strength is {strength!r}; expected a number > 0")
        self.program, self.parameter_names = program, tuple(parameters)
        self.backend, self.on_failure, self.threads = backend, on_failure, threads
        self.smoothing, self.strength = smoothing, strength
        self.constraints = Constraints.of(program.matrix)
        self.sign = program.sense.sign
        self._last: list[tuple[Instances, Vertices]] | None = None
        self._smoothed: NDArray[np.str_] | None = None
        self._frozen_costs = False
        self.sizes = Sizes.of(program)
        self.words: Words = {}
        self.key = enrol(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        enrol(self)

    def forward(self, *values: Tensor | None, start: Bases | None = None, duals: bool = False) -> Any:
        """Solve.

        Parameters
        ----------
        *values : (..., size) tensor or None
            One for each of `parameters`, in that order; None stands for the program's own. All leading shapes are the
            same, or empty where one serves all instances. The matrix is given by its stored entries, in the order of
            ``program.matrix.data``, or by all of them, (..., rows, columns).
        start : Bases, optional
            Bases to start from, such as `bases` after an earlier batch of the same samples.
        duals : bool
            Whether to return row duals as well.

        Returns
        -------
        Tensor or (Tensor, Tensor)
            Optima (..., columns), and with `duals` the change of the optimal objective per unit of each row's active
            bound, (..., rows); in the dtype of the first value, computed in float64.

        Raises
        ------
        NoSolutionError
            If an instance has no optimum, unless `on_failure` is ``"mask"``.
        InvalidProblemError
            If a value has the wrong shape or dtype, is nan, or the optimum does not fit into the dtype.
        """
        call, given = take(self.sizes, self.parameter_names, values, start, duals, self.words)
        if "cost" in call.names and self.sign < 0:
            at = call.names.index("cost")
            given[at] = -given[at]
        point, dual, *_ = self._optima(call, given)
        point = call.restored(point)
        return (point, call.restored(self.sign * dual)) if duals else point

    def _optima(self, call: Call, given: list[Tensor]) -> tuple[Tensor, ...]:
        if not torch.compiler.is_compiling():
            return (vertex if self.smoothing is None else smoothed)(self, call, *given)
        operator = vertices if self.smoothing is None else smoothed_optima
        return tuple(operator(self.key, ",".join(call.names), list(call.lead), call.dense, call.duals, given))

    def report(self) -> Report:
        """Return what happened to each instance of the last batch.

        Raises
        ------
        InvalidOptionError
            If nothing was solved yet.
        """
        if self._smoothed is not None:  # a smoothed optimum has no kinks
            smooth = np.zeros(self._smoothed.size, bool)
            return Report(self._smoothed, smooth, smooth)
        solved = self._solved()
        degenerate, tied = zip(*(degeneracy(instances, found) for instances, found in solved), strict=True)
        status = np.concatenate([statuses(found) for _, found in solved])
        return Report(status, np.concatenate(degenerate), np.concatenate(tied), _FROZEN if self._frozen_costs else "")

    @property
    def bases(self) -> Bases:
        """Optimal bases of the last batch: where to start from when the same samples come again."""
        bases = [found.bases for _, found in self._solved()]
        return Bases(np.concatenate([b.columns for b in bases]), np.concatenate([b.rows for b in bases]))

    def _solved(self) -> list[tuple[Instances, Vertices]]:
        if self._last is None:
            raise InvalidOptionError("the layer has solved nothing yet (a smoothed one keeps no bases); call it first")
        return self._last

    # What the differentiable functions ask for.

    def instances(self, call: Call, values: Sequence[Tensor]) -> list[Instances]:
        """Return the batch that `values` describe, as arrays of a minimisation: one, or one for each own matrix.

        An empty batch has no instances.
        """
        given = arrays(call, self.program, values)
        batch = 0 if 0 in call.lead else max((array.shape[0] for array in given.values()), default=1)
        own = given.pop("matrix", None)
        parts = {name: np.asarray(getattr(self.program, name))[None] for name in PARAMETERS if name != "matrix"}
        parts["cost"] = self.sign * parts["cost"]
        parts |= given
        if not batch:
            return []
        if own is None or own.shape[0] == 1:
            constraints = self.constraints if own is None else self.constraints_with(call, own[0])
            return [Instances(constraints, **parts)]
        singles = [{name: part[b % part.shape[0]][None] for name, part in parts.items()} for b in range(batch)]
        return [Instances(self.constraints_with(call, row), **single) for row, single in zip(own, singles, strict=True)]

    def vertices(self, call: Call, values: Sequence[Tensor]) -> Vertices:
        """Find the vertices of a batch; every one of them optimal, or known to have no optimum."""
        device = values[0].device if values else torch.device("cpu")
        groups = self.instances(call, values)
        solved = [
            (instances, self._judged(instances, start, device))
            for instances, start in zip(groups, _starts(call.start, len(groups)), strict=True)
        ]
        self._last = solved or [(self._nothing(), _no_vertices(self.constraints.shape))]
        found = _joined([part for _, part in self._last])
        if found.ended.any():  # OPTIMAL is 0
            self.refuse(call, statuses(found))
        check_fits(call, "optimum", found.point)
        check_fits(call, "row duals", found.dual)
        return found

    def _judged(self, instances: Instances, start: Bases | None, device: torch.device) -> Vertices:
        backend = self._chosen(instances, device)
        self.check_memory(backend, instances)
        return judged(instances, BACKENDS[backend](instances, start, self.threads, str(device)), self.threads)

    def _nothing(self) -> Instances:
        parts = (np.empty((0, size)) for size in (*(self.program.columns,) * 3, *(self.program.rows,) * 2))
        return Instances(self.constraints, *parts)

    def constraints_with(self, call: Call, entries: NDArray[np.float64]) -> Constraints:
        """Return the constraints with other coefficients: the stored ones, or all of them row by row."""
        own = self.program.matrix
        if call.dense:
            return Constraints.of(entries.reshape(own.shape))
        return Constraints.of(sparse.csc_array((entries, own.indices, own.indptr), shape=own.shape))

    def pattern(self, call: Call) -> tuple[Tensor, Tensor]:
        """Return row and column of each coefficient that was given."""
        own = self.program.matrix
        if call.dense:
            rows, columns = np.divmod(np.arange(own.shape[0] * own.shape[1]), own.shape[1])
        else:
            rows, columns = own.indices, np.repeat(np.arange(own.shape[1]), np.diff(own.indptr))
        return torch.from_numpy(rows.astype(np.int64)), torch.from_numpy(columns.astype(np.int64))

    def outer(self, call: Call, price: Tensor, point: Tensor, dual: Tensor, answer: Tensor) -> Tensor:
        """Return ``-(price x point + dual x answer)`` at each coefficient, (batch, entries)."""
        rows, columns = (index.to(point.device) for index in self.pattern(call))
        return -(price[:, rows] * point[:, columns] + dual[:, rows] * answer[:, columns])

    def shifts(self, call: Call, change: Tensor, point: Tensor, dual: Tensor) -> tuple[Tensor, Tensor]:
        """Return what a change of the coefficients is worth: of row bounds (batch, rows), of costs (batch, columns)."""
        rows, columns = (index.to(point.device) for index in self.pattern(call))
        of_rows = torch.zeros_like(dual).index_add(1, rows, change * point[:, columns])
        of_costs = torch.zeros_like(point).index_add(1, columns, change * dual[:, rows])
        return -of_rows, -of_costs

    def keep_status(self, call: Call, status: NDArray[np.str_]) -> None:
        """Take note of how the instances of a smoothed batch ended; raise if one failed and that is not masked."""
        self._smoothed = status
        self.refuse(call, status)

    def refuse(self, call: Call, status: NDArray[np.str_]) -> None:
        """Raise if an instance has no optimum and that is not masked."""
        bad = np.flatnonzero(status != "optimal")
        if bad.size and self.on_failure == "raise":
            place = call.place(int(bad[0]))
            index = place[0] if len(place) == 1 else place or 0
            raise NoSolutionError(
                f"instance {index} is {status[bad[0]]} ({bad.size} of {status.size} have no optimum: "
                f"{bad[:10].tolist()}); repair the predictions, or pass on_failure='mask'"
            )

    def warn_of_frozen_costs(self) -> None:
        """Say once that a vertex does not move with its costs."""
        if not self._frozen_costs:
            warnings.warn(_FROZEN, stacklevel=2)
        self._frozen_costs = True

    def _chosen(self, instances: Instances, device: torch.device) -> str:
        if self.backend != "auto":
            return self.backend
        on_cpu = "simplex" if min(instances.constraints.shape) <= FASTEST_ROWS else "highs"
        worth_it = device.type == "cuda" and instances.batch >= _WORTH_A_GPU[on_cpu]
        return "batched" if worth_it and _dense_bytes("batched", instances) <= _DENSE_LIMIT else on_cpu

    def check_memory(self, backend: str, instances: Instances) -> None:
        """Refuse dense work that would not fit, and say what to use instead."""
        rows, columns = instances.constraints.shape
        needed = _dense_bytes(backend, instances)
        if needed > _DENSE_LIMIT:
            raise InvalidOptionError(
                f"backend {backend!r} would need {needed / 1024**3:.1f} GiB of dense matrices for {rows} rows, "
                f"{columns} columns and a batch of {instances.batch}; use backend='highs', or a smaller batch"
            )

    def directional(self, *values: Tensor | None, **directions: Tensor) -> Directional:
        """Return left and right derivatives along a change of bounds or coefficients.

        See :func:`~edgeopt.layers.directional`; ``matrix`` is a direction of the stored entries.
        """
        call, given = take(self.sizes, self.parameter_names, values, words=self.words)
        if "cost" in call.names:
            at = call.names.index("cost")
            given[at] = self.sign * given[at]
        self.vertices(call, given)
        instances, found = self._solved()[0]
        if len(self._solved()) > 1:
            raise InvalidOptionError("directional derivatives are taken of one matrix at a time; give one instance")
        return directional(instances, found, self.report().degenerate, self.sign, directions)


_FROZEN = (
    "a vertex does not move with its costs, so that their gradient is 0 almost everywhere; learn costs with "
    "SPOPlusLoss, or give the layer a smoothing"
)


def _dense_bytes(backend: str, instances: Instances) -> int:
    rows, columns = instances.constraints.shape
    batched = 8 * (rows * columns * 2 + instances.batch * rows * (2 * rows + 4))
    return {"simplex": 16 * min(rows, columns) ** 2, "batched": batched, "highs": 0}[backend]


def _check(name: str, value: object, known: tuple[object, ...]) -> None:
    if value not in known:
        raise InvalidOptionError(f"{name} is {value!r}; expected one of {', '.join(map(repr, known))}")


def _starts(start: Bases | None, groups: int) -> list[Bases | None]:
    """Return where the instances of each group start."""
    if start is None or groups <= 1:
        return [start] * groups
    return [
        Bases(start.columns[b % len(start.columns)][None], start.rows[b % len(start.rows)][None]) for b in range(groups)
    ]


def _joined(parts: Sequence[Vertices]) -> Vertices:
    if len(parts) == 1:
        return parts[0]
    bases = Bases(*(np.concatenate([getattr(one.bases, side) for one in parts]) for side in ("columns", "rows")))
    names = ("point", "dual", "ended", "iterations")
    return Vertices(bases=bases, **{name: np.concatenate([getattr(one, name) for one in parts]) for name in names})


def _no_vertices(shape: tuple[int, int]) -> Vertices:
    rows, columns = shape
    bases = Bases(np.empty((0, columns), np.int8), np.empty((0, rows), np.int8))
    ended, iterations = np.empty(0, np.int8), np.empty(0, np.int64)
    return Vertices(np.empty((0, columns)), np.empty((0, rows)), bases, ended, iterations)
