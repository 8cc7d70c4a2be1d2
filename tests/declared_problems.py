"""Declared problems that several tests share; a module of its own, so that other processes can import it."""

from __future__ import annotations

import numpy as np

import edgeopt as eo


class ModelCaching(eo.Formulation):
    """Which models an edge node holds, and which of them serves each request, at least total latency."""

    size: eo.Array = eo.data("models", unit="bytes")
    latency: eo.Array = eo.data("requests", "models", unit="s")
    memory: float

    def declare(self, m: eo.Declaration) -> None:
        held = m.binary("held", "models")
        serves = m.binary("serves", "requests", "models")
        m.minimize((self.latency * serves).sum())
        m.subject_to(
            memory=self.size @ held <= self.memory,
            served_once=serves.sum("models") == 1,
            only_held=serves <= held,
        )


class Dispatch(eo.Formulation):
    """A continuous problem with every kind of dependence on fields: exp, division, slices, bounds, a loop."""

    price: eo.Array = eo.data("sites", "time")
    demand: eo.Array = eo.data("time")
    capacity: eo.Array = eo.data("sites")
    decay: eo.Array = eo.data("sites")
    ramp: float

    def declare(self, m: eo.Declaration) -> None:
        x = m.continuous("x", "sites", "time", upper=self.capacity)
        short = m.continuous("short", "time", upper=100.0)
        m.minimize((self.price * np.exp(-self.decay) / self.capacity * x).sum() + (50.0 * short).sum())
        m.subject_to(
            demand=x.sum("sites") + short >= self.demand,
            ramp=(x - x.previous("time", first=0.0)).between(-self.ramp, self.ramp),
        )
        for t in range(len(self.demand)):
            m.subject_to("tie", x[0, t] * self.decay[0] <= x[1, t] + self.ramp)


def caching(seed: int = 0, requests: int = 3, models: int = 2, memory: float = 3.0) -> ModelCaching:
    rng = np.random.default_rng(seed)
    return ModelCaching(
        size=rng.uniform(1, 2, models).round(3), latency=rng.uniform(0, 1, (requests, models)).round(4), memory=memory
    )


def dispatch(seed: int = 1) -> Dispatch:
    rng = np.random.default_rng(seed)
    return Dispatch(
        price=rng.uniform(1, 2, (3, 4)),
        demand=rng.uniform(2, 4, 4),
        capacity=rng.uniform(1, 2, 3),
        decay=rng.uniform(0, 1, 3),
        ramp=0.7,
    )
