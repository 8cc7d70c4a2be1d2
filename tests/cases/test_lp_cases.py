"""What others reported about LP and MIP packages: no back end behind edgeopt may answer it falsely.

``optimal`` needs the right value, ``infeasible`` and ``unbounded`` must be true, a point must not be better than the
optimum and a bound not beyond it. A single back end may refuse or say that it does not know; ``auto`` may not.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from numerics.cases import CASES, STALLS, Case, negated
from numerics.data import of_program
from numerics.known import known
from numerics.right import Answer, false_claims, supports
from numerics.told import told

import edgeopt as eo
from edgeopt.solving.registry import find

SOLVERS = ["auto", "highs", "glop", "cp-sat", "scipy", "pdlp", "pyomo", "cvxpy", "cvxpy:CLARABEL", "cvxpy:SCIP"]
TURNED = [negated(case) for case in CASES]
BY_NAME = {case.name: case for case in [*CASES, *TURNED, STALLS]}
NEGATED = ["auto", "highs", "scipy"]
"""Which solvers meet each program a second time, as a maximisation."""

LONG = ("mean-of-20000", "17-highs-2997-a-negated")
"""Programs on which a solver takes ten seconds."""


def each(cases: list[Case]) -> list[object]:
    """Return the cases as parameters, the long ones marked."""
    return [pytest.param(case, id=case.name, marks=[pytest.mark.slow] * (case.name in LONG)) for case in cases]


@cache
def answered(name: str, solver: str):
    """Solve once, with a limit that only a stalling back end meets; None where the solver takes no such program."""
    program = BY_NAME[name].build()
    if solver != "auto" and find(solver)[0].refusal(program):
        return None
    try:
        # First-order methods end at a limit where rows are all but parallel.
        return told(program, solver, time_limit=5.0 if solver == "pdlp" else 60.0)
    except (eo.UnsupportedPairError, eo.SolverNotInstalledError):
        return None


def claims(case: Case, solver: str) -> list[str]:
    if (answer := answered(case.name, solver)) is None:
        pytest.skip(f"{solver} takes no such program")
    return false_claims(case.rights, int(case.build().sense.sign), answer)


@pytest.mark.parametrize("case", [*CASES, STALLS], ids=lambda case: case.name)
def test_what_counts_as_right_is_exactly_so(case):
    program = case.build()
    if program.columns > 30:
        pytest.skip("too large for rational arithmetic; known by hand")
    found = known(of_program(program), 10.0)
    objective = None if found.objective is None else found.objective + program.offset
    assert supports(case.rights, Answer(found.status, objective)), found


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("case", each(CASES))
def test_no_claim_is_false(case, solver):
    assert not claims(case, solver), answered(case.name, solver)


@pytest.mark.parametrize("solver", NEGATED)
@pytest.mark.parametrize("case", each(TURNED))
def test_no_claim_about_the_negated_program_is_false(case, solver):
    assert not claims(case, solver), answered(case.name, solver)


@pytest.mark.parametrize("case", [case for case in CASES if case.settled], ids=lambda case: case.name)
def test_auto_is_right(case):
    answer = answered(case.name, "auto")
    assert answer is not None
    assert supports(case.rights, answer), answer
    assert answer.verified


@pytest.mark.parametrize("case", [case for case in CASES if case.settled], ids=lambda case: case.name)
def test_some_named_solver_is_right(case):
    given = {solver: answered(case.name, solver) for solver in SOLVERS[1:]}
    assert any(answer is not None and supports(case.rights, answer) for answer in given.values()), given


CHILD = """
import sys
sys.path.insert(0, {tests!r})
from numerics.cases import STALLS
from numerics.right import false_claims
from numerics.told import told

answer = told(STALLS.build(), {solver!r}, time_limit=5.0)
print(answer)
sys.exit(7 if false_claims(STALLS.rights, 1, answer) else 0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["auto", "highs", "scipy", "cp-sat", "pyomo", "cvxpy"])
def test_a_stalling_back_end_ends_with_its_time_limit(solver):
    """The limit is 5 s; a minute is left for imports and for a busy machine, the child is killed after that."""
    code = CHILD.format(tests=str(Path(__file__).resolve().parents[1]), solver=solver)
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=65.0, check=False)
    except subprocess.TimeoutExpired:
        pytest.fail(f"{solver} did not return within a minute of its time limit of 5 s")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
