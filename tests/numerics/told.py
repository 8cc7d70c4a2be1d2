"""What edgeopt says of a program, with what its judge says of that."""

from __future__ import annotations

from typing import Any

import edgeopt as eo

from .right import Answer


def told(program: Any, solver: str, *, exact: bool = False, **options: Any) -> Answer:
    """Solve and verify; `exact` also asks the judge for a proof in rational arithmetic."""
    return judged(program, eo.solve(program, solver, **options), exact=exact)


def judged(program: Any, solution: Any, *, exact: bool = False) -> Answer:
    """Return what `solution` says of `program`, and what the judge says of `solution`."""
    verdict = eo.verify(program, solution)
    proof = eo.verify(program, solution, exact=True) if exact and solution.status == "optimal" else None
    return Answer(
        status=str(solution.status),
        objective=_number(solution.objective),
        bound=_number(solution.bound),
        proved=getattr(solution, "proved", None),
        verified=bool(verdict.holds),
        exact=None if proof is None else bool(proof.holds and getattr(proof, "exact", True)),
        message=solution.message or str(solution.certificate or ""),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
