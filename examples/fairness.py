"""Fairness between services: what floors, proportional and max-min fairness cost a network in revenue.

Twelve services share six servers and eight links. The most revenue admits the services that pay; each other policy is
one line on the same problem, solved and verified like it. Run it with ``python examples/fairness.py --out DIR``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import edgeopt as eo


def network(seed: int = 0) -> eo.RevenueMaximization:
    """Return a network in which not all traffic can be admitted."""
    rng = np.random.default_rng(seed)
    compute = rng.gamma(2.0, 0.5, (6, 12)) * (rng.random((6, 12)) < 0.5)
    link = rng.gamma(2.0, 0.5, (8, 12)) * (rng.random((8, 12)) < 0.4)
    traffic = rng.gamma(4.0, 1.0, 12)
    capacity = 0.5 * np.r_[compute.sum(axis=1), link.sum(axis=1)] * traffic.mean()
    return eo.RevenueMaximization(rng.gamma(4.0, 0.5, 12), compute, link, capacity[:6], capacity[6:], traffic)


def policies(problem: eo.RevenueMaximization) -> dict[str, eo.Problem]:
    """Return the problem under each policy."""
    pieces = np.geomspace(0.01, 1.0, 80)  # where tangents touch the logarithm

    def share(m):
        return m.admitted / m.problem.traffic

    fair = problem.maximize(lambda m: m.minimum("worst", share(m)))
    least = eo.solve(fair).objective * (1 - 1e-9)
    return {
        "most revenue": problem,
        "floor of 20 %": problem.subject_to(floor=lambda m: share(m) >= 0.2),
        "proportional": problem.maximize(
            lambda m: m.minimum("utility", *[share(m) / at + (np.log(at) - 1.0) for at in pieces]).sum()
        ),
        "max-min": fair,
        "max-min, then revenue": problem.subject_to(floor=lambda m: share(m) >= least),
    }


def front(problem: eo.RevenueMaximization, points: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Return floors from none to the largest possible, and the most revenue under each."""
    largest = eo.solve(problem.maximize(lambda m: m.minimum("worst", m.admitted / problem.traffic))).objective
    floors = np.linspace(0.0, largest * (1 - 1e-9), points)
    return floors, np.array(
        [eo.solve(problem.subject_to(floor=lambda m, t=t: m.admitted >= t * problem.traffic)).objective for t in floors]
    )


def draw(problem: eo.RevenueMaximization, shares: dict[str, np.ndarray], path: Path) -> None:
    """Draw the share of each service under each policy, and revenue against the worst share."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    styles = zip("o^sDv", ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple"), strict=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained")
    floors, revenue = front(problem)
    right.plot(100 * floors, revenue, color="0.6", zorder=1, label="most revenue under a floor")
    for (name, share), (marker, color) in zip(shares.items(), styles, strict=True):
        left.plot(np.arange(1, share.size + 1), 100 * np.sort(share), marker=marker, color=color, label=name)
        total = float(problem.unit_profit @ (share * problem.traffic))
        right.scatter([100 * share.min()], [total], marker=marker, color=color, s=60, zorder=2, label=name)
    left.set(xlabel="service, by its share", ylabel="admitted share of its traffic (%)", ylim=(-3, 103))
    left.set_xticks(np.arange(1, problem.services + 1))
    right.set(xlabel="smallest share of any service (%)", ylabel="revenue")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> None:
    """Solve, verify, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
    parser.add_argument("--quick", action="store_true", help="without the picture")
    arguments = parser.parse_args()
    problem = network()
    shares = {}
    for name, asked in policies(problem).items():
        solution = eo.solve(asked)
        assert eo.verify(asked, solution, exact=True)
        shares[name] = solution.decision.admitted / problem.traffic
        revenue = problem.objective(solution.decision)
        print(f"{name:21} revenue {revenue:7.2f}, smallest share {shares[name].min():6.1%}  ({solution.solver})")
    if arguments.quick:
        return
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    draw(problem, shares, out / "fairness.png")
    print(f"drawn: {out / 'fairness.png'}")


if __name__ == "__main__":
    main()
