"""Where to split a DNN in every period, if changing the split costs: a multi-period problem with switching costs."""

from __future__ import annotations

import numpy as np

import edgeopt as eo


class SwitchingSplits(eo.Formulation):
    """Choose one split a period for each device, at least latency and cost of switching."""

    latency: eo.Array = eo.data("devices", "splits", "time", unit="s")
    edge_load: eo.Array = eo.data("splits", unit="FLOP")
    edge_capacity: eo.Array = eo.data("time", unit="FLOP")
    switching_cost: float

    def declare(self, m: eo.Declaration) -> None:
        """One split at a time, within the edge's capacity; what is switched on is paid for."""
        chosen = m.binary("chosen", "devices", "splits", "time")
        on = m.continuous("switched", "devices", "splits", "time", upper=1.0)
        m.minimize((self.latency * chosen).sum() + self.switching_cost * on[:, :, 1:].sum())
        m.subject_to(
            one_split=chosen.sum("splits") == 1,
            edge=(self.edge_load * chosen).sum("devices", "splits") <= self.edge_capacity,
            switch=on[:, :, 1:] >= chosen[:, :, 1:] - chosen[:, :, :-1],
        )


def instance(devices: int = 4, splits: int = 4, periods: int = 6, cost: float = 0.02, seed: int = 0) -> SwitchingSplits:
    """Latency in seconds that wanders over time; loads in GFLOP, deeper splits leave less to the edge."""
    rng = np.random.default_rng(seed)
    wander = 0.03 * rng.normal(size=(devices, splits, periods)).cumsum(axis=2)
    return SwitchingSplits(
        latency=(rng.uniform(0.1, 0.3, (devices, splits, 1)) + wander).round(4),
        edge_load=np.linspace(8.0, 0.0, splits).round(2),
        edge_capacity=np.full(periods, 4.0 * devices),
        switching_cost=cost,
    )


def main() -> None:
    """Solve an instance, and ask what one more unit of everything is worth."""
    problem = instance()
    print(problem._repr_latex_())
    solution = eo.solve(problem)
    print(solution)
    print(solution.decision.chosen.argmax(axis=1))
    print(eo.sensitivity(solution))


if __name__ == "__main__":
    main()
