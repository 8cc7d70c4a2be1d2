"""A declared problem is a formulation like any other: solved, verified, saved, isolated, explained, priced, batched."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import declared_problems as problems
import numpy as np
import pytest

import edgeopt as eo
from edgeopt.testing import Case, brute_force, check_formulation, check_override

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(eo.__file__).parents[1])}
ModelCaching, caching, dispatch = problems.ModelCaching, problems.caching, problems.dispatch


def test_it_meets_the_contract_of_formulations_with_every_solver_and_brute_force():
    infeasible = Case("small memory", caching(2, memory=0.1), status="infeasible")
    family = [caching(0), caching(1, 2, 3), infeasible, caching(3, 1, 1), caching(4, 0, 2)]
    assert check_formulation(family, with_solvers=["highs", "cp-sat", "scipy", "exhaustive", "pyomo", "cvxpy"]) == 5


@pytest.mark.parametrize("solver", ["highs", "cp-sat", "scipy", "pyomo", "cvxpy"])
def test_solvers_agree_with_brute_force(solver):
    problem = caching(5, 3, 3)
    assert eo.solve(problem, solver).objective == pytest.approx(brute_force(problem), rel=1e-9)


def test_the_decision_has_named_arrays():
    import pandas as pd

    latency = pd.DataFrame([[1.0, 2.0], [2.0, 1.0]], index=["a", "b"], columns=["small", "large"])
    problem = ModelCaching(size=[1, 1], latency=latency, memory=2)
    decision = eo.solve(problem).decision
    assert decision.held.dtype == bool
    assert decision["serves"].tolist() == [[True, False], [False, True]]
    frame = decision.to_pandas("serves")
    assert frame.loc["a", "small"]
    assert list(frame.columns) == ["small", "large"]
    assert list(decision.to_pandas()["held"].index) == ["small", "large"]
    with pytest.raises(AttributeError, match="its variables: held, serves"):
        _ = decision.kept


def test_a_liar_is_refused_by_constraint_and_index():
    problem = caching(0)

    @eo.solver("liar", solves=ModelCaching, exact=False)
    def liar(given, options):
        return eo.Outcome.feasible(given.decide(held=[False, True], serves=[[True, False]] * 3))

    found = eo.solve(problem, liar)
    assert found.status == "failed"
    assert "only_held[0,0] is violated" in found.message


def test_rows_in_whole_numbers_hold_exactly():
    class Count(eo.Formulation):
        size: eo.Array = eo.data("items")
        room: float

        def declare(self, m):
            x = m.integer("x", "items", upper=1e12)
            m.maximize(x.sum())
            m.subject_to(room=self.size @ x <= self.room)

    problem = Count(size=[1.0], room=1e11)
    assert problem.violations(problem.decide(x=np.array([100_000_000_000]))) == {}
    assert problem.violations(problem.decide(x=np.array([100_000_000_001])))["room"] == 1.0


def test_a_file_in_another_process_needs_trust(tmp_path):
    problem = caching(0)
    eo.save(problem, tmp_path / "problem.json")
    assert eo.verify(problem, eo.solve(eo.load(tmp_path / "problem.json"))).holds
    (tmp_path / "declared_problems.py").write_text(Path(problems.__file__).read_text())
    code = "import sys, edgeopt as eo; p = eo.load(sys.argv[1], trust=sys.argv[2:]); print(eo.solve(p).objective)"

    def run(*trust):
        command = [sys.executable, "-c", code, str(tmp_path / "problem.json"), *trust]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, check=False)

    refused = run()
    assert "trust=['declared_problems']" in refused.stderr
    allowed = run("declared_problems")
    assert float(allowed.stdout) == pytest.approx(eo.solve(problem).objective)
    command = [sys.executable, "-m", "edgeopt", "solve", "problem.json", "--json", "--trust", "declared_problems"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, check=True)
    assert '"optimal"' in done.stdout
    done = subprocess.run(command[:-2], capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, check=False)
    assert done.returncode == 2
    assert "--trust declared_problems" in done.stderr


def test_a_process_of_its_own_finds_the_class():
    found = eo.solve(caching(0), "highs", isolate=True)
    assert found.status == "optimal"
    assert found.decision.held.dtype == bool


def test_a_script_s_own_class_is_found_in_a_process_of_its_own(tmp_path):
    script = Path(problems.__file__).read_text() + (
        "\nif __name__ == '__main__':\n    print(eo.solve(caching(0), 'highs', isolate=True).status)\n"
    )
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, check=True
    )
    assert done.stdout.strip() == "optimal"


@pytest.mark.slow
def test_a_campaign_runs_it(tmp_path):
    (tmp_path / "declared_problems.py").write_text(Path(problems.__file__).read_text())
    eo.save(caching(0), tmp_path / "problem.json")
    command = [
        sys.executable,
        "-m",
        "edgeopt",
        "bench",
        "run",
        "problem.json",
        "--solvers",
        "highs,cp-sat",
        "--out",
        "out",
        "--trust",
        "declared_problems",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 rows, 0 of them without a verified answer" in done.stdout


def test_copies_are_equal_problems():
    problem = caching(0)
    for other in (pickle.loads(pickle.dumps(problem)), copy.deepcopy(problem), copy.copy(problem), replace(problem)):
        assert type(other) is ModelCaching
        assert np.array_equal(other.latency, problem.latency)
        assert (other.program().matrix != problem.program().matrix).nnz == 0


def test_fields_are_frozen_and_read_only():
    problem = caching(0)
    with pytest.raises(FrozenInstanceError):
        problem.memory = 4.0
    with pytest.raises(ValueError, match="read-only"):
        problem.size[0] = 4.0


def test_an_infeasible_problem_is_explained_in_its_own_words_and_repaired():
    problem = ModelCaching(size=[1.0, 2.0], latency=np.ones((2, 2)), memory=0.5)
    explanation = eo.solve(problem).explain()
    text = str(explanation)
    assert "memory <= 0.5" in text
    assert "row" not in text
    repaired = explanation.repair.apply()
    assert isinstance(repaired, ModelCaching)
    assert repaired.memory == pytest.approx(1.0)
    assert eo.solve(repaired).status == "optimal"


def test_sensitivity_of_every_field_entry_is_that_of_solving_again():
    problem = dispatch()
    found = eo.sensitivity(eo.solve(problem, "highs"))
    worst = 0.0
    for name, values in found.fields.items():
        given = np.array(getattr(problem, name), dtype=float)
        for index in np.ndindex(given.shape):
            optimum = []
            for step in (1e-6, -1e-6):
                moved = given.copy()
                moved[index] += step
                changed = replace(problem, **{name: float(moved) if moved.ndim == 0 else moved})
                optimum.append(eo.solve(changed, "highs").objective)
            worst = max(worst, abs((optimum[0] - optimum[1]) / 2e-6 - np.asarray(values)[index]))
    assert worst < 1e-6
    assert found.note == ""
    assert "ramp" in str(found)


def test_sensitivity_of_an_integer_problem_says_that_whole_numbers_are_fixed():
    problem = caching(0)
    found = eo.sensitivity(eo.solve(problem))
    assert "held, serves fixed" in found.note
    decision = eo.solve(problem).decision
    assert np.array_equal(found.fields["latency"], decision.serves.astype(float))
    assert found.units["latency"] == "s"
    with pytest.raises(eo.InvalidProblemError, match="only an optimal one"):
        eo.sensitivity(eo.solve(problem, time_limit=0))


def test_a_batch_is_solved_and_judged_at_once():
    rng = np.random.default_rng(0)
    batch = ModelCaching(size=[1, 2], latency=rng.uniform(size=(4, 3, 2)), memory=[3.0, 1.0, 2.0, 3.0])
    assert batch.batch == 4
    solution = eo.solve(batch, "highs")
    assert solution.status == "optimal"
    assert solution.decision.held.shape == (4, 2)
    for i in range(4):
        assert solution.objective[i] == pytest.approx(eo.solve(batch.instance(i)).objective)
    assert eo.verify(batch, solution).holds
    with pytest.raises(eo.InvalidProblemError, match="batch of 4"):
        batch.program()
    with pytest.raises(eo.InvalidProblemError, match="disagree"):
        ModelCaching(size=[1, 2], latency=rng.uniform(size=(4, 3, 2)), memory=[3.0, 1.0])


def test_it_goes_to_other_packages():
    problem = dispatch()
    optimum = eo.solve(problem).objective
    model = problem.to_cvxpy()
    assert model.solve() == pytest.approx(optimum, rel=1e-5)
    assert set(problem.to_pyomo().x) == set(problem.program().column_names)


def test_exact_arithmetic_judges_without_tolerance():
    problem = ModelCaching(size=[0.1, 0.2], latency=[[1.0, 1.0]], memory=0.3)
    both = problem.decide(held=[True, True], serves=[[True, False]])
    assert not problem.holds_exactly(both)  # 0.1 + 0.2 exceeds 0.3 as float64 numbers
    assert problem.violations(both) == {} or max(problem.violations(both).values()) < 1e-9
    assert problem.holds_exactly(problem.decide(held=[True, False], serves=[[True, False]]))
    roomy = replace(problem, memory=0.35)
    assert eo.verify(roomy, eo.solve(roomy), exact=True).holds


def test_an_override_is_held_to_its_declaration():
    class Fast(ModelCaching):
        def objective(self, decision):
            return float(np.sum(self.latency * decision.serves))

    class Wrong(ModelCaching):
        def objective(self, decision):
            return float(np.sum(self.latency[0] * decision.serves))

    class WrongRow(ModelCaching):
        def program(self):
            whole = super().program()
            upper = whole.row_upper.copy()
            upper[0] *= 2.0
            return replace(whole, row_upper=upper)

    data = {"size": [1, 2], "latency": np.random.default_rng(0).uniform(size=(3, 2)), "memory": 1.5}
    check_override(Fast(**data))
    with pytest.raises(AssertionError, match=r"objective\(\)"):
        check_override(Wrong(**data))
    with pytest.raises(AssertionError, match=r"optimum|ends"):
        check_override(WrongRow(**data))


def test_the_summary_shows_fields_with_units():
    assert "latency (requests, models) [s]" in caching(0).summary()


def test_ordinary_solves_import_no_heavy_package():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import declared_problems as problems, edgeopt as eo\n"
        "p = problems.caching(0); eo.solve(p, 'highs'); p._repr_latex_(); p.summary(); p.explain()\n"
        "print([n for n in ('torch', 'pandas', 'xarray', 'polars', 'cvxpy', 'pyomo') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(problems.__file__).parent)],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
