"""Learning costs: the SPO+ loss on any program.

A vertex does not move with its costs until it jumps, so the gradient of a linear program's optimum with respect to
costs is zero almost everywhere. The SPO+ loss (Elmachtoub and Grigas 2022, eq. 9) is a convex upper bound of the regret
that a prediction of costs causes, with a subgradient that is not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..model.errors import InvalidProblemError, NoSolutionError
from ..model.problem import Sense
from ..model.program import Program
from ..solving.solve import solve
from .lp import LinearProgramLayer

if TYPE_CHECKING:
    from torch import Tensor


class SPOPlusLoss(torch.nn.Module):
    """SPO+ loss of predicted costs (Elmachtoub and Grigas 2022).

    Parameters
    ----------
    program : Program
        The program whose costs are predicted; with integer columns each instance is solved by `solver`.
    solver : str
        Solver for programs with integer columns.

    Examples
    --------
    >>> loss = SPOPlusLoss(Program([1.0, 1.0], [[1.0, 1.0]], row_lower=1.0, row_upper=1.0))
    >>> loss(torch.tensor([[2.0, 1.0]]), torch.tensor([[2.0, 1.0]]))
    tensor(0.)
    """

    def __init__(self, program: Program, solver: str = "auto") -> None:
        super().__init__()
        self.program, self.solver = program, solver
        self._sign = program.sense.sign
        program.require_linear("an SPOPlusLoss")
        self._layer = None if program.integral else LinearProgramLayer(minimisation(program), ("cost",))

    def forward(self, predicted: Tensor, true: Tensor) -> Tensor:
        """Return the mean loss over the batch.

        Parameters
        ----------
        predicted, true : (batch, columns) tensor
            Costs (unit revenues of a maximisation).
        """
        if predicted.shape != true.shape or predicted.ndim != 2:
            raise InvalidProblemError(
                f"predicted has shape {tuple(predicted.shape)}, true {tuple(true.shape)}; expected (batch, columns)"
            )
        guess, truth = self._sign * predicted, self._sign * true.detach()
        with torch.no_grad():
            best = self._optima(truth)
            optimistic = self._optima(2.0 * guess - truth)
        # Danskin: with the two optima held, this has the loss's value and a subgradient of it.
        loss = (truth - 2.0 * guess) * optimistic + (2.0 * guess - truth) * best
        return loss.sum(dim=1).mean()

    def _optima(self, costs: Tensor) -> Tensor:
        if self._layer is not None:
            optima: Tensor = self._layer(costs)
            return optima
        return torch.tensor(np.array([self._one(row) for row in costs.cpu().numpy()])).to(costs)

    def _one(self, cost: np.ndarray[Any, Any]) -> Any:
        solution = solve(replace(minimisation(self.program), cost=cost), self.solver)
        if not solution.status.has_decision:
            raise NoSolutionError(f"a program with these costs is {solution.status}: {solution.message}")
        return solution.decision.values


def minimisation(program: Program) -> Program:
    """Return the program as a minimisation."""
    return replace(program, cost=program.sense.sign * program.cost, sense=Sense.MINIMIZE, offset=0.0)
