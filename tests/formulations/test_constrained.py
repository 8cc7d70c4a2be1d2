"""Side constraints and other objectives on every kind of problem, against brute force and rows written by hand."""

from __future__ import annotations

import runpy
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

import edgeopt as eo
from edgeopt.algebra.values import Values
from edgeopt.algebra.words import Words
from edgeopt.analysis.energy_fronts import energy_front
from edgeopt.formulations.constrained import Auxiliary, Constrained
from edgeopt.model.program import Squares
from edgeopt.testing.side_constraints import keeps_a_drawn_row, names_an_impossible_row


class Knapsack(eo.Formulation):
    """Pack what is worth most; the side constraints speak of ``packed``."""

    value: eo.Array = eo.data("items")
    size: eo.Array = eo.data("items")
    room: float

    def declare(self, m):
        packed = m.binary("packed", "items")
        m.maximize(self.value @ packed)
        m.subject_to(room=self.size @ packed <= self.room)


class Masked(eo.Formulation):
    """Serve requests by sites, of which some pairs are impossible."""

    cost: eo.Array = eo.data("requests", "sites")
    allowed: eo.Mask = eo.data("requests", "sites")

    def declare(self, m):
        serves = m.binary("serves", "requests", "sites", where=self.allowed)
        worst = m.maximum("worst", (self.cost * serves).sum("sites"))
        m.minimize(worst.sum())
        m.subject_to(once=serves.sum("sites") == 1)


DAY = np.repeat(np.arange(3), 4)


def offloading(samples=12, fraction=0.25, **rest):
    rng = np.random.default_rng(3)
    return eo.OfflineOffloading(rng.gamma(2.0, 1.0, samples), rng.gamma(2.0, 0.8, samples), fraction, **rest)


def network():
    return eo.RevenueMaximization(
        unit_revenue=[3.0, 2.0, 1.5],
        compute_density=[[1.0, 1.0, 0.5]],
        link_density=[[0.5, 0.0, 0.2], [0.0, 2.0, 0.1]],
        compute_capacity=[4.0],
        link_capacity=[1.0, 3.0],
        traffic=[5.0, 2.0, 4.0],
    )


def split(**rest):
    rng = np.random.default_rng(5)

    def chain(layers, accuracy):
        return eo.Exit(accuracy, rng.gamma(1.0, 1.0, (layers, 3)), rng.gamma(1.0, 1.0, layers + 1), fixed_time=0.2)

    return eo.StochasticSplit([chain(2, 0.4), chain(3, 0.6)], [0.4, 0.6], 2.0, 5.0, link_delay=[0.01, 0.02], **rest)


def graph():
    rng = np.random.default_rng(6)
    edges = [(-1, 0), (0, 1), (0, 2), (1, 3), (2, 3)]
    return eo.GraphSplit(rng.gamma(1, 1, (4, 3)), edges, 1.0, rng.gamma(1, 1, 4), 1.5, 2.5, 3.0, link_delay=0.1)


def value(problem, word, decision):
    """Return what an expression of the problem's words is at a decision."""
    words = Words(problem)
    expression = word(words)
    points = words._declaration.points(problem.encode(decision))
    return Values({}, points).full(expression, expression.axes)


def every_split(problem):
    places = [product(range(problem.tiers), repeat=entry.layers) for entry in problem.exits]
    return [eo.SplitDecision(tiers) for tiers in product(*places)]


def every_offloading(samples):
    return [eo.OffloadingDecision(np.array(bits, bool)) for bits in product((False, True), repeat=samples)]


# The three worked examples of an outside user.


def test_at_least_so_many_local_decisions_on_each_day():
    problem = offloading()
    asked = problem.subject_to(per_day=lambda m: [m.local[day == DAY].sum() >= 0.4 * 4 for day in range(3)])
    best = min(
        problem.objective(d)
        for d in every_offloading(12)
        if not problem.violations(d) and (np.add.reduceat(d.local, [0, 4, 8], dtype=int) >= 1.6).all()
    )
    solution = eo.solve(asked)
    assert (solution.status, solution.decision.local.dtype) == ("optimal", bool)
    assert solution.objective == pytest.approx(best, rel=1e-9) == asked.objective(solution.decision)
    assert list(asked.program().row_names) == ["min_local_fraction", "per_day[0]", "per_day[1]", "per_day[2]"]
    assert eo.verify(asked, solution)
    whole = problem.subject_to(per_day=lambda m: [m.local[day == DAY].sum() >= 2 for day in range(3)])
    assert eo.verify(whole, eo.solve(whole), exact=True)


@pytest.mark.slow
def test_an_energy_cap_on_a_split_is_exact_at_every_point_of_the_front():
    problem = split()
    front = energy_front(problem, 2.0, 1.5)
    for cap in front.energy:
        within = cap * (1 + 1e-9)
        capped = problem.subject_to(battery=lambda m, most=within: m.expected_energy(2.0, 1.5) <= most)
        assert eo.solve(capped).objective == pytest.approx(front.latency[front.energy <= within].min(), rel=1e-9)


@pytest.mark.parametrize("shared", [False, True])
def test_latency_and_energy_in_words_are_those_of_every_placement(shared):
    """The energy of a result's return, which a row made by hand forgot, is in it."""
    problem = split()
    if shared:
        names = ("a", "b", "c")
        long = eo.Exit(0.6, problem.exits[1].exec_time, problem.exits[1].output_bits, names)
        short = eo.Exit(0.4, long.exec_time[:2], long.output_bits[:3], names[:2])
        problem = eo.StochasticSplit([short, long], [0.4, 0.6], 2.0, 5.0, 3.0, shared_trunk=True)
    compute, send, receive = [2.0, 0.5, 0.1], [1.5, 0.3], [0.7, 0.2]
    down = [2.0 if problem.downlink_rate is None else float(problem.downlink_rate), 5.0]
    for decision in every_split(problem):
        if problem.violations(decision):
            continue
        by_hand = []
        for entry, tiers in zip(problem.exits, decision.tiers, strict=True):
            total, before = 0.0, 0
            for layer, tier in enumerate([*tiers, 0]):
                bits = entry.output_bits[layer]
                total += sum(send[link] * bits / [2.0, 5.0][link] for link in range(before, tier))
                total += sum(receive[link] * bits / down[link] for link in range(tier, before))
                total += compute[tier] * entry.exec_time[layer, tier] if layer < entry.layers else 0.0
                before = tier
            by_hand.append(total)
        np.testing.assert_allclose(value(problem, lambda m: m.energy(compute, send, receive), decision), by_hand)
        expected = value(problem, lambda m: m.expected_energy(compute, send, receive), decision)
        assert expected == pytest.approx(problem.weights @ by_hand)
        np.testing.assert_allclose(value(problem, lambda m: m.latency, decision), problem.latencies(decision))
        assert value(problem, lambda m: m.expected_latency, decision) == pytest.approx(problem.objective(decision))
        for exit_, tiers in enumerate(decision.tiers):
            runs = value(problem, lambda m, k=exit_: m.runs[k], decision)
            np.testing.assert_array_equal(runs, np.eye(3)[tiers])


def test_the_energy_of_a_result_that_returns_decides():
    """All layers at the edge cost the device nothing but sending 1 bit and receiving 8: a cap of 5 J forbids it."""
    chain = eo.Exit(0.9, [[10.0, 0.1]], [1.0, 8.0])
    problem = eo.StochasticSplit([chain], [1.0], uplink_rate=1.0)
    assert eo.solve(problem).decision.tiers[0].tolist() == [1]
    capped = problem.subject_to(battery=lambda m: m.expected_energy(0.1, 1.0) <= 5.0)
    assert eo.solve(capped).decision.tiers[0].tolist() == [0]


def test_floors_and_max_min_fairness_between_services():
    problem = network()
    share = lambda m: m.admitted / m.problem.traffic  # noqa: E731
    floors = eo.solve(problem.subject_to(floor=lambda m: share(m) >= 0.2))
    assert (floors.decision.admitted / problem.traffic >= 0.2 - 1e-9).all()
    fair = problem.maximize(lambda m: m.minimum("worst", share(m)))
    solution = eo.solve(fair)
    # By hand: the largest t with t * traffic admissible is the smallest capacity over load.
    largest = min(1.0, float((problem.capacity / problem.load(problem.traffic)).min()))
    assert solution.objective == pytest.approx(largest)
    assert eo.verify(fair, solution, exact=True).exact
    most = 0.99 * eo.solve(problem).objective
    both = fair.subject_to(revenue=lambda m: problem.unit_profit @ m.admitted >= most, rest=lambda m: m.worst >= 0.01)
    found = eo.solve(both)
    assert 0.01 <= found.objective < largest
    assert problem.objective(found.decision) >= most - 1e-6


def test_an_objective_that_was_stated_is_added_to_the_old_one():
    problem = network()
    mixed = problem.maximize(lambda m: m.objective + 4.0 * m.minimum("worst", m.admitted / problem.traffic))
    solution = eo.solve(mixed)
    share = (solution.decision.admitted / problem.traffic).min()
    assert solution.objective == pytest.approx(problem.objective(solution.decision) + 4.0 * share)
    assert mixed.magnitude(solution.decision) >= solution.objective
    least = problem.minimize(lambda m: m.load.sum())
    assert (least.sense, eo.solve(least).objective) == ("minimize", 0.0)


def test_alpha_fair_admission_by_straight_pieces_is_close_to_the_curve():
    """Proportional fairness, the sum of logarithms, by 60 tangents, against CVXPY's exponential cones."""
    cvxpy = pytest.importorskip("cvxpy")
    problem = network()
    points = np.geomspace(0.02, 5.0, 60)
    fair = problem.maximize(
        lambda m: m.minimum("utility", *[m.admitted / at + (np.log(at) - 1.0) for at in points]).sum()
    )
    solution = eo.solve(fair)
    d = cvxpy.Variable(3, nonneg=True)
    rows = [problem.density.toarray() @ d <= problem.capacity, d <= problem.traffic]
    exact = cvxpy.Problem(cvxpy.Maximize(cvxpy.sum(cvxpy.log(d))), rows)
    exact.solve(solver="CLARABEL")
    assert np.log(solution.decision.admitted).sum() == pytest.approx(exact.value, abs=0.01)
    assert solution.objective >= exact.value - 1e-6  # tangents lie above


def test_the_example_of_fairness_orders_the_policies():
    names = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "fairness.py"))
    problem = names["network"]()
    found = {name: eo.solve(policy).decision for name, policy in names["policies"](problem).items()}
    revenue = [problem.objective(decision) for decision in found.values()]
    worst = [(decision.admitted / problem.traffic).min() for decision in found.values()]
    assert revenue[0] == max(revenue)
    assert worst[3] == pytest.approx(worst[4]) == max(worst)
    assert revenue[4] > revenue[3]


# Every kind of problem.

KINDS = {
    "offloading": offloading(),
    "sites": eo.OfflineOffloading(
        np.arange(8.0).reshape(4, 2), np.ones((4, 2)), 0.3, independent_sites=True, local_available=np.eye(4, 2) == 0
    ),
    "revenue": network(),
    "split": split(),
    "graph": graph(),
    "declared": Knapsack(value=[3.0, 2.0, 4.0, 1.0], size=[2.0, 1.0, 3.0, 1.0], room=4.0),
    "masked": Masked(cost=np.arange(6.0).reshape(3, 2), allowed=[[True, True], [False, True], [True, True]]),
    "program": eo.Program([-1.0, -2.0, 1.0], [[1.0, 1.0, 1.0]], row_upper=4.0, upper=3.0, integrality=[1, 0, 1]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_a_drawn_row_gives_the_optimum_of_the_program_with_it(kind, seed):
    keeps_a_drawn_row(KINDS[kind], seed)


@pytest.mark.parametrize("kind", KINDS)
def test_an_impossible_row_is_named(kind):
    names_an_impossible_row(KINDS[kind])


def test_a_row_that_gets_lost_is_noticed(monkeypatch):
    monkeypatch.setattr(Constrained, "program", lambda self: self.base.program())
    with pytest.raises((AssertionError, ValueError)):
        _ = [keeps_a_drawn_row(KINDS["declared"], seed) for seed in range(4)]


@pytest.mark.parametrize(
    ("kind", "constraint"),
    [
        ("offloading", lambda m: m.local[:3].sum() <= 1),
        ("sites", lambda m: m.local.sum("samples") >= 1),
        ("revenue", lambda m: m.load[0] <= 2.0),
        ("split", lambda m: m.runs[1][:, 0].sum() >= 2),
        ("graph", lambda m: m.runs[:, 2].sum() == 1),
        ("declared", lambda m: m.packed[0] + m.packed[1] <= 1),
        ("masked", lambda m: m.serves[:, 1].sum() <= 2),
        ("program", lambda m: m["x[0]"] + m.columns[1] <= 2.5),
    ],
)
def test_what_every_other_part_does_with_it(kind, constraint, tmp_path):
    base = KINDS[kind]
    problem = base.subject_to(mine=constraint)
    solution = eo.solve(problem)
    assert (solution.status, problem.sense) == ("optimal", base.sense)
    base.check(solution.decision)
    assert solution.objective == base.objective(solution.decision)
    assert not any(v > 1e-6 for v in problem.violations(solution.decision).values())
    eo.save(problem, tmp_path / "problem.json")
    eo.save(solution, tmp_path / "solution.json")
    again = eo.load(tmp_path / "problem.json")
    assert eo.verify(again, eo.load(tmp_path / "solution.json"))
    assert again.program().row_names[-1].startswith("mine")
    assert eo.compare(problem, solvers=["highs", "scip"])["objective"].nunique() <= 2
    assert "mine" in problem.summary()
    assert "mine" in repr(problem)
    assert problem.to_pyomo().rows is not None
    assert problem.to_cvxpy().constraints


def test_an_isolated_process_solves_it():
    problem = KINDS["split"].subject_to(mine=lambda m: m.latency <= 4.0)
    assert eo.solve(problem, isolate=True).objective == eo.solve(problem).objective


def test_an_isolated_process_solves_a_declared_problem_with_a_row():
    problem = KINDS["declared"].subject_to(mine=lambda m: m.packed.sum() <= 1)
    assert eo.solve(problem, "highs", isolate=True).objective == 4.0


def test_a_broken_row_is_a_violation_of_its_name():
    problem = offloading().subject_to(per_day=lambda m: [m.local[k == DAY].sum() >= 2 for k in range(3)])
    nothing = eo.OffloadingDecision(np.r_[np.ones(6, bool), np.zeros(6, bool)])
    assert problem.violations(nothing) == {"per_day[2]": 1.0}


# Stating.


def test_families_by_a_matrix_a_list_and_a_mapping():
    problem = offloading()
    windows = sparse.csr_array(np.tri(12, 12, 0) - np.tri(12, 12, -4))
    stated = problem.subject_to(
        windows=lambda m: windows @ m.local >= np.minimum(np.arange(12), 2) - 1,
        some=lambda m: [m.local[0] + m.local[5] >= 1, m.local[2] <= m.local[3]],
        named=lambda m: {"first": m.local[:6].sum() >= 1, "last": m.local[6:].sum() >= 1},
        range=lambda m: m.local.mean().between(0.2, 0.9),
    )
    assert [stated.extra_names[i] for i in (0, 11, 12, 13, 14, 15, 16)] == [
        "windows[0]",
        "windows[11]",
        "some[0]",
        "some[1]",
        "named[first]",
        "named[last]",
        "range",
    ]
    np.testing.assert_array_equal(stated.extra.toarray()[:12], windows.toarray())
    assert isinstance(stated.extra, sparse.csr_array)
    assert (stated.extra_lower[-1], stated.extra_upper[-1]) == (0.2, 0.9)
    assert stated.subject_to(more=lambda m: m.local[1] == 1).extra.shape == (18, 12)


def test_rows_of_several_dimensions_have_all_indices():
    stated = KINDS["sites"].subject_to(never=lambda m: m.local <= m.array(np.ones((4, 2)), "samples", "sites"))
    assert (stated.extra_names[0], stated.extra_names[7]) == ("never[0,0]", "never[3,1]")


def test_a_constraint_is_added_to_those_before():
    first = offloading().subject_to(a=lambda m: m.local[:4].sum() >= 2)
    both = first.subject_to(b=lambda m: m.local[4:].sum() >= 2)
    at_once = offloading().subject_to(a=lambda m: m.local[:4].sum() >= 2, b=lambda m: m.local[4:].sum() >= 2)
    assert isinstance(both.base, eo.OfflineOffloading)
    assert eo.solve(both).objective == eo.solve(at_once).objective
    np.testing.assert_array_equal(both.extra.toarray(), at_once.extra.toarray())


def test_fields_of_the_base_are_at_hand_under_side_constraints_too():
    def floor(m):
        return m.admitted >= 0.2 * m.problem.traffic

    first = network().subject_to(cap=lambda m: m.admitted.sum() <= 3.0)
    both = first.subject_to(floor=floor)
    np.testing.assert_allclose(both.extra_lower[1:], 0.2 * network().traffic)
    fair = first.maximize(lambda m: m.minimum("worst", m.admitted / m.problem.traffic))
    assert eo.solve(fair).objective > 0.2
    batch = slots().subject_to(cap=lambda m: m.admitted.sum() <= 3.0).subject_to(floor=floor)
    np.testing.assert_allclose(batch.extra_lower[:, 1:], 0.2 * slots().traffic)


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ({}, "subject_to was given nothing"),
        ({"a": True}, r"constraint 'a' is True; expected a function of the words"),
        ({"a": lambda m: True}, "constraint 'a' is True; expected a comparison"),
        ({"a": lambda m: None}, "constraint 'a' is None; expected a comparison"),
        ({"a": lambda m: []}, "constraint 'a' is an empty list"),
        ({"a": lambda m: m.remote.sum() >= 1}, "m has no 'remote'; it offers local, columns, objective"),
        ({"a": lambda m: m["x"] >= 1}, r"m\['x'\]: no word or column is called so; words: local"),
        ({"a": lambda m: m.local[0] * m.local[1] >= 1}, "variables"),
        ({"a": lambda m: m.continuous("t")}, "m has no 'continuous'"),
        ({"min_local_fraction": lambda m: m.local.sum() >= 1}, "has rows called 'min_local_fraction'"),
        ({"a": lambda m: m.maximum("top", m.local) >= 1}, "top stands for a maximum"),
    ],
)
def test_what_is_no_constraint_is_refused(constraints, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        offloading().subject_to(**constraints)


def test_an_objective_with_squares_is_no_linear_word():
    near = eo.Program([1.0, 1.0], upper=5.0, squares=Squares([[1.0, -1.0]], [-1.0], [2.0]))
    for state in (near.minimize, near.maximize):
        with pytest.raises(eo.InvalidProblemError, match=r"m\.objective has squares \(1 of them\)"):
            state(lambda m: m.objective + m.x[0])
    with pytest.raises(eo.InvalidProblemError, match=r"m\.objective has squares \(1 of them\)"):
        near.subject_to(worth=lambda m: m.objective <= 3.0)
    linear = near.minimize(lambda m: m.x.sum())
    assert eo.solve(linear.subject_to(worth=lambda m: m.objective >= 3.0)).objective == pytest.approx(3.0)


def test_a_name_is_given_once():
    with pytest.raises(eo.InvalidProblemError, match="two side constraints are called 'a'"):
        offloading().subject_to(a=lambda m: m.local[0] >= 0).subject_to(a=lambda m: m.local[1] >= 0)


@pytest.mark.parametrize("taken", ["admitted", "objective", "worst"])
def test_a_variable_is_not_called_as_a_word(taken):
    fair = network().maximize(lambda m: m.minimum("worst", m.admitted))
    for state in (
        lambda m: m.minimum(taken, m.admitted) >= 0.1,
        lambda m: m.maximum(taken, m.admitted) <= 9.0,
        lambda m: m.absolute(taken, m.admitted[0]) <= 9.0,
        lambda m: m.piecewise(taken, m.admitted[0], [1.0, 2.0], [0.0, -1.0]) <= 9.0,
    ):
        with pytest.raises(eo.InvalidProblemError, match=f"m has {taken!r} already; call the variable otherwise"):
            fair.subject_to(a=state)


def test_latency_of_a_graph_is_bounded_from_above_only():
    assert eo.solve(graph().subject_to(deadline=lambda m: m.latency <= 100.0)).status == "optimal"
    with pytest.raises(eo.InvalidProblemError, match="not convex there"):
        graph().subject_to(idle=lambda m: m.latency >= 3.0)


def test_latency_and_energy_of_a_graph_are_those_of_every_placement():
    problem = graph()
    down = 1.0 / np.array([3.0, 2.5])
    up = 1.0 / np.array([1.5, 2.5])
    compute, send = np.array([2.0, 0.5, 0.1]), np.array([1.5, 0.3])
    for tiers in product(range(3), repeat=4):
        decision = eo.GraphSplitDecision(tiers)
        assert value(problem, lambda m: m.latency, decision) == pytest.approx(problem.objective(decision))
        joule = sum(compute[t] * problem.exec_time[n, t] for n, t in enumerate(tiers))
        for tensor in range(-1, 4):
            at, bits = (0, 1.0) if tensor < 0 else (tiers[tensor], problem.output_bits[tensor])
            readers = [tiers[c] for c in problem.consumers[tensor + 1]] + [0] * (tensor in problem.outputs)
            joule += sum((bits * up * send)[at : max([at, *readers])])
            joule += sum((bits * down * send)[min([at, *readers]) : at])
        assert value(problem, lambda m: m.energy(compute, send), decision) == pytest.approx(joule)


def test_auxiliary_variables_stand_on_each_other():
    problem = network()
    fair = problem.maximize(
        lambda m: m.minimum("least", m.minimum("pair", m.admitted[0], m.admitted[1]), 0.5 * m.admitted[2] + 0.1)
    )
    admitted = np.array([0.3, 0.2, 0.1])
    assert fair.objective(eo.AdmissionDecision(admitted)) == pytest.approx(0.15)
    assert eo.verify(fair, eo.solve(fair), exact=True)


def test_deviations_and_costs_of_pieces():
    problem = network()
    even = problem.subject_to(even=lambda m: m.absolute("off", m.admitted[0] - m.admitted[1]) <= 0.25)
    admitted = eo.solve(even).decision.admitted
    assert abs(admitted[0] - admitted[1]) <= 0.25 + 1e-9
    steep = problem.maximize(lambda m: m.objective - m.piecewise("late", m.load[0], [0.0, 4.0], [0.0, -8.0]))
    found = eo.solve(steep)
    load = problem.load(found.decision.admitted)[0]
    assert found.objective == pytest.approx(problem.objective(found.decision) - max(0.0, 4 * load - 8))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (lambda m: m.admitted.sum() >= np.inf, r"side constraint 'mine' demands at least inf, which no decision meets"),
        (lambda m: m.admitted <= np.array([1.0, -np.inf, 1.0]), r"'mine\[1\]' demands at most -inf"),
        (lambda m: m.admitted.sum() >= np.nan, "a number in an expression is nan"),
        (lambda m: np.broadcast_to(1.0, (10**9, 3)) @ m.admitted >= 1, r"\(1000000000, 3\) has 3,000,000,000 entries"),
        (lambda m: np.ones((2, 4)) @ m.admitted >= 1, r"a matrix of shape \(2, 4\) meets \(services: 3\)"),
        (lambda m: m.admitted.sum(), "expected a comparison"),
    ],
)
def test_rows_that_mean_nothing_are_refused(row, message):
    with pytest.raises(eo.InvalidProblemError, match=message):
        network().subject_to(mine=row)


def test_a_side_that_demands_nothing_is_kept():
    free = network().subject_to(mine=lambda m: m.admitted.sum() >= -np.inf)
    assert eo.solve(free).objective == pytest.approx(eo.solve(network()).objective)


def test_a_pandas_matrix_on_the_left_is_told_how_to_go_in():
    pd = pytest.importorskip("pandas")
    with pytest.raises(TypeError, match="pandas object on the left of @ goes in as its .to_numpy"):
        network().subject_to(mine=lambda m: pd.Series([1.0, 1.0, 1.0]) @ m.admitted <= 1)
    limit = pd.Series([1.0, 2.0, 3.0])
    assert eo.solve(network().subject_to(mine=lambda m: m.admitted <= limit)).status == "optimal"


def test_parts_that_do_not_fit_are_refused():
    problem = network()
    with pytest.raises(eo.InvalidProblemError, match=r"extra has shape \(1, 2\); expected \(rows, 3\)"):
        Constrained(problem, [[1.0, 1.0]])
    with pytest.raises(eo.InvalidProblemError, match=r"extra\[0, 1\] is nan"):
        Constrained(problem, [[1.0, np.nan, 1.0]])
    with pytest.raises(eo.InvalidProblemError, match="extra_lower has shape"):
        Constrained(problem, [[1.0, 1.0, 1.0]], [1.0, 2.0])
    with pytest.raises(eo.InvalidProblemError, match="extra_names has 2 names; expected 1"):
        Constrained(problem, [[1.0, 1.0, 1.0]], extra_names=["a", "b"])
    with pytest.raises(eo.InvalidProblemError, match="base is a SlotProblem|base is a int"):
        Constrained(3, [[1.0]])
    with pytest.raises(eo.InvalidProblemError, match="no row defines the variable t"):
        Auxiliary(["t"], [1], sparse.csr_array((1, 1)), [-1])
    with pytest.raises(eo.InvalidProblemError, match="must hold it with the coefficient 1"):
        Auxiliary(["t"], [1], [[2.0]], [0])
    with pytest.raises(eo.InvalidProblemError, match="come after it"):
        Auxiliary(["t", "s"], [1, 1], [[1.0, 1.0], [0.0, 1.0]], [0, 1])


# Batches.


def slots(count=6):
    one, rng = network(), np.random.default_rng(1)
    return eo.RevenueMaximization(
        one.unit_revenue,
        one.compute_density,
        one.link_density,
        one.compute_capacity,
        one.link_capacity,
        traffic=rng.gamma(2.0, 0.3, (count, 3)),
    )


def test_a_batch_is_constrained_instance_by_instance():
    batch = slots().subject_to(floor=lambda m: m.admitted >= 0.1 * m.problem.traffic, cap=lambda m: m.admitted[0] <= 1)
    solution = eo.solve(batch)
    assert (batch.batch, batch.extra_lower.shape, solution.status) == (6, (6, 4), "optimal")
    assert eo.verify(batch, solution)
    for index in range(6):
        alone = slots().instance(index)
        floor = 0.1 * alone.traffic
        by_itself = alone.subject_to(floor=lambda m, least=floor: m.admitted >= least, cap=lambda m: m.admitted[0] <= 1)
        assert eo.solve(by_itself).objective == pytest.approx(solution.objective[index])
        assert eo.solve(batch.instance(index)).objective == pytest.approx(solution.objective[index])


def test_an_objective_of_a_batch():
    fair = slots().maximize(lambda m: m.objective - 0.5 * m.maximum("most", m.admitted))
    solution = eo.solve(fair)
    assert eo.verify(fair, solution)
    admitted = solution.decision.admitted
    np.testing.assert_allclose(solution.objective, slots().objective(solution.decision) - 0.5 * admitted.max(axis=1))


def test_rows_of_a_batch_have_the_same_coefficients():
    with pytest.raises(eo.InvalidProblemError, match=r"instances 0 and 1 have other coefficients.*each instance\(i\)"):
        slots().subject_to(share=lambda m: m.problem.traffic @ m.admitted >= 1.0)
    with pytest.raises(eo.InvalidProblemError, match=r"extra_lower has shape \(2, 1\)"):
        Constrained(network(), [[1.0, 1.0, 1.0]], [[1.0], [2.0]])


# Explanations.


def test_an_explanation_has_the_name_of_the_row_and_the_words_of_the_base():
    problem = offloading(local_available=np.arange(12) < 6)
    asked = problem.subject_to(per_day=lambda m: [m.local[day == DAY].sum() >= 2 for day in range(3)])
    solution = eo.solve(asked)
    assert solution.status == "infeasible"
    explanation = solution.explain()
    assert set(explanation.conflict) == {"per_day[2] >= 2", "local_available lets only 6 of 12 be local"}
    assert explanation.repair.text == "per_day[2] >= 2 becomes 0"
    assert eo.solve(explanation.repair.apply()).status == "optimal"


def test_the_words_of_a_network_and_of_a_split():
    asked = network().subject_to(much=lambda m: m.admitted.sum() >= 9.0)
    conflict = eo.solve(asked).explain().conflict
    assert conflict[0] == "much >= 9"
    assert any("capacity of" in line for line in conflict)
    pinned = eo.StochasticSplit([eo.Exit(0.7, [[1.0, np.inf], [5.0, 0.1]], [9.0, 1.0, 0.5])], [1.0], 1.0)
    off = eo.solve(pinned.subject_to(off=lambda m: m.runs[0][0, 1] >= 1)).explain()
    assert "off >= 1" in off.conflict[0]
    assert "layer 0 of exit 0 cannot run on tier 1 (exec_time)" in off.conflict
    fair = network().maximize(lambda m: m.minimum("worst", m.admitted)).subject_to(a=lambda m: m.worst >= 2.0)
    lines = eo.solve(fair).explain().conflict
    assert lines[:2] == ("a >= 2", "worst is the smallest of its expressions")


def test_an_infeasible_base_explains_itself():
    problem = offloading(fraction=1.0, local_available=np.arange(12) < 6)
    asked = problem.subject_to(a=lambda m: m.local[0] >= 1)
    assert asked.explain().conflict == problem.explain().conflict


# Sensitivities.


def test_what_fields_and_rows_are_worth_is_what_changes_when_they_are_moved():
    """Against solving again with each entry a little larger."""
    base = network()
    stated = {"cap": lambda m: m.admitted[:2].sum() <= 1.3, "floor": lambda m: m.admitted >= 0.15 * base.traffic}
    problem = base.subject_to(**stated)
    found = eo.sensitivity(eo.solve(problem))
    step = 1e-5

    def moved(other):
        return (eo.solve(other).objective - eo.solve(problem).objective) / step

    for name in ("unit_revenue", "compute_capacity", "link_capacity", "traffic"):
        array = getattr(base, name)
        for place in range(array.size):
            more = replace(base, **{name: array + step * (np.arange(array.size) == place)})
            again = replace(problem, base=more)
            assert found.fields[name][place] == pytest.approx(moved(again), abs=1e-6), (name, place)
    upper = problem.extra_upper.copy()
    upper[0] += step
    assert found.constraints["cap"] == pytest.approx(moved(replace(problem, extra_upper=upper)), abs=1e-6)
    lower = problem.extra_lower + step * (np.arange(4) == 1)
    assert found.constraints["floor"][0] == pytest.approx(moved(replace(problem, extra_lower=lower)), abs=1e-6)
    assert any(np.any(value) for value in found.constraints.values())


def test_prices_of_rows_of_other_problems():
    fair = network().maximize(lambda m: m.minimum("worst", m.admitted / m.problem.traffic))
    found = eo.sensitivity(eo.solve(fair.subject_to(cap=lambda m: m.admitted.sum() <= 1.1)))
    assert found.constraints["cap"] == pytest.approx(1.0 / 11.0)  # the largest t with t * 11 <= 1.1
    # Rows of the base have prices under another objective too.
    alone = eo.sensitivity(eo.solve(fair)).constraints
    step = 1e-5
    for name in ("compute_capacity", "link_capacity"):
        capacity = getattr(fair.base, name)
        for place in range(capacity.size):
            more = replace(fair.base, **{name: capacity + step * (np.arange(capacity.size) == place)})
            gain = (eo.solve(replace(fair, base=more)).objective - eo.solve(fair).objective) / step
            assert alone[name][place] == pytest.approx(gain, abs=1e-6), (name, place)
    assert any(np.any(price) for price in alone.values())
    whole = eo.sensitivity(eo.solve(split().subject_to(deadline=lambda m: m.latency <= 100.0)))
    assert whole.constraints["deadline"].tolist() == [0.0, 0.0]
    assert "whole numbers fixed" in whole.note
    with pytest.raises(eo.InvalidProblemError, match="batch of 6"):
        eo.sensitivity(eo.solve(slots().subject_to(cap=lambda m: m.admitted.sum() <= 1.0)))


# What notebooks show.


def test_the_mathematics_of_a_declared_base_has_the_rows_below():
    problem = KINDS["declared"].subject_to(pair=lambda m: m.packed[0] + 2 * m.packed[1] <= 2)
    text = problem._repr_latex_()
    assert r"\mathit{packed}_{0} + 2 \mathit{packed}_{1} \le 2\quad \text{(pair)}" in text
    assert text.count(r"\end{aligned}") == 1
    other = KINDS["declared"].minimize(lambda m: m.packed.sum())._repr_latex_()
    assert r"\min\quad & \mathit{packed}_{0}" in other
    assert r"\max" not in other


# Derived classes.


class Stricter(eo.OfflineOffloading):
    """Charges every local decision one more, which a solver that reads the fields would not see."""

    def objective(self, decision):
        return super().objective(decision) + float(decision.local.mean())

    @property
    def _dearer(self):
        program = super().program()
        return eo.Program(
            program.cost + 1.0 / self.samples,
            program.matrix,
            program.row_lower,
            program.row_upper,
            program.lower,
            program.upper,
            program.integrality,
            offset=program.offset,
        )

    def program(self):
        return self._dearer

    def certify(self, decision):
        return None


def test_a_derived_class_is_not_handed_to_its_parents_solver():
    problem = Stricter([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 0.6)
    solution = eo.solve(problem)
    assert solution.solver == "highs"
    assert "selection" in solution.message
    assert "Stricter derives from" in solution.message
    with pytest.raises(eo.UnsupportedPairError, match="Stricter may have changed what OfflineOffloading says"):
        eo.solve(problem, "selection")
    best = min(problem.objective(d) for d in every_offloading(3) if not problem.violations(d))
    assert solution.objective == pytest.approx(best)


def test_a_solver_may_take_derived_classes():
    @eo.solver("any-kind", solves=eo.OfflineOffloading, exact=False, subclasses=True)
    def any_kind(problem, options):
        return eo.Outcome.feasible(eo.OffloadingDecision(np.ones(problem.shape, bool)))

    assert eo.solve(Stricter([3.0, 1.0], [1.0, 1.5]), any_kind).status == "feasible"


def test_no_special_solver_gets_a_constrained_problem():
    names = eo.solvers_for(offloading().subject_to(a=lambda m: m.local[0] >= 1))
    assert "selection" not in str(names)
    assert "algorithm-1" not in str(names)


# Layers.


def test_a_layer_of_the_constrained_program_has_the_right_gradient():
    torch = pytest.importorskip("torch")
    from edgeopt.layers import LinearProgramLayer

    program = network().subject_to(cap=lambda m: m.admitted[:2].sum() <= 1.5).program()
    layer = LinearProgramLayer(program, ("row_upper",))
    sides = torch.tensor(program.row_upper, requires_grad=True)
    revenue = (torch.tensor(program.cost) * layer(sides)).sum()
    revenue.backward()
    moved = program.row_upper.copy()
    moved[-1] += 1e-4
    more = float((torch.tensor(program.cost) * layer(torch.tensor(moved))).sum())
    assert float(sides.grad[-1]) == pytest.approx((more - revenue.item()) / 1e-4, abs=1e-6)
