"""The genetic algorithm of Zuo (2024, section 4.4): roulette wheel, linear scaling, one-point crossover, mutation.

A chromosome lists the tier of every layer of every exit; its smallest unit is a layer, whose group of binaries
(Stype = 0, 1, 2) has one member set. Fitness is the expected latency, so small is good while a roulette wheel prefers
large: the linear scaling turns it round (the mean gets 1, the best a stated multiple of it, the slow ones nothing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..formulations.split import StochasticSplit
from ..model.errors import InvalidOptionError
from ..model.outcome import Options, Outcome
from ..model.solver import solver

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULTS = {
    "population": 200,
    "iterations": 50,
    "crossover_rate": 0.9,
    "mutation_rate": 0.5,
    "scaling": 3.0,
    "elite": 1,
}
"""Only the 50 iterations are in the paper. The others were chosen so that it comes within some 5 % of the optimum of
random instances with five exits of 16 layers on three tiers; without the elite it ends three times as far away."""

_RANGES = {
    "population": (2, 10**6),
    "iterations": (1, 10**6),
    "crossover_rate": (0.0, 1.0),
    "mutation_rate": (0.0, 1.0),
    "scaling": (1.0, 100.0),
    "elite": (0, 10**6),
}


@solver(
    "genetic",
    solves=StochasticSplit,
    exact=False,
    options=("time_limit", "warm_start", "threads"),
    own_options=tuple(DEFAULTS),
)
def genetic(problem: StochasticSplit, options: Options) -> Outcome:
    """Evolve a population for 50 iterations and return the best placement it ever held.

    Own options: `population`, `iterations`, `crossover_rate` (share of pairs that exchange their tails),
    `mutation_rate` (share of individuals in which one layer moves to another tier), `scaling` (how many times the mean
    fitness the best one gets), `elite` (how many of the best pass on unchanged).
    """
    settings = _settings(options)
    generator = options.generator()
    genes = _Genes(problem)
    population = genes.draw(generator, int(settings["population"]))
    if options.warm_start is not None:
        population[0] = problem.node_tiers(options.warm_start)
    history: dict[str, list[float]] = {"best": [], "mean": []}
    best, least, first_hit = population[0], np.inf, 0
    for iteration in range(int(settings["iterations"]) + 1):
        latency = genes.latency(population)
        leader = int(latency.argmin())
        if latency[leader] < least:
            best, least, first_hit = population[leader].copy(), float(latency[leader]), iteration
        history["best"].append(least)
        history["mean"].append(float(latency.mean()))
        if options.remaining() <= 0 or iteration == settings["iterations"]:
            break
        elite = population[np.argsort(latency, kind="stable")[: int(settings["elite"])]]
        population = population[roulette(generator, latency, settings["scaling"])]
        crossover(generator, population, settings["crossover_rate"])
        genes.mutate(generator, population, settings["mutation_rate"])
        population[: elite.shape[0]] = elite
    evaluations = len(history["best"]) * population.shape[0]
    statistics = {**history, "first_hit": first_hit, "evaluations": evaluations}
    return Outcome.feasible(problem.decision_at(best), statistics=statistics)


def _settings(options: Options) -> dict[str, float]:
    settings = {**DEFAULTS, **options.extra}
    for name, value in settings.items():
        low, high = _RANGES[name]
        whole = isinstance(low, int)
        kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            wanted = "a whole number" if whole else "a number"
            raise InvalidOptionError(f"{name} is {value!r}; expected {wanted} between {low} and {high}")
    return settings


def scaled_fitness(latency: NDArray[np.float64], multiple: float) -> NDArray[np.float64]:
    """Return fitness that is large where the latency is small, by linear scaling.

    The mean latency gets 1, the best one `multiple`; what the line puts below 0 gets 0 (Goldberg 1989). Equal latencies
    get equal fitness.
    """
    mean, best = latency.mean(), latency.min()
    if not best < mean:
        return np.ones_like(latency)
    slope = (multiple - 1.0) / (mean - best)
    fitness: NDArray[np.float64] = np.maximum(1.0 + slope * (mean - latency), 0.0)
    return fitness


def roulette(generator: np.random.Generator, latency: NDArray[np.float64], multiple: float) -> NDArray[np.intp]:
    """Draw as many parents as there are individuals, each with probability fitness / sum of fitness (eq. 4.10)."""
    wheel = np.cumsum(scaled_fitness(latency, multiple))
    spun = np.searchsorted(wheel, generator.random(latency.size) * wheel[-1], side="right")
    chosen: NDArray[np.intp] = np.minimum(spun, latency.size - 1)
    return chosen


def crossover(generator: np.random.Generator, population: NDArray[Any], rate: float) -> None:
    """Exchange the tails of neighbouring pairs behind a random layer, in place."""
    pairs, layers = population.shape[0] // 2, population.shape[1]
    cut = generator.integers(1, max(layers, 2), pairs)
    cut = np.where(generator.random(pairs) < rate, cut, layers)
    tail = np.arange(layers) >= cut[:, None]
    first, second = population[0 : 2 * pairs : 2], population[1 : 2 * pairs : 2]
    first_before = first.copy()
    np.copyto(first, second, where=tail)
    np.copyto(second, first_before, where=tail)


class _Genes:
    """The layers of a problem with the tiers that each may take, and what individuals cost."""

    def __init__(self, problem: StochasticSplit) -> None:
        available = np.isfinite(problem.costs.tree.exec_time)
        self.problem = problem
        self.choices = available.sum(axis=1)
        # Row n lists the tiers that layer n may take, in its first entries.
        self.allowed = np.argsort(~available, axis=1, kind="stable")

    def draw(self, generator: np.random.Generator, count: int) -> NDArray[np.intp]:
        """Return (count, layers) random individuals."""
        layers = self.choices.size
        picked = (generator.random((count, layers)) * self.choices).astype(np.intp)
        drawn: NDArray[np.intp] = self.allowed[np.arange(layers), picked]
        return drawn

    def latency(self, population: NDArray[np.intp]) -> NDArray[np.float64]:
        """(individuals,) expected latency."""
        latency: NDArray[np.float64] = self.problem.costs.expected_latency(population) + self.problem.constant
        return latency

    def mutate(self, generator: np.random.Generator, population: NDArray[np.intp], rate: float) -> None:
        """Move one random layer of some individuals to another tier that can run it, in place."""
        chosen = np.flatnonzero(generator.random(population.shape[0]) < rate)
        layer = generator.integers(0, population.shape[1], chosen.size)
        options = self.choices[layer]
        # The current tier's place among the allowed ones, moved on by 1 to options - 1 places.
        place = (self.allowed[layer] == population[chosen, layer, None]).argmax(axis=1)
        step = 1 + (generator.random(chosen.size) * (options - 1)).astype(np.intp)
        population[chosen, layer] = np.where(
            options > 1, self.allowed[layer, (place + step) % options], population[chosen, layer]
        )
