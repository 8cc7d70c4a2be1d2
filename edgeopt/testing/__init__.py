"""The conformance suite for solvers and formulations of one's own: one line in a package's tests.

>>> import edgeopt as eo
>>> from edgeopt.testing import check_solver
>>> check_solver("selection")
17
"""

from __future__ import annotations

from .case import Case
from .declarations import brute_force, check_override
from .formulations import check_formulation
from .solvers import check_solver

__all__ = ["Case", "brute_force", "check_formulation", "check_override", "check_solver"]
