"""Decisions over time: virtual queues, environments, the slot simulator."""

from ..profiles.channel import path_gain
from .drift_plus_penalty import DriftPlusPenalty, SlotState
from .environment import Environment
from .simulate import Simulation, simulate

__all__ = ["DriftPlusPenalty", "Environment", "Simulation", "SlotState", "path_gain", "simulate"]
