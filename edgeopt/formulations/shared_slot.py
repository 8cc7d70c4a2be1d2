r"""One slot of many users who share the band of a cell and the processor of its edge host.

Labriji et al. (2023) decide for one device and name several as future work. Each user `i` splits its own network; those
who send share the bandwidth, :math:`\sum w_i \le W`, and those whose layers run remotely share the edge host,
:math:`\sum f_i \le F`. The objective is the sum of the users' drift-plus-penalty bounds (eq. 17). Once splits and
sides of the deadlines are chosen the rest is convex in the logarithms of bandwidth, spectral efficiency and speed;
prices of a hertz and of a FLOP/s then part the users, and give a bound that holds for all splits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..model.cached import cached_property
from ..model.certificate import OptimalityCertificate
from ..model.errors import InvalidProblemError
from ..model.problem import Decision, Problem, Sense
from ..model.records import assign, float_array, number, plain, require
from .slot import MOST_EFFICIENT, ON_TIME

if TYPE_CHECKING:
    from numpy.typing import NDArray

LN2 = math.log(2.0)


@dataclass(frozen=True, eq=False)
class SharedSlotDecision(Decision):
    """Where each user splits, and what it gets of the band and of the edge host.

    Attributes
    ----------
    split : (users,) int
        Split points.
    rate : (users,) float
        Uplink rates, bit/s; 0 where nothing is sent.
    band : (users,) float
        Bandwidths, hertz; 0 where nothing is sent.
    speed : (users,) float
        Speeds on the edge host, FLOP/s; 0 where nothing runs there.
    """

    split: NDArray[np.intp]
    rate: NDArray[np.float64]
    band: NDArray[np.float64]
    speed: NDArray[np.float64]

    def __post_init__(self) -> None:
        split = np.array(plain(self.split, "split"))
        split.flags.writeable = False
        assign(self, split=split)
        for name in ("rate", "band", "speed"):
            assign(self, **{name: float_array(getattr(self, name), name, finite=False)})


@dataclass(frozen=True, eq=False)
class SharedPrices(OptimalityCertificate):
    """Prices of band and host, and of the deadlines: each leaf of a search with its own.

    With prices the users part, and each one's least cost at these prices, less what band and host are worth, bounds the
    sum from below (Lagrange). A deadline is priced too: a user on time pays `hurry` for each second and is refunded the
    deadline. A leaf holds for the choices that it allows; the leaves must cover all of them.

    Attributes
    ----------
    band_price, host_price : (leaves,) float
        Objective per hertz, and per FLOP/s; >= 0.
    hurry : (leaves, users, splits) float
        Objective per second by which a user is earlier; >= 0.
    allowed : (leaves, users, splits, 2) bool
        Splits that a leaf allows, late and on time.
    """

    band_price: NDArray[np.float64]
    host_price: NDArray[np.float64]
    hurry: NDArray[np.float64]
    allowed: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name, ndim in (("band_price", 1), ("host_price", 1), ("hurry", 3)):
            array = float_array(getattr(self, name), name, ndim=ndim)
            require(name, array, array >= 0, "must not be negative")
            assign(self, **{name: array})
        allowed = np.array(self.allowed, dtype=bool)
        allowed.flags.writeable = False
        assign(self, allowed=allowed)

    def optimality_gap(self, problem: Problem, decision: Decision) -> float:
        """Distance of the decision from the least bound of all leaves."""
        if not isinstance(problem, SharedSlot) or not isinstance(decision, SharedSlotDecision):
            return math.inf
        leaves = self.band_price.size
        fits = self.hurry.shape == (leaves, problem.users, problem.splits)
        if not fits or self.allowed.shape != (*self.hurry.shape, 2) or not leaves or not self._covers(problem):
            return math.inf
        bounds = [
            problem.bound(band, host, hurry, allowed)
            for band, host, hurry, allowed in zip(
                self.band_price, self.host_price, self.hurry, self.allowed, strict=True
            )
        ]
        return problem.objective(decision) - min(bounds)

    def _covers(self, problem: SharedSlot) -> bool:
        """Whether no possible choice is missing: the leaves are disjoint, and their sizes add up to all."""
        possible = problem.choices.reshape(problem.users, -1)
        sets = self.allowed.reshape(-1, *possible.shape) & possible
        for i in range(len(sets) - 1):
            if (sets[i] & sets[i + 1 :]).any(axis=2).all(axis=1).any():
                return False
        return sum(_product(one) for one in sets) == _product(possible)

    def __str__(self) -> str:
        return f"prices of band, host and deadlines, {self.band_price.size} leaves"


@dataclass(frozen=True, eq=False)
class SharedSlot(Problem):
    """Choose the splits, bandwidths, rates and host speeds of many users for one slot.

    Attributes
    ----------
    local_flops, remote_flops, payload_bits, local_energy : (splits,) or (users, splits) float
        As in :class:`~edgeopt.SlotProblem`, of one image; each user's last split must run everything on the device.
    arrivals : (users,) float
        Images of this slot, >= 0.
    channel_gain : (users,) float
        Power gains, > 0.
    bandwidth, noise_density : float
        Hertz that the users share; watt per hertz.
    local_speed : float or (users,) float
        FLOP/s of the devices, > 0.
    remote_speed : float
        FLOP/s of the edge host that the users share, > 0.
    max_power : float or (users,) float
        Largest transmit power, watt, > 0.
    min_rate, min_speed : float or (users,) float
        Least rate (bit/s) of a user who sends, least speed (FLOP/s) of one who runs remotely; > 0.
    delay_queue, outage_queue : (users,) float
        `Z` and `H`, >= 0.
    tradeoff : float
        `V`, the weight of energy, >= 0.
    max_delay : float or (users,) float
        Deadlines, seconds, > 0.

    Raises
    ------
    InvalidProblemError
        If a field has the wrong shape or range.

    Examples
    --------
    >>> slot = SharedSlot([0, 1e9], [1e9, 0], [1e6, 0], [0, 0.1], [5, 5], [1e-9, 1e-10], 1e7, 1e-18, 1e9, 1e12,
    ...                   max_power=0.1, min_rate=1e5, min_speed=1e9, delay_queue=[1.0, 1.0], outage_queue=[0.0, 0.0],
    ...                   tradeoff=1.0, max_delay=20.0)
    >>> import edgeopt as eo
    >>> eo.solve(slot).decision.split
    array([0, 0])
    """

    local_flops: Any
    remote_flops: Any
    payload_bits: Any
    local_energy: Any
    arrivals: Any
    channel_gain: Any
    bandwidth: float
    noise_density: float
    local_speed: Any
    remote_speed: float
    max_power: Any
    min_rate: Any
    min_speed: Any
    delay_queue: Any
    outage_queue: Any
    tradeoff: float
    max_delay: Any

    sense: ClassVar[Sense] = Sense.MINIMIZE  # type: ignore[misc]

    def __post_init__(self) -> None:
        arrivals = float_array(self.arrivals, "arrivals")
        if arrivals.size == 0:
            raise InvalidProblemError("arrivals is empty; expected one entry for each user")
        positive = ("channel_gain", "local_speed", "max_power", "min_rate", "min_speed", "max_delay")
        for name in ("arrivals", *positive, "delay_queue", "outage_queue"):
            array = float_array(getattr(self, name), name, ndim=(0, 1))
            if array.size not in (1, arrivals.size):
                raise InvalidProblemError(f"{name} has shape {array.shape}; expected one entry for each user")
            array = np.array(np.broadcast_to(array, arrivals.shape))
            good, wanted = (array > 0, "must be positive") if name in positive else (array >= 0, "must not be negative")
            require(name, array, good, wanted)
            assign(self, **{name: float_array(array, name)})
        for name in ("bandwidth", "noise_density", "remote_speed"):
            value = number(getattr(self, name), name, at_least=0.0)
            if value == 0.0:
                raise InvalidProblemError(f"{name} is 0; it must be positive")
            assign(self, **{name: value})
        assign(self, tradeoff=number(self.tradeoff, "tradeoff", at_least=0.0))
        self._read_splits()

    def _read_splits(self) -> None:
        names = ("local_flops", "remote_flops", "payload_bits", "local_energy")
        given = {name: float_array(getattr(self, name), name, ndim=(1, 2)) for name in names}
        splits = given["local_flops"].shape[-1]
        for name, array in given.items():
            require(name, array, array >= 0, "must not be negative")
            if not splits or array.shape not in ((splits,), (self.users, splits)):
                raise InvalidProblemError(
                    f"{name} has shape {array.shape}; expected ({splits},) or ({self.users}, {splits})"
                )
            assign(self, **{name: array})
        for name in ("payload_bits", "remote_flops"):
            last = np.atleast_2d(given[name])[:, -1]
            require(f"{name}[…, -1]", last, last == 0, "must be 0: the last split runs everything on the device")

    @property
    def users(self) -> int:
        """Number of users."""
        return int(self.arrivals.size)

    @property
    def splits(self) -> int:
        """Number of split points."""
        return int(self.local_flops.shape[-1])

    def _of_slot(self, per_image: NDArray[np.float64]) -> NDArray[np.float64]:
        whole: NDArray[np.float64] = np.ascontiguousarray(self.arrivals[:, None] * np.atleast_2d(per_image))
        return whole

    @cached_property
    def local_seconds(self) -> NDArray[np.float64]:
        """(users, splits) seconds of local computing (eq. 7)."""
        return np.asarray(self._of_slot(self.local_flops) / self.local_speed[:, None])

    @cached_property
    def remote(self) -> NDArray[np.float64]:
        """(users, splits) FLOPs for the edge host."""
        return self._of_slot(self.remote_flops)

    @cached_property
    def sent(self) -> NDArray[np.float64]:
        """(users, splits) bits that cross the link."""
        return self._of_slot(self.payload_bits)

    @cached_property
    def local_joules(self) -> NDArray[np.float64]:
        """(users, splits) energy of local computing (eq. 8)."""
        return self._of_slot(self.local_energy)

    @property
    def noise(self) -> NDArray[np.float64]:
        """(users,) watt per hertz of noise, as if at the sender: ``N0 / h`` (eq. 11)."""
        quiet: NDArray[np.float64] = self.noise_density / self.channel_gain
        return quiet

    @cached_property
    def efficiency(self) -> NDArray[np.float64]:
        """(users, 2) least and largest spectral efficiency, nat/s/Hz; crossed where no power reaches the least rate.

        The least is that of the whole band at the least rate. The largest is where the band that the least rate needs
        is all that the power can fill: ``(exp(x) - 1) / x = P h / (N0 R_min ln 2)``.
        """
        floor = self.min_rate * LN2
        with np.errstate(over="ignore", divide="ignore"):
            room = np.log(self.max_power) - np.log(self.noise) - np.log(floor)
        room = np.clip(room, 0.0, MOST_EFFICIENT)
        most = 2.0 * room
        for _ in range(12):  # convex, so Newton's method comes from above
            with np.errstate(invalid="ignore", divide="ignore"):
                step = (_log_power_per_rate(most) - room) / (1.0 / -np.expm1(-most) - 1.0 / most)
            most = np.where(most > 1e-6, most - step, most)
        most = np.minimum(most * (1.0 - 1e-12), MOST_EFFICIENT * LN2)
        return np.ascontiguousarray(np.stack([floor / self.bandwidth, most], axis=1))

    @cached_property
    def available(self) -> NDArray[np.bool_]:
        """(users, splits) which splits are possible at all."""
        linked = self.efficiency[:, 0] <= self.efficiency[:, 1]
        hosted = self.min_speed <= self.remote_speed
        return np.asarray(((self.sent == 0) | linked[:, None]) & ((self.remote == 0) | hosted[:, None]))

    @cached_property
    def choices(self) -> NDArray[np.bool_]:
        """(users, splits, 2) which splits are possible late, and on time: not even alone can every user always be."""
        with np.errstate(over="ignore"):
            power = np.log1p(self.max_power / (self.noise * self.bandwidth))
        fastest = self.bandwidth * np.minimum(power / LN2, MOST_EFFICIENT)
        alone = self.local_seconds + self.sent / fastest[:, None] + self.remote / self.remote_speed
        on_time = alone <= self.max_delay[:, None] * (1.0 + ON_TIME)
        return np.ascontiguousarray(np.stack([self.available, self.available & on_time], axis=2))

    def delay(self, decision: SharedSlotDecision) -> NDArray[np.float64]:
        """(users,) seconds to the last image of each user (eq. 7, 9, 10)."""
        sent, remote, local = (self._chosen(a, decision) for a in (self.sent, self.remote, self.local_seconds))
        return np.asarray(local + _over(sent, decision.rate) + _over(remote, decision.speed))

    def energy(self, decision: SharedSlotDecision) -> NDArray[np.float64]:
        """(users,) joules of local computing and of sending (eq. 8, 11)."""
        sent, local = self._chosen(self.sent, decision), self._chosen(self.local_joules, decision)
        return np.asarray(local + _over(self.power(decision) * sent, decision.rate))

    def power(self, decision: SharedSlotDecision) -> NDArray[np.float64]:
        """(users,) transmit powers, watt."""
        efficiency = _over(decision.rate * LN2, decision.band)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.where(decision.band > 0, self.noise * decision.band * np.expm1(efficiency), 0.0)

    def _chosen(self, array: NDArray[np.float64], decision: SharedSlotDecision) -> NDArray[np.float64]:
        return np.asarray(array[np.arange(self.users), decision.split])

    def bound(
        self,
        band_price: float,
        host_price: float,
        hurry: NDArray[np.float64],
        allowed: NDArray[np.bool_],
    ) -> float:
        """Proved lower bound of the objective over the allowed choices, by prices (Lagrange).

        Parameters
        ----------
        hurry : (users, splits) float
            Prices of the deadlines.
        allowed : (users, splits, 2) bool
            Choices: late and on time.
        """
        queue = self.delay_queue[:, None]
        free = self._least(band_price, host_price, np.broadcast_to(queue, self.available.shape))
        urged = self._least(band_price, host_price, queue + hurry) - hurry * self.max_delay[:, None] * (1 + ON_TIME)
        sides = np.stack([free + self.outage_queue[:, None], urged], axis=2)
        each = np.where(self.choices & allowed, sides, np.inf).min(axis=(1, 2))
        return float(each.sum() - band_price * self.bandwidth - host_price * self.remote_speed)

    def _least(self, band_price: float, host_price: float, urgency: NDArray[np.float64]) -> NDArray[np.float64]:
        """(users, splits) least cost at prices of band, host and time, each by a bound that the slope proves."""
        fixed = urgency * self.local_seconds + self.tradeoff * self.local_joules
        speed = np.sqrt(_over(urgency * self.remote, np.full(1, host_price)))
        speed = np.where(host_price > 0, speed, np.inf)
        speed = np.clip(speed, np.minimum(self.min_speed, self.remote_speed)[:, None], self.remote_speed)
        host = np.where(self.remote > 0, urgency * self.remote / speed + host_price * speed, 0.0)
        return np.asarray(fixed + host + np.where(self.sent > 0, self._least_sending(band_price, urgency), 0.0))

    def _least_sending(self, price: float, urgency: NDArray[np.float64]) -> NDArray[np.float64]:
        """(users, splits) lower bound of the cost of sending: its slope in log efficiency changes sign once."""
        linked = self.efficiency[:, 0] <= self.efficiency[:, 1]
        ends = np.log(np.where(linked[:, None], self.efficiency, 1.0))
        low, high = (np.repeat(ends[:, i, None], self.splits, axis=1) for i in (0, 1))
        for _ in range(60):
            middle = (low + high) / 2
            falls = self._sending(price, urgency, np.exp(middle))[1] < 0
            low, high = np.where(falls, middle, low), np.where(falls, high, middle)
        # Convex: nothing below `low`, where the cost falls, is less, and nothing above `high`, where it rises.
        value, slope = self._sending(price, urgency, np.exp(high))
        between = value - np.maximum(slope, 0.0) * (high - low)
        return np.asarray(np.minimum(self._sending(price, urgency, np.exp(low))[0], between))

    def _sending(
        self, price: float, urgency: NDArray[np.float64], x: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Cost of sending at efficiency `x` (nat/s/Hz) and its best bandwidth, and the slope in log x."""
        bits = self.sent * LN2
        least = (self.min_rate * LN2)[:, None] / x
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            filled = (self.max_power / self.noise)[:, None] / np.expm1(x)
            band = np.where(price > 0, np.sqrt(_over(urgency * bits, price * x)), np.inf)
        most = np.maximum(np.minimum(self.bandwidth, filled), least)
        band = np.clip(band, least, most)
        waiting, renting = urgency * bits / (band * x), price * band
        joules = self.tradeoff * self.noise[:, None] * bits
        # What a relative change of x brings directly, and through the bandwidth where a bound holds it.
        follows = np.where(band == least, -1.0, np.where(band == filled, -x * np.exp(x) / np.expm1(x), 0.0))
        slope = -waiting + joules * _power_slope(x) + follows * (renting - waiting)
        return waiting + joules * np.expm1(x) / x + renting, slope

    def check(self, decision: SharedSlotDecision) -> None:
        """Raise unless `decision` has a split there is, and finite shares, for every user."""
        if not isinstance(decision, SharedSlotDecision):
            raise InvalidProblemError(f"decision is a {type(decision).__name__}; expected a SharedSlotDecision")
        for name in ("split", "rate", "band", "speed"):
            array = getattr(decision, name)
            if array.shape != (self.users,):
                raise InvalidProblemError(f"decision.{name} has shape {array.shape}; expected ({self.users},)")
            require(f"decision.{name}", array, np.isfinite(array) & (array >= 0), "must be finite and not negative")
        if decision.split.dtype.kind not in "iu":
            raise InvalidProblemError(f"decision.split holds {decision.split.dtype} values; expected integers")
        good = decision.split < self.splits
        require("decision.split", decision.split, good, f"must be a split from 0 to {self.splits - 1}")

    def costs(self, decision: SharedSlotDecision) -> NDArray[np.float64]:
        """(users,) drift-plus-penalty bound of each user (eq. 17)."""
        delay = self.delay(decision)
        late = delay > self.max_delay * (1.0 + ON_TIME)
        waiting = np.where(self.delay_queue > 0, self.delay_queue * delay, 0.0)
        return np.asarray(waiting + self.outage_queue * late + self.tradeoff * self.energy(decision))

    def objective(self, decision: SharedSlotDecision) -> float:
        """Return the sum of all users' drift-plus-penalty bounds."""
        return float(self.costs(decision).sum())

    def magnitude(self, decision: Any) -> float:
        """Return the objective itself: no term is negative."""
        return self.objective(decision)

    def violations(self, decision: SharedSlotDecision) -> dict[str, float]:
        """Shares of band and host that exceed what there is, powers, rates and speeds out of their bounds."""
        sends, runs = (self._chosen(array, decision) > 0 for array in (self.sent, self.remote))
        found = {
            "split": math.inf if not self._chosen(self.available, decision).all() else 0.0,  # type: ignore[arg-type]
            "bandwidth": decision.band.sum() / self.bandwidth - 1.0,
            "remote_speed": decision.speed.sum() / self.remote_speed - 1.0,
            "max_power": (self.power(decision) / self.max_power - 1.0).max(),
            "min_rate": np.where(sends, 1.0 - decision.rate / self.min_rate, 0.0).max(),
            "min_speed": np.where(runs, 1.0 - decision.speed / self.min_speed, 0.0).max(),
            "band": math.inf if (sends & (decision.band == 0)).any() else 0.0,
        }
        return {name: float(excess) for name, excess in found.items() if not excess <= 0}

    def __repr__(self) -> str:
        return f"SharedSlot({self.users} users, {self.splits} splits)"


def _product(sets: NDArray[np.bool_]) -> int:
    """Exact number of ways to pick one of each row's choices."""
    return math.prod(int(n) for n in sets.sum(axis=1))


def _over(amount: NDArray[np.float64], pace: NDArray[np.float64]) -> NDArray[np.float64]:
    """``amount / pace``; 0 where there is nothing to do, inf where it never ends."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(amount == 0, 0.0, amount / pace)


def _log_power_per_rate(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """``log((exp(x) - 1) / x)``, power that a unit of rate needs."""
    return np.where(x > 30, x - np.log(x), np.log(np.expm1(np.minimum(x, 30)) / np.minimum(x, 30)))


def _power_slope(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slope of ``(exp(x) - 1) / x`` in log x, summed where it would cancel."""
    series = x * (1 / 2 + x * (1 / 3 + x * (1 / 8 + x * (1 / 30 + x / 144))))
    return np.where(x < 1e-2, series, np.exp(x) - np.expm1(x) / np.maximum(x, 1e-2))
