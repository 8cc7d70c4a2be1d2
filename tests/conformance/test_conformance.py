"""What every solver owes every problem that it claims to solve."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.model.batch_axis import batch_of
from edgeopt.model.problem import HasProgram
from edgeopt.model.solver import STANDARD_OPTIONS
from edgeopt.testing import laws
from edgeopt.testing.case import is_answered, own_cases
from edgeopt.testing.side_constraints import keeps_a_drawn_row, names_an_impossible_row
from edgeopt.testing.solvers import refuses_an_unknown_option, stops_at_once, supports_or_refuses


def test_an_exact_solver_finds_and_proves_the_truth(exact, case):
    laws.finds_and_proves(exact, case)


def test_a_heuristic_is_never_better_than_the_optimum(heuristic, case):
    laws.is_never_better(heuristic, case)


def test_the_bound_is_never_on_the_wrong_side(entry, case):
    laws.bounds_rightly(entry, case)


def test_the_same_seed_gives_the_same_answer_and_the_data_stay_untouched(entry, case):
    laws.repeats_itself(entry, case)


def an_easy_case(entry):
    """Return the first case with an optimum that `entry` takes."""
    return next(case for case in own_cases() if is_answered(case) and not entry.refusal(case.problem))


def a_large_problem(entry):
    """Return a problem that keeps most solvers of this kind busy for a while, or None where `entry` refuses it."""
    rng = np.random.default_rng(0)
    chains = [eo.Exit(k / 10, rng.gamma(1.0, 1.0, (60, 3)), rng.gamma(1.0, 1.0, 61)) for k in range(10)]
    paths = rng.random((200, 2000)) < 0.05
    candidates = [
        eo.RevenueMaximization(
            rng.gamma(2.0, 1.0, 2000),
            paths[:100],
            paths[100:],
            np.full(100, 40.0),
            np.full(100, 40.0),
            rng.gamma(2.0, 1.0, 2000),
        ),
        eo.OfflineOffloading(rng.gamma(2.0, 1.0, 15_000), rng.gamma(2.0, 0.8, 15_000), 0.6),
        eo.StochasticSplit(chains, np.full(10, 0.1), 1.0, 2.0),
        eo.GraphSplit(
            rng.gamma(1.0, 1.0, (300, 3)),
            [(p, c) for c in range(300) for p in range(max(-1, c - 5), c)],
            1.0,
            rng.gamma(1.0, 1.0, 300),
            1.0,
            2.0,
        ),
    ]
    return next((problem for problem in candidates if not entry.refusal(problem)), None)


@pytest.mark.timeout(120)
def test_a_time_limit_ends_the_search(entry):
    """Whether within a second is no question to a machine that others use too: it is killed after two minutes."""
    problem = a_large_problem(entry)
    if problem is None or "time_limit" not in entry.options:
        pytest.skip("it does not take this problem, or refuses the option")
    solution = eo.solve(problem, entry.name, time_limit=1.0)
    assert solution.status in ("optimal", "feasible", "no_solution")


def test_a_time_limit_of_zero_gives_no_solution(entry):
    if "time_limit" not in entry.options:
        pytest.skip("it refuses the option")
    stops_at_once(entry, an_easy_case(entry))


@pytest.mark.parametrize("option", STANDARD_OPTIONS)
def test_a_standard_option_is_supported_or_refused(entry, option):
    supports_or_refuses(entry, an_easy_case(entry), option)


def test_an_unknown_option_is_refused_with_the_known_ones(entry):
    refuses_an_unknown_option(entry, an_easy_case(entry))


WITH_PROGRAM = [case for case in own_cases() if isinstance(case.problem, HasProgram) and batch_of(case.problem) is None]


@pytest.mark.parametrize("check", [keeps_a_drawn_row, names_an_impossible_row])
@pytest.mark.parametrize("case", WITH_PROGRAM, ids=str)
def test_a_problem_with_a_program_takes_a_constraint_of_its_user(check, case):
    check(case.problem)
