"""The point of a polyhedron that is nearest to a given one, as a torch module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .lp import LinearProgramLayer

if TYPE_CHECKING:
    from torch import Tensor

    from ..model.program import Program


class Projection(torch.nn.Module):
    """Nearest point of a program's feasible set, in the Euclidean norm; the program's own costs are not read.

    It is the optimum of the program with cost ``-y`` and the quadratic smoothing of strength 1, whose objective is
    ``|x - y|**2 / 2`` less a constant. Backward is exact where the active bounds do not change.

    Parameters
    ----------
    program : Program
        Rows and bounds; without integer columns.
    **options
        ``on_failure`` and ``threads`` of :class:`LinearProgramLayer`.

    Examples
    --------
    >>> from edgeopt import Program
    >>> nearest = Projection(Program([0.0, 0.0], [[1.0, 1.0]], row_upper=[1.0]))
    >>> nearest(torch.tensor([[0.9, 0.5], [0.2, -0.1]])).round(decimals=4)
    tensor([[0.7000, 0.3000],
            [0.2000, 0.0000]])
    """

    def __init__(self, program: Program, **options: Any) -> None:
        super().__init__()
        self.sign = program.sense.sign
        self.layer = LinearProgramLayer(program, ("cost",), smoothing="quadratic", strength=1.0, **options)

    def forward(self, point: Tensor) -> Tensor:
        """Return the nearest feasible point of each (…, columns).

        Raises
        ------
        NoSolutionError
            If there is none, unless `on_failure` is ``"mask"``.
        """
        nearest: Tensor = self.layer(-self.sign * point)
        return nearest
