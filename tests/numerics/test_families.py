"""On every family no claim of edgeopt is false, and it is right at least as often as the back end called by hand.

This is the small form: ``benchmarks/truth.py`` runs the same on as many members as are asked for, ``make soak`` on
100,000 of each family. ``EDGEOPT_FAMILIES`` sets the number of members here.
"""

from __future__ import annotations

import os

import pytest

from .families import FAMILIES
from .serving import Worker
from .soak import soak
from .tally import BY_HAND, Tally, table

MEMBERS = int(os.environ.get("EDGEOPT_FAMILIES", "8"))
FIRST = int(os.environ.get("EDGEOPT_FAMILIES_SEED", "0"))
SOLVERS = ["auto", "highs", "scipy", "cp-sat", "glop"]
SLOW_SOLVERS = ["pyomo", "cvxpy", "cvxpy:SCIP"]
"""They build a model of another package first: a few members are enough to see that they hand on the same program."""


@pytest.fixture(scope="module")
def worker():
    """One process for all families: it imports the packages once."""
    served = Worker()
    yield served
    served.close()


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("false-claims")


def told(tally: Tally, families, solvers) -> str:
    return table(tally, families, solvers) + "".join(f"\n{wrong}" for wrong in tally.wrong)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_claim_is_false_and_none_is_lost(family, worker, kept):
    tally = soak([family], range(FIRST, FIRST + MEMBERS), SOLVERS, [worker], kept)
    words = told(tally, [family], SOLVERS)
    assert not tally.wrong, words
    assert not tally.raised, words
    for solver in SOLVERS:
        ours, theirs = tally.row(family, solver), tally.row(family, BY_HAND + solver)
        assert ours[0] >= theirs[0], words


@pytest.mark.slow
def test_adapters_of_other_packages_claim_nothing_false(worker, kept):
    tally = soak(
        list(FAMILIES), range(FIRST, FIRST + max(1, MEMBERS // 7)), SLOW_SOLVERS, [worker], kept, by_hand=False
    )
    assert not tally.wrong, told(tally, list(FAMILIES), SLOW_SOLVERS)
    assert not tally.raised


def test_a_worker_that_dies_is_started_again_and_the_others_still_answer(worker):
    given = dict(worker.ask("units-lp", 0, ["truth", "exit now", "by hand highs"]))
    assert given["truth"]["rights"]
    assert given["exit now"] == "hung"
    assert given["by hand highs"]["status"]
