"""One slot of many users: its data and equations, what prices prove of it, and the certificate that holds them."""

from .certificate import SharedPrices
from .problem import LN2, SharedSlot, SharedSlotDecision

__all__ = ["LN2", "SharedPrices", "SharedSlot", "SharedSlotDecision"]
