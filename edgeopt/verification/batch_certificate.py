"""One certificate for each instance of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.batch_axis import BatchAxis
from ..model.certificate import OptimalityCertificate, word_of
from ..model.errors import InvalidProblemError
from ..model.records import assign

if TYPE_CHECKING:
    from ..model.problem import Decision, Problem


@dataclass(frozen=True, eq=False)
class BatchCertificate(OptimalityCertificate):
    """One certificate for each instance of a batch.

    Attributes
    ----------
    certificates : tuple
        Certificates in the order of the instances; None where an instance has none.
    """

    certificates: tuple[OptimalityCertificate | None, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.certificates, (tuple, list)):
            kind = type(self.certificates).__name__
            raise InvalidProblemError(f"certificates of a BatchCertificate is a {kind}; expected a tuple")
        assign(self, certificates=tuple(self.certificates))

    @property
    def word(self) -> str:
        """Engines on whose word instances rest, joined by "and"; empty where all are proved or none is known."""
        return " and ".join(dict.fromkeys(filter(None, (word_of(part) for part in self.certificates))))

    def optimality_gap(self, problem: Problem, decision: Decision) -> Any:
        """(batch,) optimality gap of each instance."""
        if not isinstance(problem, BatchAxis) or problem.batch is None:
            return np.inf
        gaps = np.full(problem.batch, np.inf)
        for i, certificate in zip(range(problem.batch), self.certificates, strict=True):
            if certificate is not None:
                gaps[i] = certificate.optimality_gap(problem.instance(i), problem.pick(decision, i))
        return gaps

    def __str__(self) -> str:
        return f"{len(self.certificates)} certificates, the first: {self.certificates[0]}"
