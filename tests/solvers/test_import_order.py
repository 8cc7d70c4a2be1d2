"""highspy and OR-Tools each bring a HiGHS; whichever comes second must still load and solve."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

HIGHSPY = """
import highspy
h = highspy.Highs()
h.setOptionValue("output_flag", False)
h.addVar(1.0, 4.0)
h.changeColCost(0, 1.0)
h.run()
assert h.getObjectiveValue() == 1.0
"""

ORTOOLS = """
from ortools.linear_solver import pywraplp
s = pywraplp.Solver.CreateSolver("GLOP")
x = s.NumVar(1.0, 4.0, "x")
s.Minimize(x)
assert s.Solve() == 0 and x.solution_value() == 1.0
"""

EDGEOPT = """
from edgeopt.model.program import Program
from edgeopt.solving.solve import solve
program = Program([1.0], [[1.0]], [1.0], [4.0])
for name in {names}:
    assert solve(program, name).objective == 1.0, name
"""


@pytest.mark.parametrize("code", [HIGHSPY + ORTOOLS, ORTOOLS + HIGHSPY], ids=["highspy-first", "ortools-first"])
def test_both_packages_solve_in_one_process(code):
    run(code)


ORDERS = [
    pytest.param(names, id="-".join(names), marks=[pytest.mark.slow] * (names[0] == "cvxpy" or names[-1] == "glop"))
    for names in itertools.permutations(["highs", "glop", "cvxpy"])
]


@pytest.mark.parametrize("names", ORDERS)
def test_edgeopt_solves_whichever_is_asked_first(names):
    run(EDGEOPT.format(names=names))


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
