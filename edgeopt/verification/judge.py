"""Judging: what edgeopt itself recomputes of an answer, and the status that the recomputation supports.

The judge sees the problem, a decision, a certificate and a claim. It recomputes objective and violations from the
problem's own data, asks the certificate how far the optimum can be, and lets a claim stand only where this agrees. A
single problem is judged as a batch of one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.batch_axis import batch_of
from ..model.cached import cached_property
from ..model.certificate import OptimalityCertificate, StatusCertificate, evidence_of, is_checkable, word_of
from ..model.errors import InvalidProblemError
from ..model.outcome import Outcome, Status
from ..model.problem import HasProgram, Problem
from ..model.tolerance import AGREEMENT, FEASIBILITY, OPTIMALITY, ROUNDOFF
from .batch_certificate import BatchCertificate
from .linear_dual import LinearDual
from .solver_words import MixedIntegerBound

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Verification:
    """What the judge found.

    Attributes
    ----------
    holds : bool
        Whether everything that was claimed is supported.
    status : Status
        The status that is supported; ``failed`` where the claim is not.
    objective : float, optional
        Objective, recomputed; (batch,), like bound and gap, for a batched problem.
    bound : float, optional
        Best objective that can exist, as far as it is proved.
    gap : float, optional
        Relative distance of the two.
    violations : dict
        Broken constraints beyond tolerance.
    message : str
        Why the claim does not hold, or how it was proved.
    exact : bool
        Whether the optimum was also proved in rational arithmetic.
    proved : bool
        Whether the status is proved; otherwise it rests on the word of the engines that the certificate names.
    claimed_bound : float, optional
        Bound that the solver states.
    word : str
        Engines on whose word the status rests where it is not proved, as ``"highs and cp-sat"``.
    """

    holds: bool
    status: Status
    objective: Any = None
    bound: Any = None
    gap: Any = None
    violations: dict[str, float] = field(default_factory=dict)
    message: str = ""
    exact: bool = False
    proved: bool = False
    claimed_bound: Any = None
    word: str = ""

    def __bool__(self) -> bool:
        return self.holds

    @property
    def evidence(self) -> str:
        """``"proved"``, whose word it is, or nothing: see :func:`evidence_of`."""
        return evidence_of(self.proved, self.word)


def judge(problem: Problem, outcome: Outcome, relative_gap: float | None = None) -> Verification:
    """Return what of `outcome` is supported by `problem`'s own data; of a batch every instance has to pass.

    Parameters
    ----------
    relative_gap : float, optional
        Gap that still counts as optimal; :data:`~edgeopt.model.tolerance.OPTIMALITY` by default.
    """
    if outcome.claim in (Status.INFEASIBLE, Status.UNBOUNDED) and batch_of(problem) is None:
        return _judge_status(problem, outcome)
    if outcome.claim in (Status.INFEASIBLE, Status.UNBOUNDED):
        return refused(
            f"the solver says {outcome.claim} of a batch; no certificate proves that, so ask for each instance"
        )
    if not outcome.claim.has_decision:
        return Verification(False, outcome.claim, message=outcome.message or "there is no answer to verify")
    try:
        problem.check(outcome.decision)
    except InvalidProblemError as error:
        return refused(f"the decision is malformed: {error}")
    violations = {name: v for name, v in problem.violations(outcome.decision).items() if not v <= FEASIBILITY}
    if violations:
        worst = max(violations, key=lambda name: violations[name])
        amount = f"{violations[worst]:.3g} (relative)"
        return refused(f"the decision is infeasible: {worst} is violated by {amount}", violations)
    objective = problem.objective(outcome.decision)
    finite = np.isfinite(np.atleast_1d(objective))
    if not finite.all():
        return refused(f"the objective of {_instance(problem, int(finite.argmin()))} is not finite")
    return _judge_quality(problem, outcome, objective, OPTIMALITY if relative_gap is None else relative_gap)


def refused(message: str, violations: dict[str, float] | None = None) -> Verification:
    """Return the verdict that a claim does not hold."""
    return Verification(False, Status.FAILED, violations=violations or {}, message=message)


def _instance(problem: Problem, index: int) -> str:
    return "the decision" if batch_of(problem) is None else f"instance {index}"


def _judge_status(problem: Problem, outcome: Outcome) -> Verification:
    certificate = outcome.certificate if is_checkable(outcome.certificate, problem) else None
    try:
        kind = isinstance(certificate, StatusCertificate) and certificate.proves == outcome.claim
        proved = kind and isinstance(certificate, StatusCertificate) and certificate.holds(problem)
    except Exception as error:  # a certificate may be anything: what cannot be checked proves nothing
        return refused(f"the solver says {outcome.claim}, but its certificate cannot be checked: {error}")
    if proved:
        word = word_of(certificate)
        return Verification(True, outcome.claim, message=str(certificate), proved=not word, word=word)
    reason = "no certificate was given" if certificate is None else f"its certificate ({certificate}) proves nothing"
    return refused(f"the solver says {outcome.claim}, but {reason}")


@dataclass(frozen=True)
class _Measured:
    """Numbers of every instance, as (instances,) arrays: what the answer is worth and what is proved of it."""

    problem: Problem
    decision: Any
    objective: NDArray[np.float64]
    proven: NDArray[np.float64]

    @property
    def sign(self) -> float:
        """1 when minimising, -1 when maximising."""
        return self.problem.sense.sign

    @cached_property
    def magnitude(self) -> NDArray[np.float64]:
        """Sums of the absolute terms of the objectives."""
        magnitude = np.atleast_1d(np.asarray(self.problem.magnitude(self.decision), float))
        return np.where(np.isfinite(magnitude), magnitude, 0.0)  # an overflow excuses nothing

    @cached_property
    def optimality_gap(self) -> NDArray[np.float64]:
        """Proven distances from the optimum, without what is rounding."""
        if not self.proven.any():
            return self.proven
        return np.where(np.abs(self.proven) <= ROUNDOFF * self.magnitude, 0.0, self.proven)

    @cached_property
    def bound(self) -> NDArray[np.float64]:
        """Best objectives that can exist, as far as it is proved."""
        return self.objective - self.sign * self.optimality_gap if self.optimality_gap.any() else self.objective

    @cached_property
    def gap(self) -> NDArray[np.float64]:
        """Relative distances of objectives and bounds."""
        return relative_gaps(self.objective, self.bound) if self.optimality_gap.any() else self.optimality_gap

    def contradicted_by(self, stated: NDArray[np.float64], rounding: float = AGREEMENT) -> NDArray[np.bool_]:
        """Where a stated bound says that an objective as good as this one is impossible, rounding allowed for."""
        beyond = self.sign * (stated - self.objective)
        wrong = np.isnan(stated) | (beyond > 0)
        if not wrong.any():
            return wrong
        return wrong & ~(self.close_to(stated, rounding) | (beyond <= _rounding(self.problem)))

    def close_to(self, stated: NDArray[np.float64], rounding: float = AGREEMENT) -> NDArray[np.bool_]:
        """Where a stated objective or bound agrees with the objective."""
        with np.errstate(invalid="ignore"):
            difference = np.abs(stated - self.objective)
            largest = np.maximum(np.abs(stated), np.abs(self.objective))
            return np.isfinite(stated) & (difference <= np.maximum(AGREEMENT * largest, rounding * self.magnitude))


def _judge_quality(problem: Problem, outcome: Outcome, objective: Any, tolerance: float) -> Verification:
    if not is_checkable(outcome.certificate, problem):
        kind = type(outcome.certificate).__name__
        return refused(f"its certificate, a {kind}, is checked by code of the solver's own, which proves nothing")
    try:
        optimality_gap = _optimality_gap(problem, outcome, np.shape(objective))
    except Exception as error:  # a certificate may be anything: what cannot be checked proves nothing
        return refused(f"its certificate cannot be checked: {type(error).__name__}: {error}")
    if optimality_gap is None or np.isnan(optimality_gap).any():
        return refused(f"its certificate ({outcome.certificate}) is no number for each instance")
    found = _Measured(problem, outcome.decision, np.atleast_1d(np.asarray(objective, float)), optimality_gap)
    if fault := _contradiction(problem, outcome, found):
        return refused(fault)
    return _judge_gap(problem, outcome, found, tolerance)


def _optimality_gap(problem: Problem, outcome: Outcome, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    """(instances,) proven distance from the optimum; inf where nothing is proved, None if it is no such array."""
    if not isinstance(outcome.certificate, OptimalityCertificate):
        return np.full(shape or (1,), np.inf)
    optimality_gap = np.asarray(outcome.certificate.optimality_gap(problem, outcome.decision), float)
    return np.atleast_1d(optimality_gap) if optimality_gap.shape == shape else None


def _contradiction(problem: Problem, outcome: Outcome, found: _Measured) -> str | None:
    """Say which number that is reported, or proved, cannot be true."""
    if outcome.objective is not None:
        reported = _numbers(outcome.objective, found)
        if reported is None or not (close := found.close_to(reported)).all():
            i = 0 if reported is None else int(close.argmin())
            shown = outcome.objective if reported is None else float(reported[i])
            return f"the solver reports objective {shown!r}; the decision's objective is {float(found.objective[i])!r}"
    for claimed in _claimed_bounds(outcome):
        stated = _numbers(claimed, found)
        if stated is None or (wrong := found.contradicted_by(stated)).any():
            i = 0 if stated is None else int(wrong.argmax())
            shown = claimed if stated is None else float(stated[i])
            return f"the solver's bound {shown!r} contradicts the decision's objective {float(found.objective[i])!r}"
    if (found.optimality_gap < 0).any() and (better := found.contradicted_by(found.bound, FEASIBILITY)).any():
        i = int(better.argmax())
        return (
            f"the objective {float(found.objective[i])!r} of {_instance(problem, i)} is better than its certificate "
            f"allows, {float(found.bound[i])!r}: it lives off the feasibility tolerance; scale the problem up"
        )
    return None


def _rounding(problem: Problem) -> float:
    """Return the rounding of a bound: a decision of no cost leaves no scale, but bounds are summed from all costs."""
    if not isinstance(problem, HasProgram) or batch_of(problem) is not None:
        return 0.0
    return ROUNDOFF * float(np.abs(problem.program().cost).max(initial=0.0))


def _numbers(value: Any, found: _Measured) -> NDArray[np.float64] | None:
    """`value` as one float for each instance, or None if it is no such thing."""
    if isinstance(value, (bool, str)):
        return None
    try:
        array = np.atleast_1d(np.asarray(value, float))
    except (TypeError, ValueError):
        return None
    return array if array.shape == found.objective.shape else None


def _claimed_bounds(outcome: Outcome) -> list[Any]:
    """Bounds that rest on the solver's word."""
    claimed = [outcome.bound, outcome.certificate.bound if isinstance(outcome.certificate, MixedIntegerBound) else None]
    return [bound for bound in claimed if bound is not None]


def _judge_gap(problem: Problem, outcome: Outcome, found: _Measured, tolerance: float) -> Verification:
    closed = (found.gap <= tolerance) & np.isfinite(found.gap)
    proved = bool(closed.all())
    bound, gap = found.bound, found.gap
    none = not np.isfinite(bound).any()
    one = batch_of(problem) is None
    numbers: dict[str, Any] = {
        "objective": float(found.objective[0]) if one else found.objective,
        "bound": None if none else float(bound[0]) if one else bound,
        "gap": None if none else float(gap[0]) if one else gap,
        "claimed_bound": next(iter(_claimed_bounds(outcome)), None),
    }
    if outcome.claim is not Status.OPTIMAL or proved:
        return Verification(
            True, outcome.claim, **numbers, message=outcome.message, proved=proved and outcome.claim is Status.OPTIMAL
        )
    worst = int(np.where(closed, -np.inf, gap).argmax())
    if isinstance(outcome.certificate, MixedIntegerBound) and isinstance(problem, HasProgram) and problem.integral:
        return _judge_word(outcome.certificate, outcome.message, numbers, tolerance)
    if isinstance(outcome.certificate, BatchCertificate) and isinstance(problem, HasProgram) and problem.integral:
        open_ = np.flatnonzero(~closed).tolist()
        if word := _batch_word(outcome.certificate, found.objective, open_, tolerance):
            message = outcome.message or f"{len(open_)} instances are optimal by the word of {word}"
            return Verification(True, Status.OPTIMAL, **numbers, message=message, word=word)
    if reason := _excuse(problem, outcome, found, worst):
        return Verification(True, Status.FEASIBLE, **numbers, message=f"not proved optimal: {reason}")
    shown = (
        f"only {float(bound[worst])!r}, a relative gap of {gap[worst]:.3g}" if np.isfinite(bound[worst]) else "nothing"
    )
    why = "no certificate was given" if outcome.certificate is None else f"its certificate proves {shown}"
    where = "" if one else f"instance {worst}: "
    return refused(f"{where}the solver says optimal with objective {float(found.objective[worst])!r}, but {why}")


def _judge_word(word: MixedIntegerBound, message: str, numbers: dict[str, Any], tolerance: float) -> Verification:
    """Judge an integer program's optimum that the relaxation leaves open: it stands on the word of engines."""
    stated = relative_gap_of(numbers["objective"], word.bound)
    if not stated <= tolerance:
        return refused(
            f"the solver says optimal with objective {numbers['objective']!r}, but it states the bound {word.bound!r}, "
            f"a relative gap of {stated:.3g}"
        )
    message = message or f"optimal by the word of {word.solver}; the search tree is not kept"
    return Verification(True, Status.OPTIMAL, **numbers, message=message, word=word.solver)


def _batch_word(
    batch: BatchCertificate, objective: NDArray[np.float64], open_: list[int], tolerance: float
) -> str | None:
    """Return the engines by whose word the instances that the relaxation leaves open are optimal; None if not all."""
    words = []
    for index in open_:
        part = batch.certificates[index]
        if not isinstance(part, MixedIntegerBound) or not relative_gap_of(objective[index], part.bound) <= tolerance:
            return None
        words.append(part.solver)
    return " and ".join(dict.fromkeys(words))


def _excuse(problem: Problem, outcome: Outcome, found: _Measured, worst: int) -> str | None:
    """Say why a decision that is not proved optimal may still be an honest answer, or None."""
    if found.optimality_gap[worst] <= OPTIMALITY * found.magnitude[worst]:
        # The terms cancel: what is left of the objective lies within the solver's own tolerances.
        return "the gap is within the solver's tolerance for costs of this size"
    if outcome.approximate:
        return "the back end stops near a solution, and its duals leave a gap"
    if isinstance(outcome.certificate, LinearDual) and math.isinf(found.optimality_gap[worst]):
        return "rounding hides what the duals prove, and the program is too large to settle it in rational arithmetic"
    return None


def relative_gaps(objective: NDArray[np.float64], bound: NDArray[np.float64]) -> NDArray[np.float64]:
    """``|objective - bound| / max(|objective|, |bound|)``; 0 where both are equal, inf at an infinite bound."""
    difference = np.abs(objective - bound)
    largest = np.maximum(np.abs(objective), np.abs(bound))
    gap = np.divide(difference, largest, out=np.zeros_like(difference), where=(difference > 0) & np.isfinite(largest))
    gap[np.isinf(bound)] = np.inf
    return gap


def relative_gap_of(objective: float, bound: float) -> float:
    """Return the relative gap of two numbers: see :func:`relative_gaps`."""
    return float(relative_gaps(np.array([float(objective)]), np.array([float(bound)]))[0])
