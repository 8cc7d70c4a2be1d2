"""Split services on real and small networks: densities add up, routes are followed, capacities are never negative."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.data import totem
from edgeopt.data.scenarios import Scenario, SplitModel, normal_capacities, split_services
from edgeopt.data.topology import Topology

LINE = Topology.of(["a", "b", "c"], [("a", "b", 1.0), ("b", "c", 1.0), ("b", "a", 1.0), ("c", "b", 1.0)], "line")
MODEL = SplitModel("net", np.array([0.6, 0.3, 0.1]), np.array([1.0, 0.5, 0.2, 0.05]))


def demands(pairs, steps: int = 4) -> pd.DataFrame:
    columns = pd.MultiIndex.from_tuples(pairs, names=["source", "target"])
    values = np.arange(1.0, len(pairs) + 1)[::-1] * np.ones((steps, 1))
    return pd.DataFrame(values, index=pd.date_range("2005-01-01", periods=steps, freq="15min"), columns=columns)


def test_densities_by_hand():
    scenario = split_services(LINE, [MODEL], "spread", demands([("a", "c")]), count=1)
    problem = scenario.problem
    np.testing.assert_allclose(problem.compute_density.toarray()[:, 0], [0.6, 0.3, 0.1])
    forward = [problem.link_names.index("a->b"), problem.link_names.index("b->c")]
    np.testing.assert_allclose(problem.link_density.toarray()[forward, 0], [0.5, 0.2])
    assert problem.link_density.nnz == 2
    single = split_services(LINE, [MODEL], "single", demands([("a", "c")]), count=1)
    assert single.services["servers"].iloc[0] == ("a",)
    np.testing.assert_allclose(single.problem.link_density.toarray()[forward, 0], [0.05, 0.05])


def test_a_short_route_runs_several_parts_on_one_server_and_used_servers_come_first():
    scenario = split_services(LINE, [MODEL], "spread", demands([("a", "b"), ("b", "c")]), count=2)
    assert scenario.services["servers"].tolist() == [("a", "b", "b"), ("b", "c", "c")]
    single = split_services(LINE, [MODEL], "single", demands([("b", "c"), ("a", "b")]), count=2, mean_capacity=900.0)
    assert single.services["servers"].tolist() == [("b",), ("b",)]  # b is in use already


@pytest.mark.parametrize(
    ("capacity", "servers"),
    [
        (400.0, ("a", "a", "a")),  # all of it has room on one server
        (270.0, ("a", "a", "b")),  # 180 + 90 fit, the last 30 do not
        (180.0, ("a", "b", "b")),
        (130.0, ("a", "b", "b")),  # no server has room for the first part: the idlest takes it
        (10.0, ("a", "b", "c")),
    ],
)
def test_gus_by_hand(capacity, servers):
    scenario = split_services(LINE, [MODEL], "gus", demands([("a", "c")]), count=1, mean_capacity=capacity)
    assert scenario.services["servers"].tolist() == [servers]


def test_gus_occupies_at_most_one_server_more_than_an_exhaustive_search():
    rng = np.random.default_rng(0)
    nodes = list("abcd")
    ring = Topology.of(nodes, [(nodes[i], nodes[(i + s) % 4], 1.0) for i in range(4) for s in (1, -1)], "ring")
    for _ in range(20):
        pairs = [(nodes[i], nodes[(i + 1) % 4]) for i in rng.permutation(4)[:3]]
        gus, spread = (
            split_services(ring, [MODEL], d, demands(pairs), count=3, mean_capacity=900.0) for d in ("gus", "spread")
        )
        occupied = {server for servers in gus.services["servers"] for server in servers}
        assert occupied <= {node for pair in pairs for node in pair}
        fewest = min(
            len(chosen)
            for size in range(1, 5)
            for chosen in map(set, itertools.combinations(nodes, size))
            if all(chosen & set(pair) for pair in pairs)
        )
        assert len(occupied) <= fewest + 1  # greedy, one demand after the other
        assert len(occupied) <= _occupied(spread)


def test_networks_with_more_work_take_more_computing():
    light, heavy = MODEL, SplitModel("heavy", MODEL.compute, MODEL.crossing, 3.0)
    pairs = [("a", "b"), ("b", "c"), ("b", "a"), ("c", "b")]
    for own, expected in ((False, [1.0, 1.0]), (True, [1.0, 3.0])):
        scenario = split_services(LINE, [light, heavy], "gus", demands(pairs), count=4, own_work=own)
        each = scenario.problem.compute_density.sum(axis=0)
        np.testing.assert_allclose(each[1] / each[0], expected[1])
        np.testing.assert_allclose(each @ scenario.problem.traffic, 300.0)  # on the average of the traffic 1


@pytest.mark.slow
def test_the_work_of_networks_is_what_is_published():
    of = {name: split_model(name).work for name in ("alexnet", "vgg16")}
    assert of["vgg16"] / of["alexnet"] == pytest.approx(15.47 / 0.714, rel=0.01)  # published MACs, same input


def _occupied(scenario: Scenario) -> int:
    return len({server for servers in scenario.services["servers"] for server in servers})


def split_model(name: str) -> SplitModel:
    from edgeopt.profiles import zoo
    from edgeopt.profiles.dnn import LayerTable

    return SplitModel.of(name, LayerTable.from_module(zoo.build(name), zoo.example_input(name)).chain(), [2])


@pytest.mark.slow
def test_geant_with_networks_of_the_zoo(any_data):
    topology = totem.read_topology(any_data / "geant/original_format/Geant-topology-anonymised.xml")
    traffic = totem.read_archive(any_data / "geant/geant_totem_tm_15min.npz").iloc[:96]
    networks = ["alexnet", "vgg16", "deepface"]
    scenario = split_services(topology, networks, "spread", traffic, count=30, mean_capacity=80.0, deviation=30.0)
    gus = split_services(topology, networks, "gus", traffic, count=30, mean_capacity=80.0, deviation=30.0)
    assert _occupied(gus) < _occupied(scenario)
    problem = scenario.problem
    assert (problem.compute_density.shape, problem.link_density.shape) == ((23, 30), (74, 30))
    np.testing.assert_allclose(problem.compute_density.sum(axis=0), 1.0)
    assert scenario.traffic.sum(axis=1).mean() == pytest.approx(300.0)
    assert set(scenario.services.network) == set(networks)
    for service, row in scenario.services.iterrows():
        used = problem.link_density[:, [problem.service_names.index(service)]].nonzero()[0]
        assert len(used) == len(row.route) - 1
    split = eo.solve(scenario.over(scenario.traffic))
    whole = split_services(topology, networks, "single", traffic, count=30, mean_capacity=80.0, deviation=30.0)
    assert split.objective.mean() > eo.solve(whole.over(whole.traffic)).objective.mean()
    assert 0.0 < scenario.tightness <= 1.0
    assert scenario.with_capacity(np.full(97, 1e9)).tightness == 0.0


def test_capacities_are_drawn_again_until_positive():
    drawn = normal_capacities(2000, 20.0, 60.0, np.random.default_rng(0))
    assert drawn.min() > 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: split_services(LINE, [MODEL], "best", demands([("a", "c")]), count=1),
            eo.InvalidOptionError,
            "'best'",
        ),
        (lambda: split_services(LINE, [MODEL], "gus", demands([("a", "z")]), count=1), eo.InvalidProblemError, "'z'"),
        (
            lambda: split_services(LINE, [MODEL], "gus", demands([("a", "c")]), count=2),
            eo.InvalidProblemError,
            "1 demands",
        ),
        (
            lambda: split_services(
                Topology.of(["a", "c"], [("c", "a", 1.0)]), [MODEL], "gus", demands([("a", "c")]), count=1
            ),
            eo.InvalidProblemError,
            "no route from a to c",
        ),
    ],
)
def test_what_cannot_be_deployed_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
