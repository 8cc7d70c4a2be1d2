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


def test_solve_and_compare_say_what_is_proved(run, problem_file, tmp_path):
    knapsack = eo.Program([5.0, 4.0], [[2.0, 3.0]], row_upper=[4.0], upper=1.0, integrality=True, sense="maximize")
    eo.save(knapsack, tmp_path / "knapsack.json")
    word = json.loads(run("solve", tmp_path / "knapsack.json", "--json")[1])
    assert (word["proved"], word["evidence"]) == (False, "by the word of highs and cp-sat")
    assert (word["bound"], word["claimed_bound"]) == (7.0, 5.0)
    assert "evidence: proved" in run("solve", problem_file)[1]
    rows = json.loads(
        run("compare", tmp_path / "knapsack.json", problem_file, "--solvers", "highs,cp-sat", "--json")[1]
    )
    assert [row["proved"] for row in rows] == [False, False, True, True]
    assert [row["conflict"] for row in rows] == [""] * 4
    assert "conflict" in run("compare", problem_file, "--solvers", "highs")[1]


def test_a_problem_called_infeasible_without_a_reason_ends_in_no_traceback(run, problem_file, monkeypatch):
    def unexplained(self):
        raise eo.NoSolutionError("nothing shows what is missing")

    monkeypatch.setattr(eo.Solution, "explain", unexplained)
    monkeypatch.setattr("edgeopt.solving.solve.solve", lambda problem, *_, **__: eo.Solution(eo.Status.INFEASIBLE))
    code, out, _ = run("solve", problem_file)
    assert code == 0
    assert "note: nothing shows what is missing" in out


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
    with pytest.raises(eo.EdgeOptError):
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
    out = run("compare", problem_file, "--solvers", "algorithm-1,exhaustive,shortest-path", "--json")[1]
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


def test_an_instance_is_solved_and_compared_by_its_name(run):
    code, out, _ = run("solve", "split/generated-tiny", "--json")
    assert (code, json.loads(out)["status"]) == (0, "optimal")
    code, out, _ = run("compare", "slot/generated-tiny", "--solvers", "two-regime,lambert-w", "--json")
    assert {row["problem"] for row in json.loads(out)} == {"slot/generated-tiny"}
    code, _, err = run("solve", "split/nonsense")
    assert code == 2
    assert "bench instances" in err


def test_profile_lists_layers(run):
    assert "conv" in run("profile", "alexnet")[1]


@pytest.mark.slow
def test_profile_lists_layers_and_units(run):
    code, out, _ = run("profile", "branchy_alexnet", "--json")
    rows = json.loads(out)
    assert code == 0
    assert rows[-1]["layer"] == "total"
    assert rows[-1]["macs"] == sum(row["macs"] for row in rows[:-1])
    code, out, _ = run("profile", "branchy_alexnet", "--units", "--json")
    assert {row["exit"] for row in json.loads(out)} == set(range(5))


MANY = """
import torch

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.layer = torch.nn.Embedding(100, 8), torch.nn.Linear(8, 4)

    def forward(self, tokens, frame, *, mask=None, scale=None):
        y = self.layer(self.table(tokens)) + frame.float().mean()
        y = y if mask is None else y * mask.unsqueeze(-1)
        return {"y": y if scale is None else y * scale}
"""


def test_profile_takes_several_inputs_of_any_type_and_keywords(run, tmp_path, monkeypatch):
    (tmp_path / "many.py").write_text(MANY)
    monkeypatch.chdir(tmp_path)
    words = [
        "--input",
        "1,6:int64/100",
        "--input",
        "1,3,4,4:uint8",
        "--input",
        "mask=1,6:bool",
        "--input",
        "scale=:float32",
    ]
    code, out, _ = run("profile", "many:Model", *words, "--json")
    rows = json.loads(out)
    assert code == 0
    assert rows[-1]["macs"] == 6 * 8 * 4
    assert {row["kind"] for row in rows} >= {"embedding", "linear", "elementwise"}
    assert sum(row["layer"].startswith("mul") for row in rows) == 2  # the mask and the scale
    code, out, _ = run("profile", "many:Model", "--input", "tokens=1,6:int64", "--input", "frame=1,3:uint8", "--json")
    assert code == 0
    assert json.loads(out)[-1]["macs"] == 6 * 8 * 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,0", "expected whole numbers above 0"),
        ("", "expected whole numbers above 0"),
        ("1,,2", "expected whole numbers above 0"),
        ("1,2:int65", "torch has no type 'int65'"),
        ("1,2:load", "torch has no type 'load'"),
        ("1,2/7", "belongs to whole numbers only"),
        ("1,2:uint8/300", "that torch.uint8 holds"),
        ("1,2:bool/2", "belongs to whole numbers only"),
    ],
)
def test_profile_refuses_inputs_that_are_none(run, text, said):
    code, _, err = run("profile", "alexnet", "--input", text)
    assert code != 0
    assert said in " ".join(err.split())


def test_profile_takes_a_model_of_ones_own(run, tmp_path, monkeypatch):
    (tmp_path / "ours.py").write_text("import torch\n\ndef build():\n    return torch.nn.Linear(4, 2)\n\nnothing = 3\n")
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("profile", "ours:build", "--input", "1,4", "--json")
    assert (code, json.loads(out)[-1]["macs"]) == (0, 8)
    sys.modules.pop("ours")
    for words in (
        ("nonsense",),
        ("ours:build",),
        ("ours:missing", "--input", "1,4"),
        ("ours:build", "--input", "1,x"),
        ("missing:build", "--input", "1,4"),
        ("ours:nothing", "--input", "1,4"),
        ("ours:build", "--input", "1,5"),
        ("os.path:join", "--input", "1"),
        ("resnet18", "--input", "99999999,99999,99999"),
    ):
        code, _, err = run("profile", *words)
        assert code == 2, words
        assert err.count("\n") == 1, words


@pytest.mark.slow
def test_a_campaign_from_the_command_line(run, tmp_path):
    folder = tmp_path / "bench"
    words = ("slot/generated-tiny", "--solvers", "two-regime,lambert-w", "--out", folder)
    code, out, err = run("bench", "run", *words)
    assert code == 0
    assert "2 rows, 0 of them without a verified answer" in out
    assert "running: 2 of 2" in err
    code, out, _ = run("bench", "show", "--out", folder, "--json", "--export", tmp_path / "t.md")
    assert {row["solver"] for row in json.loads(out)} == {"two-regime", "lambert-w"}
    assert (tmp_path / "t.md").read_text().startswith("| instance |")
    assert "mean_time" in run("bench", "show", "--summary", "--out", folder)[1]
    code, out, _ = run("bench", "report", "--out", folder)
    assert (code, out.strip()) == (0, str(folder / "report.html"))
    assert (folder / "report.html").stat().st_size > 1e6
    code, out, _ = run("bench", "instances", "slot", "--json")
    assert all(row["instance"].startswith("slot/") for row in json.loads(out))


@pytest.mark.parametrize(
    "words",
    [
        ("bench", "run", "nonsense"),
        ("bench", "run", "slot/generated-tiny", "--solvers", "nonsense"),
        ("bench", "run", "slot/generated-tiny", "--seeds", "x"),
        ("bench", "run", "slot/*", "--repetitions", "0"),
        ("bench", "show"),
        ("bench", "report"),
        ("bench", "instances", "nonsense"),
        ("bench", "run", "slot/generated-tiny", "--seeds", "18446744073709551616"),
        ("bench", "run", "slot/generated-tiny", "--solvers", "two-regime[seed=3]"),
        ("bench", "run", "slot/generated-tiny", "--solvers", "two-regime", "--out", "a-file"),
        ("bench", "run", "slot/generated-tiny", "--solvers", "two-regime", "--dask", "nonsense"),
        ("solve", "offloading/generated[ties=abc]"),
        ("solve", "split/generated[seed=-1]"),
        ("solve", "x" * 5000),
        ("solve", "split/generated-tiny", "--option", "solver=highs"),
    ],
)
def test_a_wrong_campaign_is_one_line_and_exit_code_2(run, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("")
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    said = [line for line in err.splitlines() if not line.startswith("running: ")]  # told where a run takes a while
    assert len(said) == 1


def test_every_command_has_help_with_an_example(run):
    from typer.main import get_command

    def commands(group, path=()):
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from commands(command, (*path, name))
            else:
                yield (*path, name)

    listed = list(commands(get_command(cli.app)))
    wanted = {"solvers", "solve", "compare", "verify", "profile", "new", "reproduce", "data", "bench", "allocate"}
    assert {path[0] for path in listed} == wanted
    for path in listed:
        code, out, _ = run(*path, "--help")
        assert code == 0
        assert f"edgeopt {' '.join(path)}" in out.partition("Examples:")[2], path
        assert "\b" not in out


def test_shells_complete_solvers_instances_and_studies():
    from edgeopt.cli.completion import complete_instance, complete_solver, complete_study

    assert complete_solver("sho") == ["shortest-path"]
    assert "split/branchy-alexnet-lte" in complete_instance("split/branchy-alexnet-l")
    assert complete_study("zuo") == ["zuo2024"]


def test_shell_completion_works_from_outside():
    import os

    done = subprocess.run(
        [sys.executable, "-c", "from edgeopt.cli import main; main()"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "_EDGEOPT_COMPLETE": "complete_bash", "COMP_WORDS": "edgeopt be", "COMP_CWORD": "1"},
    )
    assert "bench" in done.stdout


def test_no_colour_and_no_terminal_give_plain_text():
    import os

    for extra in ({"NO_COLOR": "1", "FORCE_COLOR": ""}, {}):
        environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"} | extra
        done = subprocess.run(
            [sys.executable, "-m", "edgeopt", "solvers"], capture_output=True, check=True, env=environment
        )
        assert b"\x1b[" not in done.stdout
