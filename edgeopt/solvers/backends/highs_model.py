"""HiGHS, held by its Python interface: a program goes in as arrays, options by name, threads by the thread that asks.

HiGHS keeps one pool of workers for each Python thread and refuses another number of threads until that pool is shut
down, so a solve that asks for a number starts with a fresh pool and leaves none behind: what is solved next, here or by
another package, finds HiGHS as it would be without us. Solves in several Python threads do not meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ...model.errors import InvalidOptionError, UnsupportedPairError
from ...model.outcome import Options, Outcome, Status
from ...model.tolerance import SOLVER
from .indirect_highs import fresh_pool
from .interrupt import interruptible, stop_highs
from .ranges import Range, out_of_range
from .signals import can_listen, listening

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model.program import Program

ALIAS = {"method": "solver"}
"""HiGHS calls the choice of simplex, ipm or pdlp ``solver``, a name that ``solve`` itself takes."""

OWN: Mapping[str, Any] = {
    # Coefficients below HiGHS's default of 1e-9 would be dropped without a word.
    "small_matrix_value": 1e-12,
}
LINEAR: Mapping[str, Any] = {"primal_feasibility_tolerance": SOLVER, "dual_feasibility_tolerance": SOLVER}
INTEGER: Mapping[str, Any] = {
    **LINEAR,
    "mip_feasibility_tolerance": SOLVER,
    "mip_rel_gap": SOLVER,
    "mip_abs_gap": SOLVER,
}
"""What HiGHS is told of accuracy, for linear and for integer programs, whichever interface it is reached by."""
EASIER: tuple[Mapping[str, Any], ...] = (
    {"primal_feasibility_tolerance": 1e-7, "dual_feasibility_tolerance": 1e-7},
    {"presolve": "off"},
    {"presolve": "off", "solver": "simplex", "simplex_strategy": 4},
    {"presolve": "choose", "solver": "ipm"},
)
"""What a linear program is tried with where HiGHS is unsure: its own tolerances, primal simplex, interior points."""

EASIER_QUADRATIC: tuple[Mapping[str, Any], ...] = (
    {"primal_feasibility_tolerance": 1e-7, "dual_feasibility_tolerance": 1e-7},
    {"presolve": "off"},
)
"""The same for a quadratic program, which one algorithm of HiGHS takes."""

_MOST_PRODUCTS, _MOST_SECOND = 500_000_000, 20_000_000
"""Most products of coefficients that are summed to the matrix of second derivatives, and most entries of it."""

HELD = Range(smallest=1e-12, largest=1e15)
"""Numbers that HiGHS takes as they are: it drops smaller coefficients without a word, and refuses larger ones."""

HELD_BY_DEFAULT = Range(smallest=1e-9, largest=1e15)
"""The same where its options cannot be set."""

_TAKEN = ("solver", "threads", "time_limit", "random_seed", "output_flag", "log_to_console")


def mixed(program: Program) -> bool:
    """Whether integer and continuous columns meet in the program."""
    return program.integral and not program.integrality.all()


def sound_presolve(program: Program) -> dict[str, Any]:
    """Return the options under which HiGHS can be believed about `program`, whichever interface it is reached by.

    The presolve of HiGHS 1.14.0 loses optima, and calls them proved, where integer and continuous columns meet
    (ERGO-Code/HiGHS issue 3043, mended in 1.15, which OR-Tools cannot be loaded beside): there it stays off.
    """
    import highspy

    return {"presolve": "off"} if mixed(program) and highspy.Highs().version() == "1.14.0" else {}


def highs_options() -> Iterable[str]:
    """Names of HiGHS's own options, but for those that ``solve`` has names of its own for."""
    import highspy

    names = [name for name in dir(highspy.HighsOptions()) if not name.startswith("_")]
    return [*(name for name in names if name not in _TAKEN), *ALIAS]


_SMALL = 20_000
"""Coefficients up to which no step of HiGHS takes long."""


def load(program: Program) -> Any:
    """Return a silent ``Highs`` that holds `program`."""
    import highspy

    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    for name, value in OWN.items():
        model.setOptionValue(name, value)
    matrix = program.matrix
    columnwise, triangular = highspy.MatrixFormat.kColwise, highspy.HessianFormat.kTriangular
    sense, cost, offset, hessian = _goal(program)
    accepted = model.passModel(
        program.columns,
        program.rows,
        matrix.nnz,
        hessian.nnz,
        int(columnwise),
        int(triangular),
        sense,
        offset,
        cost,
        program.lower,
        program.upper,
        program.row_lower,
        program.row_upper,
        matrix.indptr,
        matrix.indices,
        matrix.data,
        hessian.indptr.astype(np.int32) if hessian.nnz else np.empty(0, np.int32),
        hessian.indices.astype(np.int32),
        hessian.data,
        program.integrality.astype(np.int32),
    )
    if accepted == highspy.HighsStatus.kError:
        raise UnsupportedPairError(f"HiGHS refuses the program: {out_of_range(program, HELD)}")
    return model


def _goal(program: Program) -> tuple[int, NDArray[np.float64], float, sparse.csc_array]:
    """Sense, cost, offset and lower triangle of second derivatives; a quadratic objective is always minimised."""
    squares, sign = program.squares, program.sense.sign
    if squares is None:
        return int(sign), program.cost, program.offset, sparse.csc_array((program.columns, program.columns))
    products = int((np.diff(squares.matrix.tocsr().indptr).astype(np.int64) ** 2).sum())
    if products > _MOST_PRODUCTS or min(products, program.columns**2) > _MOST_SECOND:
        raise UnsupportedPairError(
            f"HiGHS takes a matrix of second derivatives, and that of {program.columns} columns summed from {products} "
            "products of coefficients is too large; use 'cvxpy', which takes the squares as they are"
        )
    hessian, gradient, constant = squares.expanded()
    lower = sparse.csc_array(sparse.tril(hessian))
    lower.eliminate_zeros()
    return 1, sign * program.cost + gradient, sign * program.offset + constant, lower


def configure(model: Any, program: Program, options: Options, **overrides: Any) -> None:
    """Set what `options` ask for, then HiGHS's own options from ``options.extra``, then `overrides`.

    Raises
    ------
    InvalidOptionError
        If HiGHS refuses a value of its own option.
    """
    values: dict[str, Any] = dict(INTEGER if program.integral else LINEAR) | sound_presolve(program)
    if options.relative_gap is not None and program.integral:
        values["mip_rel_gap"] = float(options.relative_gap)
    values["time_limit"] = model.getRunTime() + options.remaining()  # its clock runs on from solve to solve
    values["random_seed"] = options.seed % 2**31
    values["threads"] = 0 if options.threads is None else int(options.threads)
    values["output_flag"] = options.log
    values |= {ALIAS.get(name, name): value for name, value in options.extra.items()} | overrides
    for name, value in values.items():
        set_option(model, name, value)


def easier_options(program: Program) -> tuple[Mapping[str, Any], ...]:
    """Return the options with which HiGHS is asked again where it is unsure."""
    if program.integral:
        return ()
    return EASIER_QUADRATIC if program.quadratic else EASIER


def set_option(model: Any, name: str, value: Any) -> None:
    """Set one option of HiGHS.

    Raises
    ------
    InvalidOptionError
        If HiGHS refuses the value.
    """
    import highspy

    if isinstance(value, np.generic):
        value = value.item()
    try:
        accepted = model.setOptionValue(name, value) != highspy.HighsStatus.kError
    except TypeError:
        accepted = False
    if not accepted:
        current = model.getOptionValue(name)[1]
        kind = type(current).__name__
        raise InvalidOptionError(f"HiGHS refuses {name}={value!r}; expected a {kind} in its range, such as {current!r}")


def run(model: Any, options: Options) -> None:
    """Solve, interruptibly; what came of it is asked of `model`."""

    def with_pool() -> None:
        with fresh_pool(options.threads):  # in the thread that solves, as each has its own pool
            model.run()

    work = model.run if options.threads is None else with_pool
    # A small program's simplex or search looks at its clock all the time; others may have to be left behind.
    small = model.getNumNz() + model.getHessianNumNz() <= _SMALL and not options.extra.get("method")
    (listening if small and can_listen() else interruptible)(work, lambda: stop_highs(model))


def until_sure(attempt: Callable[[Mapping[str, Any]], Outcome], program: Program, options: Options) -> Outcome:
    """Outcome of the first attempt, with HiGHS's options as its argument, that ends with an answer; else of the last.

    A linear program of which HiGHS is unsure is tried again as the direct interface does.
    """
    outcome = attempt({})
    for easier in easier_options(program):
        if outcome.claim not in (Status.NO_SOLUTION, Status.FAILED) or options.remaining() == 0:
            break
        outcome = attempt(easier)
    return outcome
