"""A bad plug-in costs what it would have added and one warning; a good one does not take over ``auto``."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import sys
import types
import warnings

import numpy as np
import pytest

import edgeopt as eo
from edgeopt import instances as library
from edgeopt.instances import Family
from edgeopt.model.solver import Solver
from edgeopt.solving import registry
from edgeopt.solving.registry import find


def answer(problem, options):
    return eo.Outcome.feasible(eo.OffloadingDecision(np.ones(problem.samples, bool)))


def solver_called(name="good", **fields):
    return Solver(**({"name": name, "function": answer, "solves": eo.OfflineOffloading, "exact": False} | fields))


def module(**held):
    made = types.ModuleType("somewhere")
    vars(made).update(held)
    return made


class Point:
    """An entry point that returns `loaded`, or raises it."""

    def __init__(self, loaded, name="theirs"):
        self.loaded, self.name, self.value = loaded, name, "theirs:thing"

    def load(self):
        if callable(self.loaded) and not isinstance(self.loaded, (type, Solver)):
            return self.loaded()
        if isinstance(self.loaded, BaseException):
            raise self.loaded
        return self.loaded


@pytest.fixture
def plugged(monkeypatch):
    """Install plug-ins: a function from a group and entry points to what it warned of on first use."""

    def install(group, *points):
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: there if group == wanted else [])
        there, wanted = list(points), group
        registry._registered.cache_clear()
        library.families.cache_clear()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                assert eo.solve(PROBLEM).solver == "selection"
                assert eo.instances.load("offloading/generated-small").problem.samples > 0
        return [str(warning.message) for warning in caught if "plug-in" in str(warning.message)]

    yield install
    registry._registered.cache_clear()
    library.families.cache_clear()


PROBLEM = eo.OfflineOffloading([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 0.6)

BAD = {
    "an int": 3,
    "None": None,
    "an empty module": module(),
    "a function": lambda: answer,
    "ImportError": ImportError("no such package"),
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "GeneratorExit": GeneratorExit(),
    "MemoryError": MemoryError(),
    "a taken name": solver_called("highs"),
    "the name auto": solver_called("auto"),
    "a name with a colon": solver_called("highs:ipm"),
    "no name": solver_called(""),
    "a name that is no text": solver_called(7),
    "a rank that is no number": solver_called(rank="first"),
    "no rank": solver_called(rank=None),
    "a function that is none": solver_called(function=3),
    "no kind of problem": solver_called(solves="OfflineOffloading"),
    "another kind of class": solver_called(solves=int),
    "a package without a name": solver_called(requires=("",)),
    "packages that are none": solver_called(requires=(3,)),
    "nothing to iterate": solver_called(requires=None),
    "functions by kind that are no mapping": solver_called(by_kind=None),
    "a rule that is none": solver_called(declines="never"),
}


@pytest.mark.parametrize("loaded", BAD.values(), ids=BAD.keys())
def test_a_bad_solver_costs_itself_and_one_warning(loaded, plugged):
    said = plugged("edgeopt.solvers", Point(loaded), Point(solver_called(), "works"))
    assert len(said) == 1
    assert "the plug-in 'theirs' (theirs:thing)" in said[0]
    assert eo.solve(PROBLEM, "good").objective == pytest.approx(2.0)
    assert list(eo.solvers_for(PROBLEM)["solver"]).count("highs") == 1


@pytest.mark.parametrize(
    "loaded",
    [
        3,
        [3],
        None,
        SystemExit(),
        KeyboardInterrupt(),
        Family("no-slash", "", "", lambda: PROBLEM),
        Family("offloading/generated", "", "", lambda: PROBLEM),
        Family("offloading/x", "", "", 3),
        Family("offloading/x", "", "", lambda: PROBLEM, None),
    ],
    ids=lambda loaded: getattr(loaded, "name", type(loaded).__name__),
)
def test_a_bad_family_costs_itself_and_one_warning(loaded, plugged):
    works = Family(
        "offloading/works", "", "", lambda samples=2: eo.OfflineOffloading(np.ones(samples), np.ones(samples))
    )
    said = plugged("edgeopt.instances", Point(loaded), Point([works], "works"))
    assert len(said) == 1
    assert "the plug-in 'theirs' (theirs:thing)" in said[0]
    assert eo.instances.load("offloading/works[samples=5]").problem.samples == 5
    assert eo.instances.names("offloading")


def test_of_two_plug_ins_with_one_name_the_first_counts(plugged):
    first, second = solver_called("twin"), solver_called("twin", exact=True)
    said = plugged("edgeopt.solvers", Point(second, "b"), Point(first, "a"))
    assert len(said) == 1
    assert "the plug-in 'b'" in said[0]
    assert registry.find("twin")[0] is first


def test_a_solver_that_cannot_tell_what_it_takes_is_not_offered(plugged):
    broken = solver_called("broken", declines=lambda problem: 1 / 0)
    assert plugged("edgeopt.solvers", Point(broken)) == []
    assert "broken" not in list(eo.solvers_for(PROBLEM)["solver"])
    with pytest.raises(eo.UnsupportedPairError, match="cannot say whether it takes the problem"):
        eo.solve(PROBLEM, "broken")


def test_a_package_that_is_no_package_is_one_that_is_missing(plugged):
    assert plugged("edgeopt.solvers", Point(solver_called("far", requires=("no.such.package",)))) == []
    with pytest.raises(eo.SolverNotInstalledError):
        eo.solve(PROBLEM, "far")


def test_a_rank_does_not_take_over_auto(plugged):
    first = solver_called("fast", exact=True, rank=-100)
    general = Solver("faster", lambda program, options: 1 / 0, eo.Program, True, rank=-100)
    assert plugged("edgeopt.solvers", Point(first), Point(general)) == []
    assert eo.solve(PROBLEM).solver == "selection"
    assert eo.solve(eo.Program([1.0], lower=2.0)).solver == "highs"
    assert eo.solve(PROBLEM, "fast").solver == "fast"


class Foreign(eo.OfflineOffloading):
    """A formulation of another package."""


def test_a_solver_for_a_formulation_of_ones_own_is_chosen(plugged):
    mine = solver_called("mine", solves=Foreign, exact=True, rank=1, function=lambda p, o: find("selection")[0](p, o))
    general = Solver("faster", lambda program, options: 1 / 0, eo.Program, True, rank=-100)
    plugged("edgeopt.solvers", Point(mine), Point(general))
    assert eo.solve(Foreign([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 0.6)).solver == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal to itself")
def test_the_users_own_interrupt_is_not_taken_for_the_plug_ins(plugged):
    with pytest.raises(KeyboardInterrupt):
        plugged("edgeopt.solvers", Point(lambda: os.kill(os.getpid(), signal.SIGINT)))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
