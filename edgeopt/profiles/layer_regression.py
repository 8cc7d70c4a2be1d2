"""One linear regression of a layer's time: fitted by least squares, or printed in milliseconds and bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from ..model.records import Record, assign, number, record, require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.kept import Names, Numbers, OptionalNumbers

MILLISECOND = 1e-3
BITS_PER_BYTE = 8


@record
class LayerRegression(Record):
    """Seconds as a linear form of a layer's variables.

    Attributes
    ----------
    variables : tuple of str
        Columns of a table of layers, ``feature_maps`` or ``filter_size``.
    slopes : tuple of float
        Seconds per unit of each variable.
    intercept : float
        Seconds.
    least, greatest : tuple of float, optional
        Range of each variable among the fitted rows; None where it is not known.
    rows : int
        Number of fitted rows; 0 where it is not known.

    Raises
    ------
    InvalidProblemError
        If there is not one finite number for each variable, or the ranges are upside down.
    """

    variables: Names
    slopes: Numbers
    intercept: float
    least: OptionalNumbers = None  # type: ignore[assignment]
    greatest: OptionalNumbers = None  # type: ignore[assignment]
    rows: int = 0

    def __post_init__(self) -> None:
        if not _is_sequence(self.variables) or not all(isinstance(name, str) for name in self.variables):
            raise InvalidProblemError(f"variables is {self.variables!r}; expected the names of the variables")
        assign(self, variables=tuple(self.variables), intercept=number(self.intercept, "intercept"))
        assign(self, slopes=self._numbers("slopes"), rows=int(number(self.rows, "rows", at_least=0)))
        if (self.least is None) != (self.greatest is None):
            raise InvalidProblemError("give least and greatest together, or neither")
        if self.least is not None and self.greatest is not None:
            assign(self, least=self._numbers("least"), greatest=self._numbers("greatest"))
            if any(low > high for low, high in zip(self.least, self.greatest, strict=True)):
                raise InvalidProblemError(f"least {self.least} exceeds greatest {self.greatest}")

    @classmethod
    def fit(
        cls,
        variables: Sequence[str],
        values: NDArray[np.float64],
        seconds: NDArray[np.float64],
        *,
        relative: bool = False,
        nonnegative: bool = False,
    ) -> LayerRegression:
        """Fit by least squares.

        Parameters
        ----------
        variables : sequence of str
            Their names.
        values : (rows, variables) float
            Their values.
        seconds : (rows,) float
            Measured times.
        relative : bool
            Minimise relative instead of absolute errors.
        nonnegative : bool
            Keep slopes and intercept at or above zero.

        Raises
        ------
        InvalidProblemError
            If a time is zero and the errors are relative.
        """
        from scipy.optimize import nnls

        if relative:
            require("seconds", seconds, seconds > 0, "must be above 0 for relative errors (drop the row)")
        weight = 1.0 / seconds if relative else np.ones(len(seconds))
        design = np.column_stack([values, np.ones(len(seconds))])
        # Sizes run to 1e9 bits beside an intercept's 1: without a common scale the small columns drown in rounding.
        scale = np.abs(design).max(axis=0)
        scale[scale == 0] = 1.0
        scaled, target = design / scale * weight[:, None], seconds * weight
        solution = nnls(scaled, target)[0] if nonnegative else np.linalg.lstsq(scaled, target, rcond=None)[0]
        slopes = (solution / scale).tolist()
        ranges = (tuple(values.min(axis=0).tolist()), tuple(values.max(axis=0).tolist()))
        return cls(tuple(variables), tuple(slopes[:-1]), slopes[-1], *ranges, rows=len(seconds))

    def times(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Seconds of each row of (rows, variables) `values`; may be negative."""
        times: NDArray[np.float64] = values @ np.asarray(self.slopes, dtype=np.float64) + self.intercept
        return times

    def extrapolates(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each row of (rows, variables) `values` leaves the fitted range in some variable."""
        if self.least is None or self.greatest is None:
            return np.zeros(len(values), dtype=bool)
        outside = (values < np.asarray(self.least)) | (values > np.asarray(self.greatest))
        return np.asarray(outside.any(axis=1), dtype=bool)

    def _numbers(self, name: str) -> tuple[float, ...]:
        given = getattr(self, name)
        if not _is_sequence(given) or len(given) != len(self.variables):
            raise InvalidProblemError(f"{name} is {given!r}; expected a number for each of {', '.join(self.variables)}")
        return tuple(number(value, f"{name}[{index}]") for index, value in enumerate(given))


def published(variables: Sequence[str], slopes: Sequence[float], intercept: float) -> LayerRegression:
    """Return a form that is printed in milliseconds and bytes (Zuo 2024, Table 4.2) in seconds and bits.

    Parameters
    ----------
    variables : sequence of str
        A name in ``_bits`` was printed in bytes; any other is a count.
    slopes : sequence of float
        Milliseconds per byte, or per unit of a count.
    intercept : float
        Milliseconds.
    """
    units = [BITS_PER_BYTE if name.endswith("_bits") else 1 for name in variables]
    per_unit = tuple(slope * MILLISECOND / unit for slope, unit in zip(slopes, units, strict=True))
    return LayerRegression(tuple(variables), per_unit, intercept * MILLISECOND)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
