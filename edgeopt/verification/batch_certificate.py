"""One certificate for each instance of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.certificate import OptimalityCertificate

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

    def slack(self, problem: Problem, decision: Decision) -> Any:
        """(batch,) slack of each instance."""
        pairs = zip(self.certificates, range(problem.batch or 0), strict=True)
        return np.array([
            np.inf if certificate is None else certificate.slack(problem.instance(i), problem.pick(decision, i))
            for certificate, i in pairs
        ])  # fmt: skip

    def __str__(self) -> str:
        return f"{len(self.certificates)} certificates, the first: {self.certificates[0]}"
