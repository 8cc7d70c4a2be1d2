"""Users who share band and host, as arrays: what they ask for at given prices, and prices that balance it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...formulations.shared_slot import LN2, SharedSlot
from ...model.outcome import Options
from ...model.tolerance import NEXT_TO_NOTHING

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDS = 60
"""Most changes of the prices; where few users jump between splits, no prices balance what is asked for."""


@dataclass(frozen=True)
class Asked:
    """What users ask for at some prices.

    Attributes
    ----------
    prices : (2,) float
        Of band and host.
    bound : float
        Lower bound of the objective that the prices prove.
    deadline_price : (users, splits) float
        Prices of the deadlines.
    chosen : (users, 7) float
        Cost, split, side, delay, nat/s, hertz and FLOP/s of each user.
    """

    prices: NDArray[np.float64]
    bound: float
    deadline_price: NDArray[np.float64]
    chosen: NDArray[np.float64]

    @property
    def load(self) -> NDArray[np.float64]:
        """(2,) hertz and FLOP/s that are asked for."""
        total: NDArray[np.float64] = self.chosen[:, 5:].sum(axis=0)
        return total


@dataclass(frozen=True)
class Market:
    """Users and what they share, as arrays for the compiled loop; `widest` is what a single user may have of it."""

    seconds: NDArray[np.float64]
    flops: NDArray[np.float64]
    nats: NDArray[np.float64]
    joules: NDArray[np.float64]
    queue: NDArray[np.float64]
    step: NDArray[np.float64]
    tradeoff: float
    noise: NDArray[np.float64]
    deadline: NDArray[np.float64]
    capacity: NDArray[np.float64]
    widest: NDArray[np.float64]
    own: NDArray[np.float64]
    allowed: NDArray[np.bool_]
    threads: int

    @classmethod
    def of(cls, problem: SharedSlot, threads: int) -> Market:
        """Return the market of a slot."""
        with np.errstate(divide="ignore"):  # who reaches no rate has no largest efficiency, and no choice but local
            ends = np.log(problem.efficiency).T
        limits = (problem.max_power / problem.noise, problem.min_rate * LN2, problem.min_speed, *ends)
        capacity = np.array([problem.bandwidth, problem.remote_speed])
        return cls(
            problem.local_seconds,
            problem.remote,
            problem.sent * LN2,
            problem.local_joules,
            problem.delay_queue,
            problem.outage_queue,
            problem.tradeoff,
            problem.noise,
            problem.max_delay,
            capacity,
            capacity,
            np.ascontiguousarray(np.stack(limits, axis=1)),
            problem.choices,
            min(threads, max(1, problem.users // 256)),
        )

    @property
    def users(self) -> int:
        """Number of users."""
        return self.queue.size

    @property
    def splits(self) -> int:
        """Number of split points."""
        return int(self.seconds.shape[1])

    def of_users(self, keep: NDArray[np.intp], share: float) -> Market:
        """Return the market of some users, with a share of the capacity."""
        names = ("seconds", "flops", "nats", "joules", "queue", "step", "noise", "deadline", "own", "allowed")
        parts: dict[str, Any] = {name: np.ascontiguousarray(getattr(self, name)[keep]) for name in names}
        return replace(self, **parts, capacity=self.capacity * share, threads=1)

    def sample(self, count: int) -> Market:
        """Return every n-th user, in the order of their noise, with its share of the capacity."""
        place = ((np.arange(count) + 0.5) * (self.users / count)).astype(np.intp)
        keep = np.argsort(self.noise)[place]
        return self.of_users(keep, count / self.users)

    def allowing(self, allowed: NDArray[np.bool_]) -> Market:
        """Return the market with fewer choices."""
        return replace(self, allowed=np.ascontiguousarray(allowed))

    def first_prices(self) -> NDArray[np.float64]:
        """Prices at which band and host would each cost what all users pay for staying local."""
        local = self.queue @ self.seconds[:, -1] + self.step.sum() + self.tradeoff * self.joules[:, -1].sum()
        prices: NDArray[np.float64] = max(float(local), NEXT_TO_NOTHING) / self.capacity
        return prices

    def asked(self, prices: NDArray[np.float64], near: Asked | int) -> Asked:
        """Let all users choose at the prices; starts from what they asked for at others, or from one split."""
        from .shared_slots import choose_all

        if isinstance(near, Asked):
            deadline_price, chosen = near.deadline_price.copy(), near.chosen.copy()
        else:
            deadline_price, chosen = np.zeros(self.seconds.shape), np.full((self.users, 7), float(near))
        parts = np.linspace(0, self.users, self.threads + 1).astype(int)

        def part(first: int, last: int) -> None:
            choose_all(
                self.seconds,
                self.flops,
                self.nats,
                self.joules,
                self.queue,
                self.step,
                self.tradeoff,
                self.noise,
                self.deadline,
                prices,
                self.widest,
                self.own,
                self.allowed,
                first,
                last,
                deadline_price,
                chosen,
            )

        if self.threads == 1:
            part(0, self.users)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(part, parts[:-1], parts[1:]))
        return Asked(prices, float(chosen[:, 0].sum() - prices @ self.capacity), deadline_price, chosen)

    def balance(self, asked: Asked, tolerance: float, options: Options, *, whole: bool = False) -> Asked:
        """Raise and lower prices until the bound is nearly its best; return the round with the best bound.

        Broyden's method on logarithms: what is asked for falls with about the root of its price. The bound is flat at
        its best, so that prices may be rather rough; not so where the `whole` band and host are to be shared out.
        """
        best, slope = asked, -0.5 * np.eye(2)
        excess = self._excess(asked)
        for _ in range(_ROUNDS):
            step = np.clip(-np.linalg.solve(slope, excess), -2.0, 2.0)
            misplaced = np.abs(asked.prices * self.capacity * excess)
            gain = (misplaced if whole else 0.5 * misplaced * np.abs(step)).sum()
            if gain <= tolerance * abs(best.bound) or options.remaining() <= 0:
                break
            asked = self.asked(asked.prices * np.exp(step), asked)
            before, excess = excess, self._excess(asked)
            slope = slope + np.outer(excess - before - slope @ step, step) / (step @ step)
            if abs(np.linalg.det(slope)) < 1e-3:  # a jump: what it says about slopes is useless
                slope = -0.5 * np.eye(2)
            best = max(best, asked, key=lambda one: one.bound)
        return best

    def _excess(self, asked: Asked) -> NDArray[np.float64]:
        """(2,) logarithm of what is asked for over what there is."""
        return np.asarray(np.log(np.maximum(asked.load / self.capacity, 1e-3)))

    def raised(self, prices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the prices, none of them 0: what is free cannot become dearer by a factor."""
        return np.maximum(prices, 1e-12 * self.first_prices())

    def fitting(self, asked: Asked, tolerance: float) -> Asked | None:
        """Raise prices, a little more each time, until no more is asked for than there is; None if it always is."""
        for turn in range(40):
            over = asked.load > self.capacity
            if not over.any():
                return asked
            step = (asked.load / self.capacity) ** 2 * (1.0 + 0.1 * tolerance * 2.0**turn)
            asked = self.asked(np.where(over, self.raised(asked.prices) * step, asked.prices), asked)
        return None

    def only(self, split: NDArray[np.intp], on_time: NDArray[np.bool_]) -> Market:
        """Return the market in which each user has one choice."""
        at = (np.arange(self.users), split)
        names = ("seconds", "flops", "nats", "joules")
        parts: dict[str, Any] = {name: np.ascontiguousarray(getattr(self, name)[at][:, None]) for name in names}
        return replace(self, **parts, allowed=np.stack([~on_time, on_time], axis=1)[:, None].copy())
