"""From a network, its traffic and a few neural networks to revenue programs: who runs what where (Lyu et al. 2024).

A service is a demand of the traffic matrix that asks for inference by one network. The network is split into parts, the
parts are put on servers along the shortest route from source to target, and the densities follow: each server takes the
part's share of the computing, each link what crosses it there, both per unit of input traffic. On request a network
with more work takes more computing than another.

The paper leaves open how many services there are, their densities, prices and the mean capacities behind its tables.
What is chosen here is an argument with a default, and `Scenario.tightness` says how scarce the result is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import sparse

from ..formulations.revenue import RevenueMaximization
from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.tolerance import ROUNDOFF
from .topology import Topology
from .traffic_frames import largest

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ..profiles.dnn import Chain

Deployment = Literal["gus", "spread", "single"]


@dataclass(frozen=True, eq=False)
class SplitModel:
    """A network in parts.

    Attributes
    ----------
    name : str
        Name of the network.
    compute : (parts,) float
        Share of the computing that each part takes; they add up to 1.
    crossing : (parts + 1,) float
        Bits that enter each part, then those of the result, per bit of input; the first is 1.
    work : float
        Computing of the whole network for one bit of input; only its ratio to that of other networks matters. MACs,
        where the network comes from a chain.
    """

    name: str
    compute: NDArray[np.float64]
    crossing: NDArray[np.float64]
    work: float = 1.0

    @classmethod
    def of(cls, name: str, chain: Chain, cuts: Sequence[int]) -> SplitModel:
        """Return the network cut behind the units `cuts` of its chain.

        Raises
        ------
        InvalidOptionError
            If a cut is no unit before the last.
        """
        units = len(chain.names)
        if list(cuts) != sorted(set(cuts)) or not all(0 <= cut < units - 1 for cut in cuts):
            raise InvalidOptionError(f"cuts are {list(cuts)}; expected rising units between 0 and {units - 2}")
        macs = np.array([sum(layer.macs for layer in chain.table.layers[part]) for part in chain.parts()], float)
        ends = [-1, *cuts, units - 1]
        compute = np.array([macs[a + 1 : b + 1].sum() for a, b in pairwise(ends)]) / macs.sum()
        entering = float(chain.output_bits[0])
        return cls(name, compute, chain.output_bits[np.array(ends) + 1] / entering, float(macs.sum()) / entering)

    @classmethod
    def balanced(cls, name: str, chain: Chain, parts: int) -> SplitModel:
        """Return the cuts for which the largest share of computing plus all that crosses links is least.

        Raises
        ------
        InvalidOptionError
            If the chain has fewer units than parts.
        """
        units = len(chain.names)
        if not 1 <= parts <= units:
            raise InvalidOptionError(f"parts is {parts}; the chain of {name!r} has {units} units")
        every = (cls.of(name, chain, cuts) for cuts in combinations(range(units - 1), parts - 1))
        return min(every, key=lambda model: model.compute.max() + model.crossing[1:-1].sum())


@dataclass(frozen=True, eq=False)
class Scenario:
    """Services on a network, and the traffic that asks for them.

    Attributes
    ----------
    problem : RevenueMaximization
        The revenue program of one slot with mean traffic.
    traffic : DataFrame, time x service
        Arrivals in Mb a slot.
    services : DataFrame
        By service: source, target, network, servers of its parts, links of its route.
    """

    problem: RevenueMaximization
    traffic: pd.DataFrame
    services: pd.DataFrame

    def over(self, traffic: Any) -> RevenueMaximization:
        """Return the program with other traffic (slots, services): one instance for each slot."""
        return replace(self.problem, traffic=np.asarray(traffic, float))

    def with_capacity(self, capacity: NDArray[np.float64]) -> Scenario:
        """Return the scenario with other capacities (servers + links,)."""
        servers = self.problem.compute_density.shape[0]
        changed = replace(self.problem, compute_capacity=capacity[:servers], link_capacity=capacity[servers:])
        return replace(self, problem=changed)

    @property
    def tightness(self) -> float:
        """Fraction of slots in which some resource cannot carry all that arrives."""
        arrivals = self.traffic.dropna().to_numpy()
        short = self.problem.load(arrivals) > self.problem.capacity * (1 + ROUNDOFF)
        return float(short.any(axis=1).mean())


def normal_capacities(
    size: int, mean: float, deviation: float, rng: np.random.Generator, smallest: float = 0.0
) -> NDArray[np.float64]:
    """Draw capacities from a normal distribution (eq. 13); what falls to `smallest` or below is drawn again.

    The paper discards negative ones; drawing again keeps the network whole.
    """
    drawn = rng.normal(mean, deviation, size)
    while (low := drawn <= smallest).any():
        drawn[low] = rng.normal(mean, deviation, int(low.sum()))
    return drawn


def split_services(
    topology: Topology,
    services: Sequence[SplitModel | str],
    deployment: Deployment,
    traffic: pd.DataFrame,
    *,
    count: int = 30,
    parts: int = 3,
    mean_total: float = 300.0,
    mean_capacity: float = 80.0,
    deviation: float = 30.0,
    unit_revenue: float | NDArray[np.float64] = 1.0,
    compute_price: float = 0.0,
    link_price: float = 0.0,
    own_work: bool = False,
    mean_density: float = 1.0,
    seed: int = 0,
) -> Scenario:
    """Deploy split networks on a topology and write down the revenue program.

    Parameters
    ----------
    topology : Topology
        Every node is a server.
    services : sequence of SplitModel or str
        Networks, in turn for the demands; a name of :mod:`edgeopt.profiles.zoo` is split into `parts` balanced parts.
    deployment : {"gus", "spread", "single"}
        ``"gus"``: greedy on used servers (Zhang et al. 2021), which keeps the number of occupied servers low: each part
        goes to the first server of the rest of the route that is in use and has room for its mean load below
        `mean_capacity`, to a new one only where there is none, and to the idlest where no server has room.
        ``"single"``: the whole network on one server of the route, chosen in the same way. ``"spread"``: each part on a
        server of its own as long as the route has enough, those in use first, the idlest of them before the others.
    traffic : DataFrame, time x (source, target)
        Traffic matrices; the `count` largest demands between different nodes become services.
    mean_total : float
        Mean total arrivals, Mb a slot, that the traffic is scaled to.
    mean_capacity, deviation : float
        Of the normal distribution of all capacities, Mb a slot.
    unit_revenue : float or (count,)
        Revenue of one Mb.
    compute_price, link_price : float
        Cost of one unit of computing and bandwidth.
    own_work : bool
        Whether a network's computing densities are in proportion to its work; else all networks take the same computing
        for one Mb.
    mean_density : float
        Computing that one Mb takes, on the average of all traffic.
    seed : int
        Fixes the capacities.

    Raises
    ------
    InvalidProblemError
        If a demand names a node that the topology lacks, or there is no route, or fewer demands than `count`.
    InvalidOptionError
        If the deployment is unknown.
    """
    if deployment not in ("gus", "spread", "single"):
        raise InvalidOptionError(f"deployment is {deployment!r}; expected 'gus', 'spread' or 'single'")
    models = [_model(entry, parts) for entry in services]
    chosen = _demands(topology, traffic, count)
    scaled = chosen * (mean_total / float(chosen.sum(axis=1).mean()))
    used = [_whole(model) for model in models] if deployment == "single" else models
    used = _with_work(used, scaled.mean().to_numpy(), own_work, mean_density)
    hosts = _spread_on_used if deployment == "spread" else partial(_greedy_on_used, room=mean_capacity)
    density, table = _deploy(topology, used, scaled, hosts)
    scaled.columns = table.index
    capacity = normal_capacities(density.shape[0], mean_capacity, deviation, np.random.default_rng(seed))
    problem = _program(topology, density, capacity, scaled, unit_revenue, (compute_price, link_price))
    return Scenario(problem, scaled, table)


def _program(
    topology: Topology,
    density: sparse.csr_array,
    capacity: NDArray[np.float64],
    arrivals: pd.DataFrame,
    unit_revenue: float | NDArray[np.float64],
    prices: tuple[float, float],
) -> RevenueMaximization:
    """Return the revenue program of a deployment (servers + links, services) at the mean arrivals."""
    nodes = len(topology.nodes)
    return RevenueMaximization(
        np.broadcast_to(np.asarray(unit_revenue, float), (arrivals.shape[1],)),
        density[:nodes],
        density[nodes:],
        capacity[:nodes],
        capacity[nodes:],
        arrivals.mean().to_numpy(),
        *prices,
        service_names=tuple(arrivals.columns),
        server_names=topology.nodes,
        link_names=topology.link_names,
    )


def _model(entry: SplitModel | str, parts: int) -> SplitModel:
    return entry if isinstance(entry, SplitModel) else _balanced(entry, parts)


@lru_cache(maxsize=64)
def _balanced(name: str, parts: int) -> SplitModel:
    """Return a network of the zoo in balanced parts; captured once, which takes seconds."""
    from ..profiles import zoo
    from ..profiles.dnn import LayerTable

    chain = LayerTable.from_module(zoo.build(name), zoo.example_input(name)).chain()
    return SplitModel.balanced(name, chain, parts)


def _whole(model: SplitModel) -> SplitModel:
    return replace(model, compute=np.ones(1), crossing=model.crossing[[0, -1]])


def _with_work(
    models: list[SplitModel], volume: NDArray[np.float64], own: bool, mean_density: float
) -> list[SplitModel]:
    """Return the models with the computing that one Mb takes: the same for all, or in proportion to their own work."""
    work = np.array([model.work if own else 1.0 for model in models])
    mean = float(work[np.arange(len(volume)) % len(models)] @ volume / volume.sum())
    return [replace(m, compute=m.compute * (w * mean_density / mean)) for m, w in zip(models, work, strict=True)]


def _demands(topology: Topology, traffic: pd.DataFrame, count: int) -> pd.DataFrame:
    between: list[Any] = [pair for pair in traffic.columns if pair[0] != pair[1]]
    for source, target in between:
        for node in (source, target):
            if str(node) not in topology.nodes:
                raise InvalidProblemError(
                    f"traffic names the node {node!r}, which the topology {topology.name!r} lacks"
                )
    busy = traffic[between].loc[:, traffic[between].sum() > 0]
    if busy.shape[1] < count:
        raise InvalidProblemError(f"traffic has {busy.shape[1]} demands between nodes; {count} services were asked for")
    return largest(busy, count)


def _deploy(
    topology: Topology, models: list[SplitModel], demands: pd.DataFrame, choose: Callable[..., list[int]]
) -> tuple[sparse.csr_array, pd.DataFrame]:
    """Return densities (servers + links, services) and the table of what runs where."""
    import networkx as nx
    import pandas as pd

    graph, nodes = topology.graph(), len(topology.nodes)
    volume = demands.mean().to_numpy()
    density, load = np.zeros((nodes + len(topology.links), len(volume))), np.zeros(nodes)
    rows = []
    pairs: list[Any] = list(demands.columns)
    for k, (source, target) in enumerate(pairs):
        model = models[k % len(models)]
        try:
            route = nx.shortest_path(graph, str(source), str(target))
        except nx.NetworkXNoPath as error:
            raise InvalidProblemError(f"there is no route from {source} to {target} in {topology.name!r}") from error
        places = [topology.nodes.index(node) for node in route]
        hosts = choose(load[places], volume[k] * model.compute)
        for part, host in enumerate(hosts):
            density[places[host], k] += model.compute[part]
            load[places[host]] += volume[k] * model.compute[part]
        for hop, (tail, head) in enumerate(pairwise(route)):
            done = sum(host <= hop for host in hosts)  # parts that ran before this hop
            density[nodes + graph.edges[tail, head]["index"], k] = model.crossing[done]
        rows.append(
            {
                "source": source,
                "target": target,
                "network": model.name,
                "servers": tuple(route[host] for host in hosts),
                "route": tuple(route),
            }
        )
    names = [f"{row['network']}:{row['source']}->{row['target']}" for row in rows]
    return sparse.csr_array(density), pd.DataFrame(rows, index=pd.Index(names, name="service"))


def _greedy_on_used(load: NDArray[np.float64], needs: NDArray[np.float64], room: float) -> list[int]:
    """Return the position on the route of each part, in order, so that few servers are occupied.

    Parameters
    ----------
    load : (servers of the route,) float
        What runs there already.
    needs : (parts,) float
        Mean load of each part.
    room : float
        What one server carries.
    """
    load, chosen = load.copy(), [0]
    for need in needs:
        left = range(chosen[-1], len(load))  # a part never runs before the one that feeds it
        fits = [place for place in left if load[place] + need <= room]
        used = [place for place in fits if load[place] > 0]
        place = (used or fits or [min(left, key=lambda p: load[p])])[0]
        load[place] += need
        chosen.append(place)
    return chosen[1:]


def _spread_on_used(load: NDArray[np.float64], needs: NDArray[np.float64]) -> list[int]:
    """Return the position on the route of each part, in order: servers in use first, the idlest before the others."""
    positions = range(len(load))
    used = sorted((p for p in positions if load[p] > 0), key=lambda p: load[p])
    fresh = [p for p in positions if load[p] == 0]
    chosen = sorted((used + fresh)[: len(needs)])
    # A route shorter than the parts runs several of them on its last server.
    return chosen + [chosen[-1]] * (len(needs) - len(chosen))
