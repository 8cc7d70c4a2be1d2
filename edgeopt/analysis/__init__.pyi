"""The public names of this room and where they live; `__init__.py` reads this file, and type checkers do."""

from .admission import Settlement as Settlement
from .admission import admit as admit
from .conflicts import explain as explain
from .energy_fronts import EnergyFront as EnergyFront
from .energy_fronts import energy_front as energy_front
from .random_rates import StaticSplit as StaticSplit
from .random_rates import split_under_uncertainty as split_under_uncertainty
from .robust_splits import RobustSplit as RobustSplit
from .robust_splits import robust_split as robust_split
from .sensitivities import Sensitivity as Sensitivity
from .sensitivities import sensitivity as sensitivity
from .split_maps import SplitMap as SplitMap
from .split_maps import split_map as split_map
from .throughput_fronts import ThroughputFront as ThroughputFront
from .throughput_fronts import throughput_front as throughput_front
from .trade_off_curves import TradeOffCurve as TradeOffCurve
from .trade_off_curves import trade_off_curve as trade_off_curve
