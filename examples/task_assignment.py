"""Tasks of many devices on several servers with capacities: the generalised assignment problem."""

from __future__ import annotations

import numpy as np

import edgeopt as eo


class TaskAssignment(eo.Formulation):
    """Run every task locally or on one server that it reaches, at least total energy."""

    energy: eo.Array = eo.data("tasks", "servers", unit="J")
    local_energy: eo.Array = eo.data("tasks", unit="J")
    load: eo.Array = eo.data("tasks", "servers", unit="FLOP/s", nonnegative=True)
    capacity: eo.Array = eo.data("servers", unit="FLOP/s")
    reached: eo.Mask = eo.data("tasks", "servers")
    local_share: float = 1.0

    def declare(self, m: eo.Declaration) -> None:
        """Assign within the servers' capacities; at most a share of the tasks stays local."""
        sent = m.binary("sent", "tasks", "servers", where=self.reached)
        local = m.binary("local", "tasks")
        m.minimize((self.energy * sent).sum() + self.local_energy @ local)
        m.subject_to(
            once=sent.sum("servers") + local == 1,
            capacity=(self.load * sent).sum("tasks") <= self.capacity,
            few_local=local.mean() <= self.local_share,
        )


def instance(tasks: int = 20, servers: int = 3, local_share: float = 0.5, seed: int = 0) -> TaskAssignment:
    """Servers that half of the tasks reach; energies in joule, loads and capacities in GFLOP/s."""
    rng = np.random.default_rng(seed)
    return TaskAssignment(
        energy=rng.uniform(0.1, 1.0, (tasks, servers)).round(3),
        local_energy=rng.uniform(0.5, 3.0, tasks).round(3),
        load=rng.integers(1, 10, (tasks, servers)).astype(float),
        capacity=np.full(servers, 3.0 * tasks / servers),
        reached=rng.random((tasks, servers)) < 0.6,
        local_share=local_share,
    )


def main() -> None:
    """Solve an instance, and explain one that is infeasible."""
    problem = instance()
    print(problem._repr_latex_())
    solution = eo.solve(problem)
    print(solution)
    print(solution.decision.to_pandas("sent").sum())
    print(eo.sensitivity(solution))
    print(instance(local_share=0.0).explain())


if __name__ == "__main__":
    main()
