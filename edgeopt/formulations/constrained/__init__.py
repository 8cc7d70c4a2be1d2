"""A problem with side constraints of its user, or with another objective: decision and words stay the base's."""

from .auxiliary import Auxiliary, Goal
from .cap_price import CapPrice
from .problem import Constrained

__all__ = ["Auxiliary", "CapPrice", "Constrained", "Goal"]
