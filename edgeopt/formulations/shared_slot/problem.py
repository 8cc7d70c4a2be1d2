r"""One slot of many users who share the band of a cell and the processor of its edge host.

Labriji et al. (2023) decide for one device and name several as future work. Each user `i` splits its own network; those
who send share the bandwidth, :math:`\sum w_i \le W`, and those whose layers run remotely share the edge host,
:math:`\sum f_i \le F`. The objective is the sum of the users' drift-plus-penalty bounds (eq. 17). Once splits and
sides of the deadlines are chosen the rest is convex in the logarithms of bandwidth, spectral efficiency and speed;
prices of a hertz and of a FLOP/s then part the users, and give a bound that holds for all splits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...model.cached import cached_property
from ...model.errors import InvalidProblemError
from ...model.problem import Decision, Problem, Sense
from ...model.records import assign, float_array, number, plain, read_only, record, require
from ...model.tolerance import ON_TIME
from ..slot import MOST_EFFICIENT

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ...model.kept import Floats, Kept

LN2 = math.log(2.0)


@record
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

    split: Kept[NDArray[np.intp], ArrayLike]
    rate: Floats
    band: Floats
    speed: Floats

    def __post_init__(self) -> None:
        split = np.array(plain(self.split, "split"))
        assign(self, split=read_only(split))
        for name in ("rate", "band", "speed"):
            assign(self, **{name: float_array(getattr(self, name), name, finite=False)})


@record
class SharedSlot(Problem[SharedSlotDecision]):
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

    local_flops: Floats
    remote_flops: Floats
    payload_bits: Floats
    local_energy: Floats
    arrivals: Floats
    channel_gain: Floats
    bandwidth: float
    noise_density: float
    local_speed: Floats
    remote_speed: float
    max_power: Floats
    min_rate: Floats
    min_speed: Floats
    delay_queue: Floats
    outage_queue: Floats
    tradeoff: float
    max_delay: Floats

    sense: ClassVar[Sense] = Sense.MINIMIZE

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
        return np.asarray(local + quotient(sent, decision.rate) + quotient(remote, decision.speed))

    def energy(self, decision: SharedSlotDecision) -> NDArray[np.float64]:
        """(users,) joules of local computing and of sending (eq. 8, 11)."""
        sent, local = self._chosen(self.sent, decision), self._chosen(self.local_joules, decision)
        return np.asarray(local + quotient(self.power(decision) * sent, decision.rate))

    def power(self, decision: SharedSlotDecision) -> NDArray[np.float64]:
        """(users,) transmit powers, watt."""
        efficiency = quotient(decision.rate * LN2, decision.band)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.where(decision.band > 0, self.noise * decision.band * np.expm1(efficiency), 0.0)

    def _chosen(self, array: NDArray[np.float64], decision: SharedSlotDecision) -> NDArray[np.float64]:
        return np.asarray(array[np.arange(self.users), decision.split])

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


def quotient(amount: NDArray[np.float64], pace: NDArray[np.float64]) -> NDArray[np.float64]:
    """``amount / pace``; 0 where there is nothing to do, inf where it never ends."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(amount == 0, 0.0, amount / pace)


def _log_power_per_rate(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """``log((exp(x) - 1) / x)``, power that a unit of rate needs."""
    return np.where(x > 30, x - np.log(x), np.log(np.expm1(np.minimum(x, 30)) / np.minimum(x, 30)))
