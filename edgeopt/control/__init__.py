"""Decisions over time: virtual queues, environments, the slot simulator."""

from .drift_plus_penalty import DriftPlusPenalty, SlotState
from .environment import Environment, path_gain
from .simulate import Simulation, simulate

__all__ = ["DriftPlusPenalty", "Environment", "Simulation", "SlotState", "path_gain", "simulate"]
