"""A small linear program as plain numbers: what the oracle, the back ends called by hand and edgeopt all read.

It stands apart from ``edgeopt.Program`` so that the oracle shares no code with what it judges.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Data:
    """``sense * cost @ x`` to be minimised, subject to two-sided rows, bounds of the columns and integrality.

    Attributes
    ----------
    cost : list of float
        One for each column.
    rows : list of list of float
        Dense coefficients.
    row_lower, row_upper, lower, upper : list of float
        Bounds; infinite where there is none.
    integer : list of bool
        Which columns are integer.
    sense : int
        1 to minimise, -1 to maximise.
    family, seed :
        Where it comes from.
    """

    cost: list[float]
    rows: list[list[float]]
    row_lower: list[float]
    row_upper: list[float]
    lower: list[float]
    upper: list[float]
    integer: list[bool]
    sense: int = 1
    family: str = ""
    seed: int = 0
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def mixed(self) -> bool:
        """Whether integer and continuous columns meet."""
        return any(self.integer) and not all(self.integer)

    def program(self) -> Any:
        """Return the same as an ``edgeopt.Program``."""
        import numpy as np

        import edgeopt as eo

        matrix = np.array(self.rows, dtype=float).reshape(len(self.rows), len(self.cost))
        return eo.Program(
            self.cost,
            matrix,
            self.row_lower,
            self.row_upper,
            self.lower,
            self.upper,
            self.integer,
            sense="minimize" if self.sense > 0 else "maximize",
        )

    def write(self, path: Path) -> None:
        """Keep it as a JSON file; infinite bounds are ``Infinity`` there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1))

    @staticmethod
    def read(path: Path) -> Data:
        """Read what :meth:`write` wrote."""
        return Data(**json.loads(path.read_text()))


def of_program(program: Any) -> Data:
    """Return a small ``edgeopt.Program`` as plain numbers (its offset is left out)."""
    return Data(
        program.cost.tolist(),
        program.matrix.toarray().tolist(),
        program.row_lower.tolist(),
        program.row_upper.tolist(),
        program.lower.tolist(),
        program.upper.tolist(),
        program.integrality.tolist(),
        int(program.sense.sign),
    )
