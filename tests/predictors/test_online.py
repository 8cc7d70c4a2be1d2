"""Algorithm 1, slot after slot: its steps by hand, what it learns, and what stays when the network changes."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

import edgeopt as eo
from edgeopt.layers import RevenueLayer
from edgeopt.predictors import LinearPredictor, ObjectiveDriven, OnlineController, SeasonalNaive
from edgeopt.predictors.samples import windows

WINDOW = 4
SERVERS, LINKS, SERVICES = 3, 3, 5


def network(seed: int = 0) -> eo.RevenueMaximization:
    rng = np.random.default_rng(seed)
    paths = (rng.random((SERVERS + LINKS, SERVICES)) < 0.6) * rng.uniform(0.5, 1.5, (SERVERS + LINKS, SERVICES))
    capacity = 0.6 * paths.sum(axis=1) + 0.1
    return eo.RevenueMaximization(
        rng.uniform(1, 3, SERVICES),
        paths[:SERVERS],
        paths[SERVERS:],
        capacity[:SERVERS],
        capacity[SERVERS:],
        np.ones(SERVICES),
        server_names=("s0", "s1", "s2"),
        link_names=("l0", "l1", "l2"),
    )


def believing(problem: eo.RevenueMaximization, factor: float) -> RevenueLayer:
    return RevenueLayer(
        replace(
            problem, compute_capacity=factor * problem.compute_capacity, link_capacity=factor * problem.link_capacity
        )
    )


def slots(problem, steps: int = 200):
    """Windows, traffic and offline optimum of waves."""
    rng = np.random.default_rng(1)
    wave = 1.0 + 0.4 * np.sin(np.arange(steps)[:, None] / 8 + rng.uniform(0, 6, SERVICES))
    past, target = windows(wave, WINDOW)
    return past.swapaxes(1, 2), target, eo.solve(replace(problem, traffic=target))


def controller(problem, capacities: str = "learned", make=LinearPredictor, factor: float = 1.6, **options):
    torch.manual_seed(0)
    model = ObjectiveDriven(make(SERVICES, WINDOW), believing(problem, factor), capacities=capacities)
    return OnlineController(model, **options)


@pytest.mark.parametrize("loss", ["supervised", "forecast"])
def test_one_slot_is_one_step_by_hand(loss):
    problem = network()
    past, traffic, best = slots(problem)
    online = controller(problem, loss=loss, rate=1e-2)
    copy = deepcopy(online.model)
    optimizer = torch.optim.AdamW(copy.parameter_groups(1e-2), lr=1e-2, weight_decay=1e-4)
    for t in range(3):
        window = torch.tensor(past[t], dtype=torch.float32)[None]
        reserved = online.decide(past[t])
        np.testing.assert_allclose(reserved, copy(window)[0].detach().numpy(), rtol=1e-6)
        found = online.observe(traffic[t], best=best.decision.admitted[t])
        made, target = (
            (copy(window)[0], best.decision.admitted[t])
            if loss == "supervised"
            else (copy.predictor(window)[0], traffic[t])
        )
        expected = ((made - torch.tensor(target)) / copy.predictor.scale).square().mean()
        optimizer.zero_grad()
        expected.backward()
        optimizer.step()
        assert found == pytest.approx(float(expected.detach()), rel=1e-5)
        torch.testing.assert_close(online.model.capacity, copy.capacity)
        torch.testing.assert_close(online.model.predictor.weight, copy.predictor.weight)


def regret(online, problem, past, traffic, best, learns: bool = True) -> np.ndarray:
    lost = []
    for t in range(len(traffic)):
        settled = eo.admit(online.decide(past[t]), replace(problem, traffic=traffic[t]))
        lost.append(1 - settled.revenue / best.objective[t])
        if learns and online.model.capacities == "observed":
            online.observe(traffic[t], accommodated=settled.admitted)
        elif learns:
            online.observe(traffic[t], best=best.decision.admitted[t])
    return np.array(lost)


@pytest.mark.parametrize("capacities", ["learned", "observed"])
@pytest.mark.slow
def test_regret_falls_with_the_slots(capacities):
    problem = network()
    past, traffic, best = slots(problem)
    fixed = regret(controller(problem, capacities), problem, past, traffic, best, learns=False)
    learnt = regret(controller(problem, capacities, rate=2e-3), problem, past, traffic, best)
    assert learnt[-50:].mean() < 0.6 * learnt[:10].mean()
    assert learnt[-50:].mean() < 0.6 * fixed[-50:].mean()


def test_observed_capacities_come_from_what_got_through_alone():
    problem = network()
    past, traffic, _ = slots(problem)
    online = controller(problem, "observed", SeasonalNaive, factor=2.0)
    before = np.abs(online.model.capacity.detach().numpy() / problem.capacity - 1)
    for t in range(60):
        reserved = online.decide(past[t])
        online.observe(traffic[t], accommodated=eo.admit(reserved, replace(problem, traffic=traffic[t])).admitted)
    after = np.abs(online.model.capacity.detach().numpy() / problem.capacity - 1)
    assert after.min() < 1e-6  # one at least is known exactly
    assert np.median(after) < np.median(before)


def changed() -> eo.RevenueMaximization:
    """Return the network without link l1 and with a new one, l9."""
    problem = network()
    density = problem.link_density.toarray()
    return replace(
        problem,
        link_density=np.stack([density[0], density[2], 0.5 * density[1]]),
        link_capacity=[7.0, 8.0, 9.0],
        link_names=("l0", "l2", "l9"),
    )


@pytest.mark.parametrize("capacities", ["learned", "observed"])
def test_capacities_and_memory_are_carried_over_by_name(capacities):
    problem, other = network(), changed()
    past, traffic, best = slots(problem)
    online = controller(problem, capacities, rate=5e-3)
    regret(online, problem, past[:40], traffic[:40], best)
    believed = dict(zip(problem.resource_names, online.model.capacity.tolist(), strict=True))
    lower = (
        None
        if online.model.bounds is None
        else dict(zip(problem.resource_names, online.model.bounds.lower, strict=True))
    )
    weight = online.model.predictor.weight
    memory = deepcopy(online._optimizer.state[weight])
    online.move(RevenueLayer(other))
    now = dict(zip(other.resource_names, online.model.capacity.tolist(), strict=True))
    for name in ("s0", "s1", "s2", "l0", "l2"):
        assert now[name] == pytest.approx(believed[name], rel=1e-6)
    assert now["l9"] == 9.0
    assert online.model.predictor.weight is weight
    torch.testing.assert_close(online._optimizer.state[weight], memory)
    if lower is not None:
        assert online.model.bounds.lower.tolist() == [lower.get(name, 0.0) for name in other.resource_names]
    after = slots(other)
    assert regret(online, other, *after).shape == (196,)  # and it goes on


def test_what_a_controller_cannot_do_is_refused_with_the_reason():
    problem = network()
    online = controller(problem)
    with pytest.raises(eo.InvalidOptionError, match="call decide"):
        online.observe(np.ones(SERVICES))
    online.decide(np.ones((WINDOW, SERVICES)))
    with pytest.raises(eo.InvalidOptionError, match="need best"):
        online.observe(np.ones(SERVICES))
    with pytest.raises(eo.InvalidProblemError, match=r"traffic has shape \(2,\); expected \(5,\)"):
        online.observe(np.ones(2), best=np.ones(SERVICES))
    with pytest.raises(eo.InvalidProblemError, match=r"best\[1\] is nan"):
        online.observe(np.ones(SERVICES), best=[1, np.nan, 1, 1, 1])
    seeing = controller(problem, "observed")
    seeing.decide(np.ones((WINDOW, SERVICES)))
    with pytest.raises(eo.InvalidOptionError, match="pass what got through"):
        seeing.observe(np.ones(SERVICES))
    with pytest.raises(eo.InvalidOptionError, match="'realised'"):
        controller(problem, loss="realised")
    renamed = replace(problem, service_names=("a", "b", "c", "d", "e"))
    with pytest.raises(eo.InvalidProblemError, match="one series for each service"):
        online.move(RevenueLayer(renamed))
