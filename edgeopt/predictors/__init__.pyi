"""The public names of this room and where they live; `__init__.py` reads this file, and type checkers do."""

from .capacities import CapacityBounds as CapacityBounds
from .capacities import identifiability as identifiability
from .objective_driven import ObjectiveDriven as ObjectiveDriven
from .online import OnlineController as OnlineController
from .regret import RegretLedger as RegretLedger
from .regret import regret_ledger as regret_ledger
from .slice_allocator import SliceAllocator as SliceAllocator
from .traffic import LinearPredictor as LinearPredictor
from .traffic import LSTMPredictor as LSTMPredictor
from .traffic import SeasonalNaive as SeasonalNaive
from .traffic import TrafficPredictor as TrafficPredictor
