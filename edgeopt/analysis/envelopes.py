"""Lower envelopes of lines that a solver finds one by one (Eisner and Severance 1976).

References
----------
M. J. Eisner and D. G. Severance, "Mathematical techniques for efficient record segmentation in large shared databases",
Journal of the ACM 23, 1976.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME = 1e-12
"""Two latencies closer than this, relatively, are one: float64 can tell no break-point between them."""


@dataclass(frozen=True)
class Line:
    """Expected latency of one placement over the inverse rate."""

    intercept: float
    slope: float
    tiers: NDArray[Any]

    def at(self, inverse: float) -> float:
        """Latency at an inverse rate."""
        return self.intercept + self.slope * inverse

    def meets(self, other: Line) -> float:
        """Rate at which this line and a steeper one on the faster side are equal."""
        return (other.slope - self.slope) / (self.intercept - other.intercept)


class Lines(Protocol):
    """The lines of a problem's placements."""

    least: float
    """Least slope of all lines."""

    def best(self, inverse: float) -> Line:
        """Return a line that is lowest at an inverse rate."""

    def decision(self, line: Line) -> Any:
        """Return the placement of a line."""


def least_slope(lines: Lines) -> Line:
    """Return the line that is lowest for ever slower rates: of least slope, and among those of least intercept."""
    inverse = 1.0
    line = lines.best(inverse)
    while line.slope > lines.least * (1 + SAME) and inverse < 1e270:
        inverse *= 16.0
        line = lines.best(inverse)
    return line


def envelope(lines: Lines, slow: Line, fast: Line) -> list[Line]:
    """Lines of the lower envelope from `slow` to `fast`, each steeper than the one before."""
    pieces, ahead = [slow], [fast]
    while ahead:
        here, there = pieces[-1], ahead.pop()
        if not _apart(here, there):
            continue
        inverse = 1.0 / here.meets(there)
        found = lines.best(inverse)
        if found.at(inverse) >= here.at(inverse) * (1 - SAME) or not _apart(here, found):
            pieces.append(there)
        else:
            ahead += [there, found] if _apart(found, there) else [found]
    return pieces


def _apart(slow: Line, fast: Line) -> bool:
    """Whether each of two lines is below the other somewhere, by more than rounding."""
    return fast.slope > slow.slope * (1 + SAME) and fast.intercept < slow.intercept * (1 - SAME)
