"""Any formulation for the losses of PyEPO (Tang and Khalil 2024), where that package is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import ExtraNotInstalledError, NoSolutionError
from ..model.problem import with_program
from ..solving.highs_session import HighsSession
from .spo import minimisation

if TYPE_CHECKING:
    from ..model.problem import Problem
    from ..model.program import Program


def to_pyepo(problem: Problem) -> Any:
    """Return `problem` as a PyEPO ``optModel``, whose costs PyEPO predicts (unit profits of a maximisation).

    Parameters
    ----------
    problem : Problem
        A formulation or a program.

    Raises
    ------
    ExtraNotInstalledError
        If PyEPO is not installed.
    """
    try:
        from pyepo import EPO
        from pyepo.model.opt import optModel
    except ImportError as error:
        raise ExtraNotInstalledError("to_pyepo needs PyEPO; install with: pip install pyepo") from error
    sense = EPO.MINIMIZE if problem.sense.sign > 0 else EPO.MAXIMIZE

    class EdgeOptModel(optModel):  # type: ignore[misc]
        """A problem of edgeopt, solved by HiGHS from the last basis."""

        modelSense = sense  # noqa: N815 (PyEPO's name)

        def __init__(self, program: Program) -> None:
            program.require_linear("a model of PyEPO")
            self.program = program
            super().__init__()

        def _getModel(self) -> Any:  # noqa: N802 (PyEPO's name)
            return HighsSession(minimisation(self.program)), np.arange(self.program.columns)

        @property
        def num_cost(self) -> int:
            return self.program.columns

        def setObj(self, c: Any) -> None:  # noqa: N802 (PyEPO's name)
            cost = c.detach().cpu().numpy() if hasattr(c, "detach") else c
            self._cost = self.program.sense.sign * np.asarray(cost, dtype=np.float64)

        def solve(self) -> tuple[Any, float]:
            solution = self._model.solve(cost=self._cost)
            if not solution.status.has_decision:
                raise NoSolutionError(f"the program with these costs is {solution.status}: {solution.message}")
            values = solution.decision.values
            return values, float(self.program.sense.sign * self._cost @ values)

        def __reduce__(self) -> tuple[Any, ...]:
            """Return the program alone for copies and pickles: they make the solver's model anew."""
            return to_pyepo, (self.program,)

    return EdgeOptModel(with_program(problem).program())
