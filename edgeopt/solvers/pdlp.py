"""Linear programs by PDLP, a first-order method for programs too large to factorise (Applegate et al. 2021).

It needs nothing but products with the matrix, and converges towards a solution rather than reaching a vertex. Its
tolerances are therefore set far below edgeopt's, and ``optimal`` is claimed only where its duals prove it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..model.outcome import Options, Outcome, Status
from ..model.program import Program
from ..model.solver import Columns, solver
from ..model.tolerance import ROUNDOFF
from .glop import solve_linear

_TOLERANCE = 1e-9
"""Residuals and gap at which PDLP stops; edgeopt judges at 1e-6, and products of residuals add up."""


def pdlp_options() -> Iterable[str]:
    """Names of PDLP's own options: the fields of ``PrimalDualHybridGradientParams``."""
    from ortools.pdlp.solvers_pb2 import PrimalDualHybridGradientParams

    return PrimalDualHybridGradientParams.DESCRIPTOR.fields_by_name  # type: ignore[no-any-return]


@solver(
    "pdlp",
    solves=Program,
    exact=True,
    columns=Columns.CONTINUOUS,
    options=("time_limit", "relative_gap", "warm_start", "threads"),
    own_options=pdlp_options,
    requires=("ortools",),
    install="ortools>=9.12,<9.16",
    rank=70,
)
def pdlp(program: Program, options: Options) -> Outcome:
    """Solve to residuals of 1e-9; nested options are given as mappings, e.g. ``termination_criteria={...}``."""
    gap = _TOLERANCE if options.relative_gap is None else max(_TOLERANCE, options.relative_gap / 10)
    own = dict(options.extra)
    criteria = {**termination_criteria(gap), **own.pop("termination_criteria", {})}
    # GLOP's presolve also settles most programs that have no optimum, at which PDLP itself would run on and on.
    presolved = {"termination_criteria": criteria, "presolve_options": {"use_glop": True}, **own}
    found = solve_linear(program, options, "pdlp", presolved)
    unproved = found.claim is Status.INFEASIBLE and found.certificate is None
    if (unproved or found.claim is Status.FAILED) and "presolve_options" not in own and options.remaining() > 0:
        # Without that presolve PDLP solves some badly scaled programs on which the two break down together.
        again = solve_linear(program, options, "pdlp", {"termination_criteria": criteria, **own})
        return again if again.claim.has_decision else found
    return found


def termination_criteria(relative_gap: float = _TOLERANCE) -> dict[str, Any]:
    """Return when PDLP stops, as its parameter message spells it."""
    kinds = ("primal_residual_absolute", "primal_residual_relative", "dual_residual_absolute", "dual_residual_relative")
    return {
        # Residuals are measured row by row against the row's own bound, as edgeopt itself measures them.
        "optimality_norm": "OPTIMALITY_NORM_L_INF_COMPONENTWISE",
        "detailed_optimality_criteria": {
            **{f"eps_optimal_{kind}": _TOLERANCE for kind in kinds},
            "eps_optimal_objective_gap_absolute": ROUNDOFF,
            "eps_optimal_objective_gap_relative": relative_gap,
        },
    }
