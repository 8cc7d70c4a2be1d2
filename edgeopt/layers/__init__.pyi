"""The public names of this room and where they live; `__init__.py` reads this file, and type checkers do."""

from .directional import Directional as Directional
from .lp import LinearProgramLayer as LinearProgramLayer
from .pyepo import to_pyepo as to_pyepo
from .report import Report as Report
from .revenue import Admission as Admission
from .revenue import RevenueLayer as RevenueLayer
from .spo import SPOPlusLoss as SPOPlusLoss
