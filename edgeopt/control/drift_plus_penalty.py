"""Drift-plus-penalty control (Neely 2010): a slot's problem with two virtual queues, slot after slot.

The queues remember by how much the average delay and the outage exceed what is allowed (Labriji et al. 2023, eq. 13
and 14); each slot minimises their drift plus ``V`` times its energy. The larger V, the nearer the energy comes to its
optimum, and the longer the queues grow before the constraints hold.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..formulations.slot import SlotDecision, SlotProblem
from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import Record, number

if TYPE_CHECKING:
    from .environment import Environment

RULES = ("lambert-w", "two-regime", "local-only", "remote-only")
"""Solvers that can decide the slots, in the order of their compiled codes."""


@dataclass(frozen=True)
class SlotState(Record):
    """What a slot shows before it is decided.

    Attributes
    ----------
    arrivals : float
        Images of this slot.
    channel_gain : float
        Power gain of the channel.
    remote_speed : float
        FLOP/s that the edge host has available.
    rate_limit : float
        Rate, bit/s, that no power exceeds.
    bandwidth : float, optional
        Hertz; the environment's by default.

    Raises
    ------
    InvalidProblemError
        If a value is nan or negative, or one but the rate limit is infinite, or the bandwidth is 0.
    """

    arrivals: float
    channel_gain: float
    remote_speed: float
    rate_limit: float = math.inf
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        for name in ("arrivals", "channel_gain", "remote_speed"):
            number(getattr(self, name), name, at_least=0.0)
        number(self.rate_limit, "rate_limit", at_least=0.0, finite=False)
        if self.bandwidth is not None and not number(self.bandwidth, "bandwidth", at_least=0.0) > 0:
            raise InvalidProblemError("bandwidth is 0; it must be positive (a slot without a link has rate_limit 0)")

    def band(self, environment: Environment) -> float:
        """Bandwidth of the slot, hertz."""
        return environment.bandwidth if self.bandwidth is None else self.bandwidth


@dataclass(frozen=True)
class DriftPlusPenalty(Record):
    """The controller: its constraints, its weight of energy, and its queues.

    Attributes
    ----------
    average_delay : float
        Largest mean delay, ``D_avg``, seconds.
    max_delay : float
        Deadline of a slot, ``D_max``, seconds.
    outage : float
        Largest share of slots that may miss it, ``epsilon``.
    tradeoff : float
        ``V``, the weight of energy.
    rule : str
        Solver that decides the slots: ``"lambert-w"`` (the paper), ``"two-regime"`` (exact), ``"local-only"``,
        ``"remote-only"``.
    delay_queue, outage_queue : float
        The virtual queues ``Z`` and ``H`` now.
    """

    average_delay: float = 0.05
    max_delay: float = 0.1
    outage: float = 0.01
    tradeoff: float = 1.0
    rule: str = "lambert-w"
    delay_queue: float = 0.0
    outage_queue: float = 0.0

    def __post_init__(self) -> None:
        for name in ("average_delay", "max_delay"):
            if not number(getattr(self, name), name, at_least=0.0) > 0:
                raise InvalidOptionError(f"{name} is {getattr(self, name)}; it must be positive")
        number(self.outage, "outage", at_least=0.0, at_most=1.0)
        for name in ("tradeoff", "delay_queue", "outage_queue"):
            number(getattr(self, name), name, at_least=0.0)
        if self.rule not in RULES:
            raise InvalidOptionError(f"rule is {self.rule!r}; expected one of {', '.join(RULES)}")

    def rates(self, state: SlotState, environment: Environment) -> tuple[float, float]:
        """Least and largest rate of a slot, bit/s: Shannon's, at the least and the largest transmit power.

        A rate limit holds both: below the rate of the least power the device sends at the limit.
        """
        bandwidth = state.band(environment)
        signal = state.channel_gain / (environment.noise_density * bandwidth)
        least, most = environment.power_bounds
        scale = bandwidth / math.log(2.0)
        limit = state.rate_limit
        return min(scale * math.log1p(least * signal), limit), min(scale * math.log1p(most * signal), limit)

    def problem(self, state: SlotState, environment: Environment) -> SlotProblem:
        """Return the slot's own problem, for any solver."""
        costs, bandwidth = environment.costs, state.band(environment)
        low, high = self.rates(state, environment)
        return SlotProblem(
            costs.local_flops,
            costs.remote_flops,
            costs.payload_bits,
            costs.local_energy,
            state.arrivals,
            state.channel_gain,
            bandwidth,
            environment.noise_density,
            environment.local_speed,
            state.remote_speed,
            (low, high),
            self.delay_queue,
            self.outage_queue,
            self.tradeoff,
            self.max_delay,
        )

    def step(self, state: SlotState, environment: Environment) -> tuple[SlotDecision, DriftPlusPenalty]:
        """Decide one slot; return the decision and the controller with its queues moved on.

        The controller is a record: :func:`edgeopt.save` stores it, and a loaded one goes on with the same decisions.
        """
        from ..solvers.compiled.slots import decide

        slot = state.arrivals, state.channel_gain, state.remote_speed, *self.rates(state, environment)
        split, rate, delay, _, late = decide(
            RULES.index(self.rule),
            environment.split_costs,
            slot,
            (state.band(environment), environment.noise_density),
            (self.delay_queue, self.outage_queue, self.tradeoff, self.max_delay),
        )
        return SlotDecision(split, rate), self._after(delay, late)

    def _after(self, delay: float, late: bool) -> DriftPlusPenalty:
        """Return the controller after a slot (eq. 13 and 14)."""
        moved = copy(self)
        object.__setattr__(moved, "delay_queue", max(0.0, self.delay_queue + delay - self.average_delay))
        object.__setattr__(moved, "outage_queue", max(0.0, self.outage_queue + (1.0 if late else 0.0) - self.outage))
        return moved
