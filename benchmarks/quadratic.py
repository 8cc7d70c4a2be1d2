"""Quadratic programs: a declared problem, solved and proved, beside CVXPY with Clarabel, which proves nothing.

    python benchmarks/quadratic.py [--quick]

Processor time from the data to the answer, the least of a few runs. The optimum of every route is compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import cvxpy as cp
import numpy as np
from record import note

import edgeopt as eo


class Portfolio(eo.Formulation):
    """Shares of assets with the least variance for a return."""

    gain: eo.Array = eo.data("assets")
    factor: eo.Array = eo.data("factors", "assets")
    own: eo.Array = eo.data("assets")
    least: float

    def declare(self, m: eo.Declaration) -> None:
        """State it."""
        share = m.continuous("share", "assets")
        m.minimize(((self.factor * share).sum("assets") ** 2).sum() + (self.own * share**2).sum())
        m.subject_to(whole=share.sum() == 1, gain=self.gain @ share >= self.least)


class Smooth(eo.Formulation):
    """The flattest series within a distance of what was measured."""

    measured: eo.Array = eo.data("slots")
    far: float

    def declare(self, m: eo.Declaration) -> None:
        """State it."""
        x = m.continuous("x", "slots", lower=self.measured - self.far, upper=self.measured + self.far)
        m.minimize(((x[1:] - x[:-1]) ** 2).sum())


class Regression(eo.Formulation):
    """Least squares with coefficients of at least 0."""

    given: eo.Array = eo.data("samples", "features")
    wanted: eo.Array = eo.data("samples")

    def declare(self, m: eo.Declaration) -> None:
        """State it."""
        coefficient = m.continuous("coefficient", "features")
        m.minimize((((self.given * coefficient).sum("features") - self.wanted) ** 2).sum())


def portfolio(size: int, rng: np.random.Generator) -> tuple[Callable[[], Any], Callable[[], Any]]:
    factor, own, gain = rng.normal(size=(size // 10, size)), rng.uniform(0.1, 1, size), rng.uniform(0, 1, size)

    def theirs() -> Any:
        x = cp.Variable(size, nonneg=True)
        risk = cp.sum_squares(factor @ x) + cp.sum_squares(cp.multiply(np.sqrt(own), x))
        return cp.Problem(cp.Minimize(risk), [cp.sum(x) == 1, gain @ x >= 0.7])

    return lambda: Portfolio(gain=gain, factor=factor, own=own, least=0.7), theirs


def smooth(size: int, rng: np.random.Generator) -> tuple[Callable[[], Any], Callable[[], Any]]:
    measured = np.cumsum(rng.normal(size=size))

    def theirs() -> Any:
        x = cp.Variable(size)
        return cp.Problem(cp.Minimize(cp.sum_squares(cp.diff(x))), [cp.abs(x - measured) <= 0.5])

    return lambda: Smooth(measured=measured, far=0.5), theirs


def regression(size: int, rng: np.random.Generator) -> tuple[Callable[[], Any], Callable[[], Any]]:
    given, wanted = rng.normal(size=(2 * size, size)), rng.normal(size=2 * size)

    def theirs() -> Any:
        x = cp.Variable(size, nonneg=True)
        return cp.Problem(cp.Minimize(cp.sum_squares(given @ x - wanted)))

    return lambda: Regression(given=given, wanted=wanted), theirs


def least(run: Callable[[], float], repeats: int) -> tuple[float, float]:
    """Return the least processor time of a few runs, and the objective."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        objective = run()
        times.append(time.process_time() - started)
    return min(times), objective


def proved(make: Callable[[], Any]) -> float:
    solution = eo.solve(make(), "highs")
    assert solution.proved, solution
    return float(solution.objective)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under half a minute")
    quick = parser.parse_args().quick
    for family, sizes in ((portfolio, (100, 500)), (smooth, (200, 1000)), (regression, (50, 200))):
        for size in sizes[: 1 if quick else 2]:
            ours, theirs = family(size, np.random.default_rng(size))
            proved(ours)  # imports and caches warm
            mine, found = least(lambda make=ours: proved(make), 3)
            other, expected = least(lambda make=theirs: float(make().solve(solver="CLARABEL")), 3)
            assert abs(found - expected) <= 1e-6 * max(1.0, abs(expected)), (found, expected)
            case = f"{family.__name__}, {size} columns"
            note(case, "edgeopt, proved", 1e3 * mine, "ms", other / mine, "CVXPY with Clarabel")
            print(f"{case}: {1e3 * mine:.1f} ms, {mine / other:.2f} times CVXPY's {1e3 * other:.1f} ms")


if __name__ == "__main__":
    main()
