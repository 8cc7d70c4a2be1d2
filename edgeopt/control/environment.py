"""What the slots bring: arrivals, channel gains, availability of the edge host; drawn at random, or measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.cached import cached_property
from ..model.errors import InvalidProblemError
from ..model.records import Record, assign, float_array, number, record, require
from ..model.tolerance import NEXT_TO_NOTHING
from ..profiles.channel import path_gain
from ..profiles.energy import JETSON_TX2, XAVIER_NX_SPEED, SplitCosts, mobilenet_splits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.kept import OptionalFloats


@record
class Environment(Record):
    """A device, its link and its edge host (Labriji et al. 2023, section IV, by default).

    Attributes
    ----------
    costs : SplitCosts
        What one image costs at each split.
    local_speed, remote_speed : float
        FLOP/s of the device, and of the edge host when all of it is available.
    bandwidth, noise_density : float
        Hertz, ``B`` (eq. 11), the same in every slot unless `bandwidths` are given; watt per hertz.
    power_bounds : (float, float)
        Least and largest transmit power, watt; they bound the rate slot by slot.
    mean_gain : float
        Mean power gain of the channel; each slot's is exponential (Rayleigh fading).
    arrival_rate : float
        Mean of the Poisson arrivals, images a slot.
    availability : float
        Largest availability of the edge host; each slot's is uniform between 0 and this.
    arrivals, gains : (n,) float, optional
        Measured images a slot and power gains, in place of the draws; repeated where the run is longer.
    availabilities : (n,) float, optional
        Measured shares of the edge host that are free, 0 to 1, in place of the draws; repeated likewise.
    bandwidths : (n,) float, optional
        Bandwidth of each slot, ``B(t)``, hertz, in place of the constant one; repeated likewise. Positive: a slot
        without a link has the rate limit 0.
    rate_limits : (n,) float, optional
        Measured link rates, bit/s, that no power exceeds (a cellular trace, say); unlimited by default. A limit below
        the rate of the least power is the rate of its slot, with the power that eq. 11 asks for it; 0 is no link.
    """

    costs: SplitCosts = field(default_factory=mobilenet_splits)
    local_speed: float = JETSON_TX2.speed
    remote_speed: float = XAVIER_NX_SPEED
    bandwidth: float = 200e6
    noise_density: float = 10 ** (-174 / 10) * 1e-3
    power_bounds: tuple[float, float] = (0.01, 0.1)
    mean_gain: float = path_gain(50.0, 3.5e9, 3.0)
    arrival_rate: float = 10.0
    availability: float = 1.0
    arrivals: OptionalFloats = None  # type: ignore[assignment]
    gains: OptionalFloats = None  # type: ignore[assignment]
    availabilities: OptionalFloats = None  # type: ignore[assignment]
    rate_limits: OptionalFloats = None  # type: ignore[assignment]
    bandwidths: OptionalFloats = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        for name in ("local_speed", "remote_speed", "bandwidth", "noise_density", "mean_gain"):
            if not number(getattr(self, name), name, at_least=0.0) > 0:
                raise InvalidProblemError(f"{name} is {getattr(self, name)}; it must be positive")
        number(self.availability, "availability", at_least=0.0, at_most=1.0)
        number(self.arrival_rate, "arrival_rate", at_least=0.0)
        low, high = self.power_bounds
        if not 0 <= low <= high:
            raise InvalidProblemError(f"power_bounds are {self.power_bounds}; expected 0 <= least <= largest")
        for name in ("arrivals", "gains", "availabilities", "rate_limits", "bandwidths"):
            if (measured := getattr(self, name)) is not None:
                array = float_array(measured, name)
                if array.size == 0:
                    raise InvalidProblemError(f"{name} is empty; it must hold one value at least")
                require(name, array, array >= 0, "must not be negative")
                if name == "availabilities":
                    require(name, array, array <= 1, "must be a share of the host, 0 to 1: divide percentages by 100")
                if name == "bandwidths":
                    require(name, array, array > 0, "must be positive (slots without a link have rate_limits of 0)")
                assign(self, **{name: array})

    @cached_property
    def local_seconds(self) -> NDArray[np.float64]:
        """(splits,) seconds of one image on the device."""
        return np.ascontiguousarray(self.costs.local_flops / self.local_speed)

    @cached_property
    def split_costs(self) -> tuple[NDArray[np.float64], ...]:
        """(splits,) seconds of the device, FLOPs of the host, bits and joule of an image, as the loops take them."""
        costs = self.costs
        return self.local_seconds, costs.remote_flops, costs.payload_bits, costs.local_energy

    def blocks(self, slots: int, seed: int, size: int = 65_536) -> Iterator[tuple[NDArray[np.float64], ...]]:
        """Yield what slots show, block by block; the same seed, the same slots.

        Each block is arrivals, gains, available FLOP/s of the host, rate limits and bandwidths, (slots of it,) float.
        """
        streams = [np.random.default_rng([seed, part]) for part in range(3)]  # each its own, so one can be replaced
        for first in range(0, slots, size):
            count = min(size, slots - first)
            arrivals = _or_drawn(self.arrivals, first, count, lambda n: streams[0].poisson(self.arrival_rate, n))
            gains = _or_drawn(self.gains, first, count, lambda n: self.mean_gain * streams[1].exponential(1.0, n))
            # Uniform on (0, largest]: never exactly 0.
            share = _or_drawn(
                self.availabilities, first, count, lambda n: self.availability * (1.0 - streams[2].random(n))
            )
            limits = _or_drawn(self.rate_limits, first, count, lambda n: np.full(n, np.inf))
            bands = _or_drawn(self.bandwidths, first, count, lambda n: np.full(n, self.bandwidth))
            yield arrivals, np.maximum(gains, NEXT_TO_NOTHING), share * self.remote_speed, limits, bands


def _or_drawn(measured: Any, first: int, count: int, draw: Any) -> NDArray[np.float64]:
    if measured is None:
        return np.ascontiguousarray(draw(count), dtype=np.float64)
    return np.ascontiguousarray(measured[np.arange(first, first + count) % measured.size])
