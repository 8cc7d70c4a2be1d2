"""A solver that changes the problem is caught, whatever it changes, and the problem is put right where it can be."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.model.solver import Solver
from edgeopt.solving.registry import solvers
from edgeopt.solving.untouched import SMALL, Watch

COSTS = np.arange(1.0, 13.0)


def offloading(samples: int = 12) -> eo.OfflineOffloading:
    return eo.OfflineOffloading(np.resize(COSTS, samples), np.zeros(samples), 0.5)


def cheat(change, solves=eo.OfflineOffloading):
    """A solver that changes the problem, then answers with all samples local."""

    def run(problem, options):
        change(problem)
        if isinstance(problem, eo.Program):
            return eo.Outcome.optimal(eo.Point(np.ones(problem.columns)))
        return eo.Outcome.optimal(eo.OffloadingDecision(np.ones(problem.samples, bool)))

    return Solver("cheat", run, solves, True)


def unlock(array, value=None, relock=False):
    array.flags.writeable = True
    if value is not None:
        array[...] = value
    array.flags.writeable = not relock


CHANGES = {
    "replaced": (lambda p: object.__setattr__(p, "local_cost", np.zeros(p.samples)), "local_cost was replaced"),
    "a number replaced": (
        lambda p: object.__setattr__(p, "min_local_fraction", 0.0),
        "min_local_fraction was replaced",
    ),
    "removed": (lambda p: object.__delattr__(p, "remote_cost"), "remote_cost was replaced"),
    "unlocked": (lambda p: unlock(p.remote_cost), "remote_cost was unlocked"),
    "written": (lambda p: unlock(p.local_cost, 0.0), "local_cost was written to"),
    "written and locked": (lambda p: unlock(p.local_cost, 0.0, relock=True), "local_cost was written to"),
    "several": (lambda p: [unlock(a, 0.0) for a in (p.local_cost, p.remote_cost)], r"local_cost was written to"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_caught_and_undone(name):
    change, words = CHANGES[name]
    problem, untouched = offloading(), offloading()
    found = eo.solve(problem, cheat(change))
    assert found.status == "failed"
    assert f"the solver changed the problem: {words}" in found.message
    assert (problem.local_cost == untouched.local_cost).all()
    assert (problem.remote_cost == untouched.remote_cost).all()
    assert not problem.local_cost.flags.writeable
    assert not problem.remote_cost.flags.writeable
    assert problem.min_local_fraction == 0.5
    assert eo.solve(problem).objective == eo.solve(untouched).objective


@pytest.mark.parametrize("part", ["data", "indices", "indptr"])
@pytest.mark.parametrize("how", ["unlocked", "written", "replaced"])
def test_a_program_is_watched_with_its_matrix(part, how):
    program = eo.Program([1.0, 2.0], [[1.0, 0.0], [2.0, 3.0]], 1.0)
    before = program.matrix.toarray()

    def change(handed):
        array = getattr(handed.matrix, part)
        if how == "replaced":
            setattr(handed.matrix, part, array.copy())
        else:
            unlock(array, None if how == "unlocked" else array[::-1].copy())

    found = eo.solve(program, cheat(change, eo.Program))
    assert found.status == "failed"
    assert "the solver changed the problem: matrix." in found.message
    assert (program.matrix.toarray() == before).all()
    assert not program.matrix.data.flags.writeable


def test_records_within_a_problem_are_watched():
    problem = eo.instances.load("split/generated-small").problem

    def change(handed):
        unlock(handed.exits[1].exec_time, 0.0)

    def run(handed, options):
        change(handed)
        return eo.Outcome.optimal(eo.solve(untouched).decision)

    untouched = eo.instances.load("split/generated-small").problem
    found = eo.solve(problem, Solver("cheat", run, type(problem), True))
    assert found.status == "failed"
    assert "exits[1].exec_time was written to" in found.message
    assert (problem.exits[1].exec_time == untouched.exits[1].exec_time).all()


def test_a_batch_is_watched():
    problem = eo.RevenueMaximization([3.0, 2.0], [[1.0, 1.0]], [[0.5, 0.0]], [4.0], [1.0], traffic=np.ones((5, 2)))
    assert problem.batch == 5

    def run(handed, options):
        unlock(handed.traffic, 9.0)
        return eo.Outcome.optimal(eo.AdmissionDecision(np.zeros(handed.traffic.shape)))

    for batched in (True, False):
        found = eo.solve(problem, Solver("cheat", run, eo.RevenueMaximization, True, batched=batched))
        assert found.status == "failed"
        assert (problem.traffic == 1.0).all()
        assert not problem.traffic.flags.writeable


def test_large_arrays_are_sampled_and_said_to_be_damaged():
    problem = offloading(10 * SMALL)
    found = eo.solve(problem, cheat(lambda p: unlock(p.local_cost, 0.0, relock=True)))
    assert found.status == "failed"
    assert "local_cost was written to and cannot be put back: build the problem anew" in found.message
    problem = offloading(10 * SMALL)
    found = eo.solve(problem, cheat(lambda p: unlock(p.local_cost)))
    assert "local_cost was unlocked" in found.message
    assert not problem.local_cost.flags.writeable


def test_what_a_solver_derived_is_derived_anew():
    def change(problem):
        for name, value in [(n, v) for n, v in vars(problem).items() if isinstance(v, np.ndarray)]:
            if name not in ("local_cost", "remote_cost"):
                value.flags.writeable = True
                value[...] = 0
        vars(problem)["benefit"] = np.full(problem.samples, -1.0)

    problem, untouched = offloading(), offloading()
    _ = problem.benefit
    eo.solve(problem, cheat(change))
    assert (problem.benefit == untouched.benefit).all()
    assert eo.solve(problem).objective == eo.solve(untouched).objective


def test_a_solver_that_raises_after_a_change_is_caught_too():
    def change(problem):
        unlock(problem.local_cost, 0.0)
        raise RuntimeError("gone")

    problem = offloading()
    assert eo.solve(problem, cheat(change)).status == "failed"
    assert (problem.local_cost == COSTS).all()


@pytest.mark.parametrize(
    "name",
    [
        "offloading/generated-small",
        "split/generated-small",
        "graph-split/generated-small",
        "revenue/generated-small",
        "slot/labriji2023-typical",
        "program/assignment-tiny",
    ],
)
def test_no_solver_of_ours_changes_a_problem(name):
    problem = eo.instances.load(name).problem
    watch = Watch(problem)
    for entry in solvers().values():
        if entry.installed and not entry.refusal(problem) and entry.name not in ("exhaustive", "pyomo"):
            found = eo.solve(problem, entry)
            assert "changed the problem" not in found.message, entry.name
    assert watch.fault() == ""


def test_arrays_that_were_open_before_may_stay_so():
    array = np.ones(3)
    program = eo.Program(array)
    object.__setattr__(program, "upper", array)
    watch = Watch(program)
    assert watch.fault() == ""
    array[0] = 2.0
    assert "upper was written to" in watch.fault()
