"""Where a network is cut and in which precision each tensor crosses the cut."""

from .certificate import CapPrices as CapPrices
from .certificate import NothingFits as NothingFits
from .problem import CompressedSplit as CompressedSplit
from .problem import CompressedSplitDecision as CompressedSplitDecision
