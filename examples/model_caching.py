"""Which DNN models an edge node holds, and which of them serves each request: declared, solved, explained, priced."""

from __future__ import annotations

import numpy as np

import edgeopt as eo


class ModelCaching(eo.Formulation):
    """Serve every request by one model that is held, at least total latency."""

    size: eo.Array = eo.data("models", unit="byte", nonnegative=True)
    latency: eo.Array = eo.data("requests", "models", unit="s")
    memory: float

    def declare(self, m: eo.Declaration) -> None:
        """Hold models within the memory; a request is served by one of them."""
        held = m.binary("held", "models")
        serves = m.binary("serves", "requests", "models")
        m.minimize((self.latency * serves).sum())
        m.subject_to(
            memory=self.size @ held <= self.memory,
            served_once=serves.sum("models") == 1,
            only_held=serves <= held,
        )


def instance(requests: int = 12, models: int = 5, memory: float = 1.2e9, seed: int = 0) -> ModelCaching:
    """Larger models answer faster to requests that need accuracy; sizes in bytes, latency in seconds."""
    rng = np.random.default_rng(seed)
    size = np.round(rng.uniform(1e8, 9e8, models))
    return ModelCaching(size=size, latency=rng.uniform(0.01, 0.1, (requests, models)).round(4), memory=memory)


def main() -> None:
    """Solve an instance, look at it, and ask what would change it."""
    problem = instance()
    print(problem.summary())
    print(problem._repr_latex_())
    solution = eo.solve(problem)
    print(solution)
    print(solution.decision.to_pandas("held"))
    print(eo.compare(problem, solvers=["highs", "cp-sat"])[["solver", "status", "objective"]].to_string())
    print(eo.sensitivity(solution))
    print(instance(memory=1e8).explain())


if __name__ == "__main__":
    main()
