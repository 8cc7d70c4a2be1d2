"""Where a column or a row stands in a basis: one set of codes for certificates, files and compiled loops.

The numbers are those of HiGHS, so that a basis goes to and from it unchanged. A row stands where its activity does.
"""

from __future__ import annotations

from enum import IntEnum


class BasisStatus(IntEnum):
    """Where a column or row stands in a basis.

    Attributes
    ----------
    LOWER
        Nonbasic, at its lower bound. What is fixed or an equation may be called this or `UPPER`.
    BASIC
        Its value follows from those of the nonbasic ones.
    UPPER
        Nonbasic, at its upper bound.
    ZERO
        Nonbasic without a bound, at zero.
    NONBASIC
        Nonbasic, at a bound that is not said: the finite one nearest zero is meant.
    """

    LOWER = 0
    BASIC = 1
    UPPER = 2
    ZERO = 3
    NONBASIC = 4


LOWER, BASIC, UPPER = int(BasisStatus.LOWER), int(BasisStatus.BASIC), int(BasisStatus.UPPER)
ZERO, NONBASIC = int(BasisStatus.ZERO), int(BasisStatus.NONBASIC)
"""The same as plain integers, for arrays of codes and for compiled loops."""
