"""The command line: every command, its JSON, its exit codes, its one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import edgeopt as eo
from edgeopt import cli
from edgeopt.cli import printing


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line in this process; return exit code, output and errors."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["edgeopt", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call


@pytest.fixture
def problem_file(tmp_path):
    problem = eo.OfflineOffloading([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], min_local_fraction=0.6)
    eo.save(problem, tmp_path / "problem.json")
    return tmp_path / "problem.json"


def test_solvers_lists_every_registered_solver(run):
    code, out, _ = run("solvers", "--json")
    rows = json.loads(out)
    assert code == 0
    assert {"selection", "highs", "random"} <= {row["solver"] for row in rows}
    assert all(row["kind"] in ("exact", "heuristic") for row in rows)
    assert "selection" in run("solvers")[1]


def test_solve_prints_the_verified_answer_and_saves_it(run, problem_file, tmp_path):
    code, out, _ = run("solve", problem_file, "--solver", "selection", "--out", tmp_path / "solution.json", "--json")
    answer = json.loads(out)
    assert (code, answer["status"]) == (0, "optimal")
    assert answer["objective"] == pytest.approx(4 / 3)
    assert eo.load(tmp_path / "solution.json").objective == answer["objective"]
    assert "status: optimal" in run("solve", problem_file)[1]


def test_solver_options_pass_through_and_unknown_ones_are_refused(run, problem_file):
    assert run("solve", problem_file, "--solver", "lagrangian", "--option", "iterations=80")[0] == 0
    code, _, err = run("solve", problem_file, "--solver", "lagrangian", "--option", "steps=80")
    assert code == 2
    assert "iterations" in err
    assert run("solve", problem_file, "--option", "nonsense")[0] == 2


def test_a_model_file_is_solved_like_any_problem(run, tmp_path):
    program = eo.Program([1.0, 2.0], [[1.0, 1.0]], row_lower=[1.0])
    program.write(tmp_path / "tiny.mps")
    code, out, _ = run("solve", tmp_path / "tiny.mps", "--json")
    assert code == 0
    assert json.loads(out)["objective"] == pytest.approx(1.0)


def test_an_infeasible_problem_is_explained(run, tmp_path):
    problem = eo.OfflineOffloading([1.0, 1.0], [0.0, 0.0], 1.0, local_available=[True, False])
    eo.save(problem, tmp_path / "p.json")
    code, out, _ = run("solve", tmp_path / "p.json")
    assert code == 0
    assert "0.5 is the largest feasible local fraction" in out


def test_no_decision_is_exit_code_1(run, problem_file):
    code, out, _ = run("solve", problem_file, "--time-limit", "0", "--json")
    assert (code, json.loads(out)["status"]) == (1, "no_solution")


def test_compare_gives_one_row_for_each_pair(run, problem_file):
    code, out, _ = run("compare", problem_file, problem_file, "--solvers", "selection,algorithm-1", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["solver"] for row in rows] == ["selection", "algorithm-1"] * 2
    assert "selection" in run("compare", problem_file, "--solvers", "selection")[1]


def test_verify_accepts_a_true_solution_and_refuses_a_tampered_one(run, problem_file, tmp_path):
    run("solve", problem_file, "--out", tmp_path / "s.json")
    assert run("verify", problem_file, tmp_path / "s.json")[0] == 0
    head = json.loads((tmp_path / "s.json").read_text())
    head["objective"] = 0.5
    (tmp_path / "s.json").write_text(json.dumps(head))
    code, out, _ = run("verify", problem_file, tmp_path / "s.json", "--json")
    assert (code, json.loads(out)["holds"]) == (1, False)


def test_verify_wants_a_solution(run, problem_file):
    code, _, err = run("verify", problem_file, problem_file)
    assert code == 2
    assert "expected a solution" in err


def test_solve_wants_a_problem(run, problem_file, tmp_path):
    run("solve", problem_file, "--out", tmp_path / "s.json")
    code, _, err = run("solve", tmp_path / "s.json")
    assert code == 2
    assert "expected a problem" in err


def test_an_error_is_one_line_and_debug_shows_the_traceback(run, monkeypatch):
    code, _, err = run("solve", "nowhere.json")
    assert code == 2
    assert err.count("\n") == 1
    assert "nowhere.json" in err
    monkeypatch.setattr(sys, "argv", ["edgeopt", "solve", "nowhere.json", "--debug"])
    with pytest.raises(eo.DataFormatError):
        cli.main()


def test_wrong_use_is_exit_code_2(run):
    assert run("solve")[0] == 2
    assert run("frobnicate")[0] == 2


def test_version(run):
    assert run("--version")[1].strip() == f"edgeopt {eo.__version__}"


def test_data_list_names_licence_and_source(run):
    rows = json.loads(run("data", "list", "--json")[1])
    assert rows
    assert all(row["name"] for row in rows)


def test_data_fetch_of_an_unknown_name_lists_the_known_ones(run):
    code, _, err = run("data", "fetch", "no-such-data")
    assert code == 2
    assert "no-such-data" in err


def test_json_has_no_nan(run, problem_file):
    out = run("compare", problem_file, "--solvers", "algorithm-1,exhaustive,no-such-solver", "--json")[1]
    assert "NaN" not in out
    assert [row["status"] for row in json.loads(out)][-1] == "failed"


def test_help_loads_no_heavy_package():
    heavy = ("torch", "pandas", "pyomo", "cvxpy", "ortools", "highspy", "scipy.optimize", "numpy")
    code = (
        "import sys; sys.argv = ['edgeopt', '--help']\n"
        "from edgeopt import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_text_of_values():
    assert printing._text(np.nan) == ""
    assert printing._text(True) == "yes"


def test_studies_are_listed_and_unknown_ones_refused(run):
    code, out, _ = run("reproduce", "list", "--json")
    assert code == 0
    assert {"study": "zuo2024", "title": "Zuo (2024): Pre-DNNOff, on-demand DNN model offloading"} in json.loads(out)
    code, _, err = run("reproduce", "nobody2020")
    assert code == 2
    assert "no study is called 'nobody2020'; there are: " in err


def test_studies_say_what_they_are_at_and_leave_no_handler_behind(capsys):
    import logging

    from edgeopt import cli

    logger = logging.getLogger("edgeopt")
    before = list(logger.handlers), logger.level
    with cli._narrated():
        logging.getLogger("edgeopt.studies.early_exit").info("3 of 40 networks left")
    assert "3 of 40 networks left" in capsys.readouterr().err
    assert (list(logger.handlers), logger.level) == before
