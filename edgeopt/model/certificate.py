"""Certificates: evidence for an answer, checked by a few lines that know nothing of the solver that gave it.

Two kinds. A certificate of optimality (duals, a Lagrange multiplier) proves how far a decision can be from the optimum:
its ``optimality_gap`` is that distance, in the objective's unit, written as a sum of non-negative complementarity terms
so that nothing cancels in float64. A certificate of status (a ray) proves that there is no optimum at all.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from .records import Record

if TYPE_CHECKING:
    from .problem import Decision, Problem


class Certificate(Record):
    """Base of all certificates."""

    __slots__ = ()

    @property
    def word(self) -> str:
        """Engines on whose word the certificate rests, joined by "and"; empty for one that is a proof."""
        return ""


class OptimalityCertificate(Certificate):
    """Certificate of quality."""

    __slots__ = ()

    @abstractmethod
    def optimality_gap(self, problem: Problem, decision: Decision) -> float:
        """Proven bound on how much worse than the optimum `decision` is; inf where nothing is proved.

        Negative where the objective is better than the certificate allows: then one of the two is wrong.
        """


class StatusCertificate(Certificate):
    """Certificate that a problem has no optimum: it is infeasible or unbounded."""

    __slots__ = ()

    @property
    def proves(self) -> str:
        """Status that it is evidence of: ``"infeasible"`` unless a class says otherwise."""
        return "infeasible"

    @abstractmethod
    def holds(self, problem: Problem) -> bool:
        """Whether the certificate proves its claim about `problem`."""


def is_checkable(certificate: object, problem: Problem) -> bool:
    """Whether the check of a certificate is edgeopt's own, or that of the package which brings the formulation.

    A class that a solver brings could find anything proved.
    """
    homes = {_package(Certificate), _package(type(problem))}
    parts = getattr(certificate, "certificates", ()) if isinstance(certificate, Certificate) else ()
    return all(part is None or _package(type(part)) in homes for part in (certificate, *parts))


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def rebuilt(certificate: Any) -> Any:
    """Return the certificate made anew from its fields, without what anybody hung on it; anything else as it is."""
    if not isinstance(certificate, Certificate) or not is_dataclass(certificate):
        return certificate
    parts = {f.name: getattr(certificate, f.name) for f in fields(certificate) if f.init}
    if isinstance(given := parts.get("certificates"), tuple):
        parts["certificates"] = tuple(rebuilt(part) for part in given)
    return type(certificate)(**parts)


def word_of(certificate: Certificate | None) -> str:
    """Return the engines on whose word a certificate rests, joined by "and"; empty where it is a proof or none."""
    return "" if certificate is None else certificate.word


def evidence_of(proved: bool, word: str) -> str:
    """Return on what a status rests, in words: ``"proved"``, ``"by the word of highs and cp-sat"``, or nothing."""
    return "proved" if proved else f"by the word of {word}" if word else ""
