"""A linear program as a torch module: exact vertices forward, exact derivatives backward, and a report of kinks.

The optimum of a linear program is piecewise linear in its right-hand sides. Inside a piece the optimal basis does not
change, and a gradient is one solve with the transpose of that basis. Where pieces meet (a degenerate vertex) the layer
returns the gradient of one of them, an element of the generalised Jacobian, and its report says so.

Lyu et al. (2024, eq. 9 to 12) differentiate the KKT conditions of the whole program instead, whose matrix (eq. 10) is
singular at every kink and several times as large; eq. 12 as printed has the wrong sign and scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..model.basis import BASIC, LOWER, UPPER
from ..model.errors import InvalidOptionError, InvalidProblemError, NoSolutionError
from ..model.program import Program
from ..solvers.compiled.lp_batch import OPTIMAL, Bases, Constraints, Instances, Vertices
from ..solvers.compiled.lp_scaling import batch_scaling, rescaled, scaled
from .backends import BACKENDS
from .directional import Directional, directional
from .judge import judged
from .reference import statuses
from .smoothing import smooth
from .vertex import pull_back

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

PARAMETERS = ("cost", "lower", "upper", "row_lower", "row_upper")
"""What of a program can be a parameter of a layer."""

_TIED = 1e-9
"""Distance from a bound, or size of a reduced cost, that counts as none (relative to what it is compared with)."""

_DENSE_LIMIT = 2 * 1024**3
"""Bytes that the dense work of a back end may take."""


@dataclass(frozen=True, eq=False)
class Report:
    """What happened to each instance of the last batch.

    Attributes
    ----------
    status : (batch,) str
        ``"optimal"``, ``"infeasible"``, ``"unbounded"`` or ``"failed"``.
    degenerate : (batch,) bool
        Where a basic variable stands at a bound: the optimum has a kink in its right-hand sides, and the gradient is
        one of several.
    dual_degenerate : (batch,) bool
        Where a nonbasic variable has no reduced cost: other optima may be as good, and the one returned may jump.
    """

    status: NDArray[np.str_]
    degenerate: NDArray[np.bool_]
    dual_degenerate: NDArray[np.bool_]

    def __str__(self) -> str:
        names, counts = np.unique(self.status, return_counts=True)
        ended = ", ".join(f"{count} {name}" for name, count in zip(names, counts, strict=True))
        return (
            f"{self.status.size} instances: {ended}; {int(self.degenerate.sum())} degenerate, "
            f"{int(self.dual_degenerate.sum())} dual degenerate"
        )


class LinearProgramLayer(torch.nn.Module):
    """The optimum of a linear program as a differentiable function of its costs and bounds.

    Parameters
    ----------
    program : Program
        A program without integer columns; its own data stand for whatever is no parameter.
    parameters : sequence of str
        What forward takes, in this order: any of ``"cost"``, ``"lower"``, ``"upper"``, ``"row_lower"``,
        ``"row_upper"``.
    backend : {"auto", "simplex", "highs", "batched"}
        How vertices are found; all give the same ones. ``"auto"`` takes the compiled simplex for small programs and
        HiGHS for large ones.
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
        self._last: tuple[Instances, Vertices] | None = None
        self._smoothed: NDArray[np.str_] | None = None

    def forward(self, *values: Tensor, start: Bases | None = None, duals: bool = False) -> Any:
        """Solve.

        Parameters
        ----------
        *values : (size,) or (batch, size) tensor
            One for each of `parameters`, in that order; on one device, float32 or float64.
        start : Bases, optional
            Bases to start from, such as `bases` after an earlier batch of the same samples.
        duals : bool
            Whether to return row duals as well.

        Returns
        -------
        Tensor or (Tensor, Tensor)
            Optima (columns,) or (batch, columns), and with `duals` the change of the optimal objective per unit of each
            row's active bound, (rows,) or (batch, rows).

        Raises
        ------
        NoSolutionError
            If an instance has no optimum, unless `on_failure` is ``"mask"``.
        InvalidProblemError
            If a value has the wrong shape or is nan.
        """
        self._check_values(values)
        if self.smoothing is not None:
            return smooth(self, values, duals)
        point, dual = _Vertex.apply(self, start, *values)  # type: ignore[no-untyped-call]
        return (point, dual) if duals else point

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
        instances, found = self._solved()
        return Report(statuses(found), *_degeneracy(instances, found))

    @property
    def bases(self) -> Bases:
        """Optimal bases of the last batch: where to start from when the same samples come again."""
        return self._solved()[1].bases

    def _solved(self) -> tuple[Instances, Vertices]:
        if self._last is None:
            raise InvalidOptionError("the layer has solved nothing yet (a smoothed one keeps no bases); call it first")
        return self._last

    def _check_values(self, values: tuple[Tensor, ...]) -> None:
        if len(values) != len(self.parameter_names):
            raise InvalidProblemError(f"{len(values)} values were given; expected {', '.join(self.parameter_names)}")
        batches = {}
        for name, value in zip(self.parameter_names, values, strict=True):
            size = getattr(self.program, name).shape[0]
            if value.ndim not in (1, 2) or value.shape[-1] != size:
                raise InvalidProblemError(
                    f"{name} has shape {tuple(value.shape)}; expected ({size},) or (batch, {size})"
                )
            if value.dtype not in (torch.float16, torch.float32, torch.float64):
                raise InvalidProblemError(
                    f"{name} is {value.dtype}; expected float32 or float64 (tensor.double() makes it that)"
                )
            if value.is_meta:
                raise InvalidProblemError(f"{name} is a meta tensor, which has no values; move the model to a device")
            # A least value is nan where any value is: one pass, and no array of flags.
            if value.numel() and bool(value.detach().min().isnan()):
                place = tuple(int(i) for i in torch.isnan(value).nonzero()[0])
                raise InvalidProblemError(f"{name}{list(place)} is nan; the predictor that feeds the layer gave it")
            if value.ndim == 2:
                batches[name] = value.shape[0]
        if len(set(batches.values())) > 1:
            raise InvalidProblemError(f"the batches disagree: {batches}")

    def instances(self, values: Sequence[Tensor]) -> Instances:
        """Return the batch that `values` describe, as arrays of a minimisation."""
        parts = {name: np.asarray(getattr(self.program, name))[None] for name in PARAMETERS}
        for name, value in zip(self.parameter_names, values, strict=True):
            array = value.detach().cpu().numpy().astype(np.float64, copy=False)
            parts[name] = np.atleast_2d(array)
        parts["cost"] = self.sign * parts["cost"]
        return Instances(self.constraints, **parts)

    def solve(self, values: Sequence[Tensor], start: Bases | None) -> tuple[Instances, Vertices]:
        """Find the vertices of a batch; every one of them optimal, or known to have no optimum."""
        instances = self.instances(values)
        backend = self._chosen(instances, values)
        self.check_memory(backend, instances)
        device = str(values[0].device) if values else "cpu"
        found = judged(instances, BACKENDS[backend](instances, start, self.threads, device), self.threads)
        self._last = instances, found
        if found.ended.any():  # OPTIMAL is 0
            self._refuse(statuses(found))
        return instances, found

    def keep_status(self, status: NDArray[np.str_]) -> None:
        """Take note of how the instances of a smoothed batch ended; raise if one failed and that is not masked."""
        self._smoothed = status
        self._refuse(status)

    def _refuse(self, status: NDArray[np.str_]) -> None:
        bad = np.flatnonzero(status != "optimal")
        if bad.size and self.on_failure == "raise":
            raise NoSolutionError(
                f"instance {bad[0]} is {status[bad[0]]} ({bad.size} of {status.size} have no optimum: "
                f"{bad[:10].tolist()}); repair the predictions, or pass on_failure='mask'"
            )

    def _chosen(self, instances: Instances, values: Sequence[Tensor]) -> str:
        if self.backend != "auto":
            return self.backend
        if any(value.is_cuda for value in values):
            return "batched"
        return "simplex" if min(instances.constraints.shape) <= _DENSE_BASIS else "highs"

    def check_memory(self, backend: str, instances: Instances) -> None:
        """Refuse dense work that would not fit, and say what to use instead."""
        rows, columns = instances.constraints.shape
        needed = {
            "simplex": 16 * min(rows, columns) ** 2,
            "batched": 8 * (rows * columns * 2 + instances.batch * rows * (rows + 4)),
            "highs": 0,
        }[backend]
        if needed > _DENSE_LIMIT:
            raise InvalidOptionError(
                f"backend {backend!r} would need {needed / 1024**3:.1f} GiB of dense matrices for {rows} rows, "
                f"{columns} columns and a batch of {instances.batch}; use backend='highs', or a smaller batch"
            )

    def directional(self, *values: Tensor, **directions: Tensor) -> Directional:
        """Return left and right derivatives along a change of the bounds; see :func:`~edgeopt.layers.directional`."""
        instances, found = self.solve(values, None)
        return directional(instances, found, self.report().degenerate, self.sign, directions)


_DENSE_BASIS = 500
"""Rows or columns, whichever are fewer, up to which the compiled simplex is the automatic choice."""


def _check(name: str, value: object, known: tuple[object, ...]) -> None:
    if value not in known:
        raise InvalidOptionError(f"{name} is {value!r}; expected one of {', '.join(map(repr, known))}")


class _Vertex(torch.autograd.Function):
    """Optimal vertices and their row duals, differentiable by their bases."""

    @staticmethod
    def forward(ctx: Any, layer: LinearProgramLayer, start: Bases | None, *values: Tensor) -> Any:
        instances, found = layer.solve(values, start)
        ctx.layer, ctx.instances, ctx.found = layer, instances, found
        ctx.single = all(value.ndim == 1 for value in values)
        ctx.like = [(value.ndim, value.dtype, value.device) for value in values]
        ctx.set_materialize_grads(False)
        dtype = values[0].dtype if values else torch.float64
        device = values[0].device if values else torch.device("cpu")
        # Neither shares memory with what the layer keeps.
        outputs = (found.point.copy(), layer.sign * found.dual)
        return tuple(
            torch.from_numpy(array[0] if ctx.single else array).to(dtype=dtype, device=device) for array in outputs
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:
        of_point, of_dual = (None if g is None else _array(g, ctx.single) for g in gradients)
        if of_point is None:
            of_point = np.zeros_like(ctx.found.point)
        sign = ctx.layer.sign
        pulled = pull_back(
            ctx.instances.constraints,
            ctx.found.bases,
            of_point,
            None if of_dual is None else sign * of_dual,
            ctx.layer.threads,
        )
        failed, fill = _of_failures(ctx.found, of_point, of_dual)
        bases = ctx.found.bases
        sources = {
            "lower": (pulled.bound, bases.columns, LOWER),
            "upper": (pulled.bound, bases.columns, UPPER),
            "row_lower": (pulled.row, bases.rows, LOWER),
            "row_upper": (pulled.row, bases.rows, UPPER),
        }
        returned: list[Tensor | None] = [None, None]
        for name, needed, (ndim, dtype, device) in zip(
            ctx.layer.parameter_names, ctx.needs_input_grad[2:], ctx.like, strict=True
        ):
            if not needed:
                returned.append(None)
                continue
            if name == "cost":
                gradient = np.zeros_like(pulled.bound) if pulled.cost is None else sign * pulled.cost
            else:
                array, status, side = sources[name]
                gradient = np.where(status == side, array, 0.0)
            gradient[failed] = fill
            if ndim == 1:
                gradient = gradient.sum(axis=0)
            returned.append(torch.from_numpy(gradient).to(device=device, dtype=dtype))
        return tuple(returned)


def _array(gradient: Tensor, single: bool) -> NDArray[np.float64]:
    array: NDArray[np.float64] = gradient.detach().cpu().numpy().astype(np.float64)
    return array[None] if single else array


def _of_failures(
    found: Vertices, *incoming: NDArray[np.float64] | None
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the instances without an optimum, and their gradient (failures, 1).

    It is 0 where no gradient came in and nan where one did: never a number.
    """
    failed = np.flatnonzero(found.ended != OPTIMAL)
    used = np.zeros(failed.size, bool)
    for gradient in incoming:
        if gradient is not None:
            used |= gradient[failed].any(axis=1)
    return failed, np.where(used, np.nan, 0.0)[:, None]


def _degeneracy(instances: Instances, found: Vertices) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    scaling = batch_scaling(instances)
    instances, found = scaled(instances, scaling), rescaled(found, scaling)
    cost, lower, upper, row_lower, row_upper = instances.full()
    matrix = instances.matrix()
    activity = (matrix @ found.point.T).T
    reduced = cost - (matrix.T @ found.dual.T).T
    scale = 1.0 + np.abs(cost).max(axis=1, initial=0.0, keepdims=True)
    basic, tied = np.zeros(found.ended.size, bool), np.zeros(found.ended.size, bool)
    for value, low, high, status, dual in (
        (found.point, lower, upper, found.bases.columns, reduced),
        (activity, row_lower, row_upper, found.bases.rows, found.dual),
    ):
        met = _met(value, low) | _met(value, high)
        basic |= ((status == BASIC) & met).any(axis=1)
        tied |= ((status != BASIC) & (low < high) & (np.abs(dual) <= _TIED * scale)).any(axis=1)
    good = found.ended == OPTIMAL
    return basic & good, tied & good


def _met(value: NDArray[np.float64], bound: NDArray[np.float64]) -> NDArray[np.bool_]:
    size = np.where(np.isfinite(bound), np.abs(bound), 0.0)  # an infinite bound is never met
    met: NDArray[np.bool_] = np.abs(value - bound) <= _TIED * (1.0 + size)
    return met
