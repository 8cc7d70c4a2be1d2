"""Differentiable linear programs: instances per second, forward plus backward, beside the known layers.

    python benchmarks/lp_layer.py [--quick] [--services 20 100 500] [--batch 256]

The network-revenue program on 23 servers and 74 links; traffic is drawn independently for every instance. Loss: a fixed
random weight of the admission. Errors are the largest over the instances that are not degenerate: of the objective
(relative to the optimum that HiGHS proves) and of the gradient with respect to traffic and capacities (relative to the
largest entry; reference: the exact derivative at the vertex that HiGHS returns, which the tests hold to finite
differences). Peers take part where they are installed (``pip install -r benchmarks/requirements-peers.txt``). Each runs
with the threads it takes by itself.
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import numpy as np
import pandas as pd
import torch
from record import median, note

import edgeopt as eo
from edgeopt.layers.lp import LinearProgramLayer

SERVERS, LINKS = 23, 74
PATIENCE = 60.0
"""Seconds after which a route is measured on fewer instances."""

Route = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def network(services: int, seed: int = 0) -> eo.RevenueMaximization:
    """Services over paths of 2 to 5 servers; a third of the resources is short of the mean load."""
    rng = np.random.default_rng(seed)
    density = np.zeros((SERVERS + LINKS, services))
    for k in range(services):
        hops = int(rng.integers(2, 6))
        density[rng.choice(SERVERS, hops, replace=False), k] = rng.uniform(0.5, 2.0, hops)
        density[SERVERS + rng.choice(LINKS, hops - 1, replace=False), k] = rng.uniform(0.5, 2.0, hops - 1)
    load = density.sum(axis=1) * 10.0 + 1.0
    capacity = load * rng.uniform(0.4, 1.6, load.size)
    return eo.RevenueMaximization(
        rng.uniform(1.0, 3.0, services),
        density[:SERVERS],
        density[SERVERS:],
        capacity[:SERVERS],
        capacity[SERVERS:],
        np.full(services, 10.0),
    )


def draw(problem: eo.RevenueMaximization, batch: int, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    traffic = 10.0 * rng.gamma(4.0, 0.25, (batch, problem.services))
    return torch.tensor(traffic), torch.tensor(problem.capacity).expand(batch, -1).clone()


def ours(problem: eo.RevenueMaximization, **options: object) -> Route:
    return LinearProgramLayer(problem.program(), ("upper", "row_upper"), **options)


def cvxpylayers(problem: eo.RevenueMaximization, solver: str | None) -> Route:
    import cvxpy as cp
    from cvxpylayers.torch import CvxpyLayer

    d, traffic, capacity = (
        cp.Variable(problem.services),
        cp.Parameter(problem.services),
        cp.Parameter(problem.resources),
    )
    low = cp.Parameter(problem.services)  # a constant bound is ignored by one of the back ends
    model = cp.Problem(
        cp.Maximize(problem.unit_profit @ d), [problem.density.toarray() @ d <= capacity, d <= traffic, d >= low]
    )
    method = {"solver": solver} if solver != "Clarabel" else {"solver_args": {"solve_method": "Clarabel"}}
    layer = CvxpyLayer(model, parameters=[traffic, capacity, low], variables=[d], **method)

    def run(traffic: torch.Tensor, capacity: torch.Tensor) -> torch.Tensor:
        return layer(traffic, capacity, torch.zeros_like(traffic))[0]

    return run


def qpth(problem: eo.RevenueMaximization) -> Route:
    from qpth.qp import QPFunction

    size = problem.services
    eye = torch.eye(size, dtype=torch.float64)
    g = torch.cat([torch.tensor(problem.density.toarray()), eye, -eye])
    none = torch.zeros(0, dtype=torch.float64)

    def run(traffic: torch.Tensor, capacity: torch.Tensor) -> torch.Tensor:
        sides = torch.cat([capacity, traffic, torch.zeros_like(traffic)], dim=1)
        profit = -torch.tensor(problem.unit_profit)
        return QPFunction(verbose=-1, check_Q_spd=False)(1e-6 * eye, profit, g, sides, none, none)

    return run


def routes(problem: eo.RevenueMaximization) -> Iterator[tuple[str, Callable[[], Route]]]:
    yield "edgeopt simplex", lambda: ours(problem, backend="simplex")
    yield "edgeopt highs", lambda: ours(problem, backend="highs")
    yield "edgeopt batched", lambda: ours(problem, backend="batched")
    if find_spec("cvxpylayers"):
        yield "cvxpylayers", lambda: cvxpylayers(problem, None)
        yield "cvxpylayers Clarabel", lambda: cvxpylayers(problem, "Clarabel")
        if find_spec("moreau"):
            yield "cvxpylayers MOREAU", lambda: cvxpylayers(problem, "MOREAU")
    if find_spec("qpth"):
        yield "qpth", lambda: qpth(problem)


def pull(
    route: Route, traffic: torch.Tensor, capacity: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """One forward and backward pass: points, and the gradients of traffic and capacities."""
    given = traffic.clone().requires_grad_(), capacity.clone().requires_grad_()
    point = route(*given)
    (point @ weights).sum().backward()
    return point.detach(), given[0].grad, given[1].grad


def errors(
    found: tuple[torch.Tensor, ...], exact: tuple[torch.Tensor, ...], keep: torch.Tensor, profit: torch.Tensor
) -> tuple[float, float]:
    size = min(len(found[0]), len(exact[0]))
    keep = keep[:size]
    best = exact[0][:size] @ profit
    objective = ((found[0][:size] @ profit - best).abs() / best)[keep].max()
    gradient = max(
        float(((a[:size] - b[:size]).abs().amax(dim=1) / b[:size].abs().amax().clamp(min=1e-12))[keep].max())
        for a, b in zip(found[1:], exact[1:], strict=True)
    )
    return float(objective), gradient


def measure(services: int, batch: int, repeats: int, peers: bool = True) -> pd.DataFrame:
    problem = network(services)
    traffic, capacity = draw(problem, batch)
    weights = torch.tensor(np.random.default_rng(2).normal(size=services))
    profit = torch.tensor(problem.unit_profit)
    reference = ours(problem, backend="highs")
    exact = pull(reference, traffic, capacity, weights)
    report = reference.report()
    keep = torch.tensor(~(report.degenerate | report.dual_degenerate))
    rows = []
    for name, build in routes(problem):
        if not peers and not name.startswith("edgeopt"):
            continue
        try:
            route = build()
            few = min(batch, 8 if "edgeopt" not in name else batch)
            first = time.perf_counter()
            pull(route, traffic[:few], capacity[:few], weights)
            first = time.perf_counter() - first
            used = batch if first / few * batch * (repeats + 1) < 4 * PATIENCE else max(8, batch // 8)
            found = pull(route, traffic[:used], capacity[:used], weights)
            seconds = median(lambda: pull(route, traffic[:used], capacity[:used], weights), repeats, PATIENCE)  # noqa: B023
            row = {"instances_per_s": used / seconds}
            row["objective_error"], row["gradient_error"] = errors(found, exact, keep, profit)
            row["note"] = "" if used == batch else f"{used} instances"
        except Exception as error:  # a peer that breaks is a row of the table
            row = {"note": f"{type(error).__name__}: {str(error)[:60]}"}
        rows.append({"services": services, "batch": batch, "route": name, **row})
    table = pd.DataFrame(rows)
    table["memory_MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    table["ratio"] = table.instances_per_s / table.loc[~table.route.str.startswith("edgeopt"), "instances_per_s"].max()
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, our routes and peers once")
    parser.add_argument("--services", type=int, nargs="+", default=[20, 100, 500])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32, 256, 2048])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.services, options.batch, options.repeats = [20], [1, 64], 3
    warnings.filterwarnings("ignore")
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} torch threads")
    pd.set_option("display.width", 200)
    for services in options.services:
        for batch in options.batch:
            table = measure(services, batch, options.repeats, not options.no_peers)
            print(table.to_string(index=False, float_format=lambda v: f"{v:.3g}"), flush=True)
            for row in table.dropna(subset=["instances_per_s"]).to_dict("records"):
                case = f"forward and backward, {services} services, batch {batch}"
                note(case, row["route"], row["instances_per_s"], "instances/s", row["ratio"], "best peer")


if __name__ == "__main__":
    main()
