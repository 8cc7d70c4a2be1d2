"""``solve``: options that are supported or refused, warm starts, seeds, limits, and what a solution records."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.model.outcome import Options
from edgeopt.solving.prepared import prepared
from edgeopt.solving.registry import solvers

PROBLEM = eo.OfflineOffloading([3.0, 1.0, 2.0, 5.0], [1.0, 1.5, 1.0, 1.0], min_local_fraction=0.5)
PROGRAM = eo.Program([1.0, 2.0], [[1.0, 1.0]], row_lower=[1.0])
BEST = eo.OffloadingDecision(np.array([False, True, True, False]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"time_limit": -1}, "time_limit is -1; expected seconds >= 0, or None"),
        ({"time_limit": "soon"}, "time_limit is 'soon'"),
        ({"time_limit": np.nan}, "time_limit is nan"),
        ({"time_limit": True}, "time_limit is True"),
        ({"relative_gap": -1e-9}, "relative_gap is -1e-09; expected a number >= 0"),
        ({"relative_gap": np.nan}, "relative_gap is nan"),
        ({"threads": 0}, "threads is 0; expected an integer >= 1"),
        ({"threads": 1.5}, "threads is 1.5"),
        ({"seed": -1}, "seed is -1; expected an integer >= 0"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"seed": None}, "seed is None"),
        ({"memory_limit": 1e9}, "memory_limit needs isolate=True"),
        ({"colour": "red"}, "no option 'colour'; its own options: it has none"),
        ({"warm_start": BEST}, "does not support warm_start; .* it supports time_limit, relative_gap, threads"),
    ],
)
def test_impossible_options_are_refused(options, words):
    with pytest.raises(eo.InvalidOptionError, match=words):
        eo.solve(PROBLEM, "selection", **options)


def test_an_unknown_option_lists_the_known_ones():
    with pytest.raises(eo.InvalidOptionError, match="no option 'colour'; its own options: iterations"):
        eo.solve(PROBLEM, "lagrangian", colour="red")
    with pytest.raises(eo.InvalidOptionError, match=r"'highs' has no option 'colour'; .*mip_rel_gap.*presolve"):
        eo.solve(PROBLEM, "highs", colour="red")


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (eo.OffloadingDecision(np.array([True])), r"warm_start does not fit the problem: decision.local is bool"),
        (eo.OffloadingDecision([1, 0, 1, 0]), "is int64"),
        (eo.Point([1.0, 0.0, 1.0, 0.0]), "decision is a Point; expected an OffloadingDecision"),
        (np.array([True, True, False, False]), "decision is a ndarray"),
    ],
)
def test_a_warm_start_must_fit(start, words):
    with pytest.raises(eo.InvalidOptionError, match=words):
        eo.solve(PROBLEM, "highs", warm_start=start)


def test_a_warm_start_of_a_program_is_a_finite_point():
    for values in ([1.0], [np.nan, 1.0], [[1.0, 1.0]]):
        with pytest.raises(eo.InvalidOptionError, match=r"decision\.values"):
            eo.solve(PROGRAM, "highs", warm_start=eo.Point(values))
    assert eo.solve(PROGRAM, "highs", warm_start=eo.Point([0.0, 1.0])).objective == 1.0


def test_a_solution_is_a_warm_start_if_it_has_a_decision():
    solution = eo.solve(PROBLEM, "highs", warm_start=eo.solve(PROBLEM, "local-only"))
    assert (solution.status, solution.objective) == ("optimal", 1.25)
    assert solution.options["warm_start"] is True
    with pytest.raises(eo.NoSolutionError, match="the time limit is 0"):
        eo.solve(PROBLEM, "highs", warm_start=eo.solve(PROBLEM, time_limit=0))


def test_the_warm_start_reaches_a_general_solver_as_a_point():
    seen = []

    def look(program, options):
        seen.append(options.warm_start)
        return eo.Outcome(eo.Status.NO_SOLUTION)

    entry = eo.Solver("looks", look, eo.Program, True, options=("warm_start",))
    eo.solve(PROBLEM, entry, warm_start=BEST)
    np.testing.assert_array_equal(seen[0], [0.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("isolate", [False, True])
def test_a_time_limit_of_zero_gives_no_solution_at_once(isolate, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a process was started"))
    solution = eo.solve(PROBLEM, "highs", time_limit=0, isolate=isolate)
    assert solution.status == "no_solution"
    assert solution.objective is solution.bound is solution.certificate is None
    with pytest.raises(eo.NoSolutionError, match="solver 'highs' ended no_solution: the time limit is 0"):
        _ = solution.decision
    with pytest.raises(eo.InvalidOptionError, match="colour"):  # even then options are checked
        eo.solve(PROBLEM, "highs", time_limit=0, colour="red")


def test_a_solution_records_who_how_and_how_long():
    solution = eo.solve(PROBLEM, "highs", relative_gap=1e-4, threads=1, seed=7, presolve="off")
    assert (solution.solver, solution.seed) == ("highs", 7)
    assert solution.solver_version.startswith("1.14")
    assert solution.options == {"relative_gap": 1e-4, "threads": 1, "presolve": "off"}
    assert solution.wall_time > 0
    assert solution.verify_time > 0
    assert solution.problem is PROBLEM
    assert eo.solve(PROBLEM).solver_version == eo.__version__
    text = repr(solution)
    assert text.startswith("Solution(highs: optimal, objective 1.25, gap 0")
    assert "the time limit is 0" in repr(eo.solve(PROBLEM, time_limit=0))


def test_the_seed_decides_every_draw():
    rng = np.random.default_rng(0)
    problem = eo.OfflineOffloading(rng.random(50), rng.random(50), 0.5)
    seeds = ({"seed": 1}, {"seed": 1}, {"seed": np.int64(1)}, {"seed": 0}, {})
    drawn = [eo.solve(problem, "random", **seed).decision.local.tobytes() for seed in seeds]
    assert drawn[0] == drawn[1] == drawn[2] != drawn[3] == drawn[4]
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    eo.solve(problem, "random")
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_auto_takes_the_best_ranked_exact_solver_that_supports_the_options():
    assert eo.solve(PROBLEM).solver == "selection"
    assert eo.solve(PROGRAM).solver == "highs"
    assert eo.solve(PROBLEM, warm_start=BEST).solver == "highs"
    assert eo.solve(PROBLEM, chunk=2).solver == "selection-stream"
    with pytest.raises(eo.InvalidOptionError, match=r"no exact solver supports all these options: .*'selection'"):
        eo.solve(PROBLEM, colour="red")


@pytest.mark.parametrize(
    ("problem", "solver", "error", "words"),
    [
        (PROBLEM, "oracle", eo.UnknownSolverError, "no solver is called 'oracle'; registered: .*selection"),
        (PROBLEM, 5, eo.UnknownSolverError, "'5'"),
        (PROBLEM, "selection:fast", eo.UnknownSolverError, "'selection' has no variants"),
        (PROGRAM, "selection", eo.UnsupportedPairError, "solves OfflineOffloading, so not this Program; .* it: highs"),
        (PROBLEM, "glop", eo.UnsupportedPairError, "takes no integer columns"),
        ([1.0, 2.0], "auto", eo.UnsupportedPairError, r"problem is a list of 2; call eo.compare\(\["),
        (eo.OfflineOffloading(np.ones(21), np.ones(21)), "exhaustive", eo.UnsupportedPairError, r"2\^21 choices"),
    ],
)
def test_pairs_that_cannot_be(problem, solver, error, words):
    with pytest.raises(error, match=words) as caught:
        eo.solve(problem, solver)
    assert isinstance(caught.value, eo.EdgeOptError)


def test_a_missing_package_comes_with_the_command_that_installs_it():
    entry = eo.Solver("needy", lambda p, o: None, eo.Program, True, requires=("no_such_package",), install="nope>=1")
    assert not entry.installed
    assert entry.version == "unknown"
    with pytest.raises(eo.SolverNotInstalledError, match="needs no_such_package; install with: pip install 'nope>=1'"):
        eo.solve(PROGRAM, entry)


def test_the_input_is_untouched_by_every_solver_it_is_given_to():
    before = [array.tobytes() for array in (PROBLEM.local_cost, PROBLEM.remote_cost, PROBLEM.benefit)]
    for entry in solvers().values():
        if not entry.refusal(PROBLEM):
            eo.solve(PROBLEM, entry.name)
    assert [array.tobytes() for array in (PROBLEM.local_cost, PROBLEM.remote_cost, PROBLEM.benefit)] == before


def test_options_count_the_time_that_is_left():
    assert Options().remaining() == np.inf
    assert 0.0 < Options(time_limit=1000.0).remaining() <= 1000.0
    assert Options(time_limit=1.0, started=time.monotonic() - 5.0).remaining() == 0.0
    assert Options(seed=3).generator().random() == np.random.default_rng(3).random()


def test_costs_of_any_unit_reach_a_general_solver_near_one():
    for scale in (1e-300, 1e-5, 1.0, 1e5, 1e300):
        program = eo.Program([scale, 2 * scale], [[1.0, 1.0]], [1.0], offset=scale)
        ready = prepared(program)
        assert 0.1 <= ready.program.cost.max() <= 2e4
        np.testing.assert_array_equal(np.ldexp(ready.program.cost, -ready.scaling.cost), program.cost)
        solution = eo.solve(program, "highs")
        assert (solution.status, solution.objective) == ("optimal", pytest.approx(2 * scale, rel=1e-12))
        np.testing.assert_allclose(solution.certificate.row_dual, [scale], rtol=1e-9)


def test_costs_at_the_ends_of_float64():
    assert eo.solve(eo.OfflineOffloading([1.7e308], [0.0], 1.0), "highs").objective == 1.7e308
    assert eo.solve(eo.OfflineOffloading([5e-324], [0.0], 1.0), "highs").objective == 5e-324
    mixed = eo.OfflineOffloading([1e300, 1e-300], [1e300, 0.0], 0.5)  # costs of 1e-300 beside a constant of 1e300
    assert eo.solve(mixed, "highs").objective == 5e299


def test_solves_in_several_threads_do_not_meet():
    rng = np.random.default_rng(3)
    problems = [eo.OfflineOffloading(rng.random(30), rng.random(30), 0.4) for _ in range(6)]
    wanted = [eo.solve(problem).objective for problem in problems]
    found: dict[int, float] = {}

    def work(i):
        found[i] = eo.solve(problems[i], "highs" if i % 2 else "selection-stream").objective

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(6)] == pytest.approx(wanted, rel=1e-12)


def test_a_general_solver_is_told_of_integers_rounded_to_them():
    near = eo.Solver("near", lambda p, o: eo.Outcome.optimal(eo.Point([1e-7, 1 - 1e-7, 1.0, 0.0])), eo.Program, True)
    solution = eo.solve(PROBLEM, near)
    np.testing.assert_array_equal(solution.decision.local, BEST.local)
    assert solution.objective == 1.25


def test_the_run_that_counts_sees_a_problem_that_nobody_has_touched():
    from edgeopt.model.solver import solver

    seen = []

    @solver("probe", solves=eo.OfflineOffloading, exact=False)
    def probe(problem, options):
        seen.append(problem)
        return eo.Outcome.feasible(eo.OffloadingDecision(np.ones(problem.samples, bool)))

    problem = eo.OfflineOffloading([1.0, 2.0], [2.0, 1.0])
    solution = eo.solve(problem, probe, warm_up=60.0)
    assert len(seen) == 2
    assert seen[1] is not problem
    assert solution.problem is problem
    eo.solve(problem, probe)
    assert len(seen) == 3


@pytest.mark.parametrize("name", ["highs", "cp-sat", "scip", "scipy", "pyomo", "priced"])
def test_a_side_that_rounding_puts_above_a_whole_number(name):
    # 0.07 * 100 is 7.000000000000001, so that 7 is too few; back ends take the two for equal.
    program = eo.Program(np.arange(1.0, 101.0), np.ones((1, 100)), row_lower=[0.07 * 100], upper=1.0, integrality=True)
    found = eo.solve(program, name)
    assert (found.status, found.objective) == ("optimal", 36.0)
