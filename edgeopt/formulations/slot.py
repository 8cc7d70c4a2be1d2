r"""One slot of cooperative inference: where to split a network, and how fast to send what crosses the link.

Labriji et al. (2023, eq. 17) minimise, slot after slot, the drift-plus-penalty bound

.. math:: Z D + H \, 1[D > D_{\max}] + V E

over the split `k` and the uplink rate `R`. `Z` and `H` are the virtual queues of average delay and outage, `D` is the
delay of the slot's images (eq. 7, 9, 10), `E` the device's energy (eq. 8, 11). For a split the objective is convex in
the rate but for the step at the deadline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..model.cached import cached_property
from ..model.certificate import OptimalityCertificate
from ..model.errors import InvalidProblemError
from ..model.problem import CertifiesOptimality, Decision, Problem, Sense
from ..model.records import assign, float_array, number, read_only, record, require
from ..model.tolerance import NEXT_TO_NOTHING, ON_TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..model.kept import Floats, Kept

MOST_EFFICIENT = 900.0
"""Largest spectral efficiency, bit/s/Hz, whose power float64 can hold."""


@record
class SlotDecision(Decision):
    """Where the network is split in this slot, and at which rate the device sends.

    Attributes
    ----------
    split : int
        Split point: layers up to it run on the device.
    rate : float
        Uplink rate, bit/s; 0 where nothing is sent.
    """

    split: int
    rate: float


@dataclass(frozen=True, eq=False)
class SplitRates(OptimalityCertificate):
    """Rates that are best for each split on each side of the deadline.

    The objective of a split is convex in the rate on either side, so its slope at any rate bounds it from below on the
    whole interval: where the slope vanishes, or points out of the interval at its end (the KKT conditions), the bound
    is the value itself. The decision is compared with the least of all bounds.

    Attributes
    ----------
    rate : (splits, 2) float
        Best rate with the deadline met, and with it missed; nan where there is none.
    """

    rate: NDArray[np.float64]

    def __post_init__(self) -> None:
        rate = np.array(self.rate, dtype=np.float64)
        object.__setattr__(self, "rate", read_only(rate))

    def optimality_gap(self, problem: Problem, decision: Decision) -> float:
        """Distance of the decision from the least bound over all splits and both sides."""
        if not isinstance(problem, SlotProblem) or not isinstance(decision, SlotDecision):
            return math.inf
        if self.rate.shape != (problem.splits, 2):
            return math.inf
        bounds = [problem.least(k, bool(met), self.rate[k, 1 - met]) for k in range(problem.splits) for met in (1, 0)]
        return problem.objective(decision) - min(bounds)

    def __str__(self) -> str:
        return f"best rates of {self.rate.shape[0]} splits on both sides of the deadline"


@record
class SlotProblem(CertifiesOptimality, Problem[SlotDecision]):
    """Choose the split and the rate of one slot (Labriji et al. 2023, eq. 17).

    Attributes
    ----------
    local_flops, remote_flops : (splits,) float
        FLOPs of one image on the device and on the edge host, by split; >= 0.
    payload_bits : (splits,) float
        Bits of one image that cross the link; 0 where everything runs on the device.
    local_energy : (splits,) float
        Energy of one image's local layers, joule.
    arrivals : float
        Images of this slot, >= 0.
    channel_gain : float
        Power gain of the channel, > 0.
    bandwidth, noise_density : float
        Hertz; watt per hertz.
    local_speed, remote_speed : float
        FLOP/s of the device (> 0), and of what the edge host has available now (>= 0).
    rate_bounds : (float, float)
        Least and largest rate, bit/s; where they cross (a deep fade) nothing can be sent.
    delay_queue, outage_queue : float
        `Z` and `H`, >= 0.
    tradeoff : float
        `V`, the weight of energy, >= 0.
    max_delay : float
        Deadline `D_max` of the slot's images, seconds, > 0.

    Raises
    ------
    InvalidProblemError
        If a field has the wrong shape or range.

    Examples
    --------
    >>> slot = SlotProblem([0, 1e9], [1e9, 0], [1e6, 0], [0, 0.1], 10, 1e-9, 1e6, 1e-18, 1e9, 1e12, (1e5, 1e7),
    ...                    delay_queue=1.0, outage_queue=0.0, tradeoff=1.0, max_delay=20.0)
    >>> slot.delay(0, 1e7), slot.delay(1, 0.0)
    (1.01, 10.0)
    """

    local_flops: Floats
    remote_flops: Floats
    payload_bits: Floats
    local_energy: Floats
    arrivals: float
    channel_gain: float
    bandwidth: float
    noise_density: float
    local_speed: float
    remote_speed: float
    rate_bounds: Kept[tuple[float, float], Sequence[float] | NDArray[Any]]
    delay_queue: float
    outage_queue: float
    tradeoff: float
    max_delay: float

    sense: ClassVar[Sense] = Sense.MINIMIZE

    def __post_init__(self) -> None:
        for name in ("local_flops", "remote_flops", "payload_bits", "local_energy"):
            array = float_array(getattr(self, name), name)
            require(name, array, array >= 0, "must not be negative")
            if array.shape != np.shape(self.local_flops) or array.size == 0:
                raise InvalidProblemError(f"{name} has shape {array.shape}; expected one entry for each split")
            assign(self, **{name: array})
        for name in ("channel_gain", "bandwidth", "noise_density", "local_speed", "max_delay"):
            value = number(getattr(self, name), name, at_least=0.0)
            if value == 0.0:
                raise InvalidProblemError(f"{name} is 0; it must be positive")
            assign(self, **{name: value})
        for name in ("arrivals", "remote_speed", "delay_queue", "outage_queue", "tradeoff"):
            assign(self, **{name: number(getattr(self, name), name, at_least=0.0)})
        if np.shape(self.rate_bounds) != (2,):
            raise InvalidProblemError(f"rate_bounds is {self.rate_bounds!r}; expected (least, largest)")
        low, high = (number(bound, f"rate_bounds[{i}]", at_least=0.0) for i, bound in enumerate(self.rate_bounds))
        if max(low, high) > MOST_EFFICIENT * self.bandwidth:
            raise InvalidProblemError(
                f"rate_bounds go to {max(low, high):.3g} bit/s, more than {MOST_EFFICIENT:g} bit/s for each hertz of "
                "the bandwidth; the power for it is beyond float64: check their units"
            )
        assign(self, rate_bounds=(low, high))
        if not self.available.any():
            raise InvalidProblemError(
                "no split is possible: the rate bounds cross or the edge host has no speed, and every split needs them"
            )

    @property
    def splits(self) -> int:
        """Number of split points."""
        return int(self.local_flops.size)

    @cached_property
    def computing(self) -> NDArray[np.float64]:
        """(splits,) seconds of local and remote computing (eq. 7, 9); inf where the edge host has no speed."""
        remote = np.full(self.splits, np.inf)
        if self.remote_speed > 0:
            with np.errstate(over="ignore"):
                remote = self.remote_flops / self.remote_speed
        remote = np.where(self.remote_flops == 0, 0.0, remote)
        seconds: NDArray[np.float64] = np.zeros(self.splits)
        if self.arrivals > 0:
            seconds = self.arrivals * (self.local_flops / self.local_speed + remote)
        return seconds

    @cached_property
    def sent(self) -> NDArray[np.float64]:
        """(splits,) bits that this slot sends."""
        bits: NDArray[np.float64] = self.payload_bits * self.arrivals
        return bits

    @cached_property
    def available(self) -> NDArray[np.bool_]:
        """(splits,) which splits are possible at all: what has to be sent can be, and what runs remotely ends."""
        low, high = self.rate_bounds
        linked = (self.sent == 0) | ((low <= high) & (high > 0))
        available: NDArray[np.bool_] = linked & np.isfinite(self.computing)
        return available

    @property
    def noise_power(self) -> float:
        """Transmit power that doubles the rate's exponent: ``N0 B / h``, watt (eq. 11)."""
        return self.noise_density * self.bandwidth / self.channel_gain

    def delay(self, split: int, rate: float) -> float:
        """Seconds from the slot's start to its last image (eq. 7, 9, 10)."""
        sent = float(self.sent[split])
        return float(self.computing[split]) + (sent / rate if sent else 0.0)

    def energy(self, split: int, rate: float) -> float:
        """Joules of local computing and of sending (eq. 8, 11)."""
        sent = float(self.sent[split])
        power = self.noise_power * math.expm1(rate * math.log(2.0) / self.bandwidth) if sent else 0.0
        return self.arrivals * float(self.local_energy[split]) + (power * sent / rate if sent else 0.0)

    def late(self, split: int, rate: float) -> bool:
        """Whether the deadline is missed."""
        return self.delay(split, rate) > self.max_delay * (1.0 + ON_TIME)

    def interval(self, split: int, met: bool) -> tuple[float, float]:
        """Rates (least, largest) with which the deadline is met, or missed; crossed where there are none."""
        low, high = self.rate_bounds
        sent, left = float(self.sent[split]), self.max_delay - float(self.computing[split])
        if sent == 0:
            on_time = left >= -ON_TIME * self.max_delay
            return (0.0, 0.0) if on_time is met else (1.0, 0.0)
        needed = sent / left if left > 0 else math.inf
        return (max(low, needed), high) if met else (low, min(high, needed))

    def least(self, split: int, met: bool, rate: float) -> float:
        """Proved lower bound of the objective of one split on one side of the deadline, by the slope at `rate`."""
        if not self.available[split]:
            return math.inf
        low, high = self.interval(split, met)
        step = 0.0 if met else self.outage_queue
        if low > high:
            return math.inf
        if self.sent[split] == 0:
            return self.smooth(split, 0.0) + step
        if not low * (1 - ON_TIME) <= rate <= high * (1 + ON_TIME):
            return -math.inf
        slope = self.relative_slope(split, rate)
        return self.smooth(split, rate) + step + min(slope * (low / rate - 1), slope * (high / rate - 1), 0.0)

    def smooth(self, split: int, rate: float) -> float:
        """Objective of a split at a rate without the step at the deadline."""
        return self.delay_queue * self.delay(split, rate) + self.tradeoff * self.energy(split, rate)

    def slope(self, split: int, rate: float) -> float:
        """Return the derivative of the smooth part with respect to the rate (eq. 18 with `Z` for `Omega`)."""
        return self.relative_slope(split, rate) / rate

    def relative_slope(self, split: int, rate: float) -> float:
        """Return the slope times the rate: finite at the rates of a dead channel, whose squares are 0 in float64."""
        x = rate * math.log(2.0) / self.bandwidth
        # (x exp(x) - exp(x) + 1) / x, summed where it would cancel
        curve = x * (0.5 + x / 3 + x * x / 8) if x < 1e-3 else math.exp(x) - math.expm1(x) / x
        energy = self.tradeoff * self.noise_power * curve * math.log(2.0) / self.bandwidth
        return float(self.sent[split]) * (energy - self.delay_queue / rate)

    def certify(self, decision: SlotDecision) -> SplitRates:
        """Return the best rates of all splits, each found by halving the interval in which its slope changes sign."""
        rates = np.full((self.splits, 2), np.nan)
        for k in (int(k) for k in np.flatnonzero(self.available)):
            for side, met in enumerate((True, False)):
                low, high = self.interval(k, met)
                if low <= high:
                    rates[k, side] = self._least_rate(k, low, high) if self.sent[k] > 0 else 0.0
        return SplitRates(rates)

    def _least_rate(self, split: int, low: float, high: float) -> float:
        low = max(low, NEXT_TO_NOTHING)
        if self.relative_slope(split, low) >= 0:
            return low
        if self.relative_slope(split, high) <= 0:
            return high
        while True:
            middle = math.sqrt(low) * math.sqrt(high)
            if not low < middle < high:
                return min(low, high, key=lambda rate: abs(self.slope(split, rate)))
            low, high = (middle, high) if self.relative_slope(split, middle) < 0 else (low, middle)

    def check(self, decision: SlotDecision) -> None:
        """Raise unless `decision` is a :class:`SlotDecision` with a split there is and a finite rate."""
        if not isinstance(decision, SlotDecision):
            raise InvalidProblemError(f"decision is a {type(decision).__name__}; expected a SlotDecision")
        if not (isinstance(decision.split, (int, np.integer)) and 0 <= decision.split < self.splits):
            raise InvalidProblemError(f"decision.split is {decision.split!r}; there are splits 0 to {self.splits - 1}")
        number(decision.rate, "decision.rate", at_least=0.0)

    def objective(self, decision: SlotDecision) -> float:
        """Return the drift-plus-penalty bound of the slot (eq. 17)."""
        if not self.available[decision.split]:
            return math.inf
        step = self.outage_queue if self.late(decision.split, decision.rate) else 0.0
        return self.smooth(decision.split, decision.rate) + step

    def magnitude(self, decision: Any) -> float:
        """Return the objective itself: no term is negative."""
        return self.objective(decision)

    def violations(self, decision: SlotDecision) -> dict[str, float]:
        """Rates out of their bounds, and splits that are not possible."""
        found = {}
        low, high = self.rate_bounds
        if not self.available[decision.split]:
            found["split"] = math.inf
        elif self.sent[decision.split] > 0:
            # Relative to the bound itself: least and largest rate may be powers of ten apart.
            if decision.rate < low:
                found["rate_bounds"] = 1.0 - decision.rate / low
            elif decision.rate > high:
                found["rate_bounds"] = (decision.rate - high) / decision.rate
        return found

    def __repr__(self) -> str:
        return f"SlotProblem({self.splits} splits, {self.arrivals:g} inputs, deadline {self.max_delay:g} s)"
