"""Forged and damaged solution files: whatever is written into one, only what the problem's data support verifies."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

import edgeopt as eo
from edgeopt import cli
from edgeopt.verification.batch_certificate import BatchCertificate
from edgeopt.verification.infeasibility import EmptyBox, FarkasRay
from edgeopt.verification.linear_dual import LinearDual
from edgeopt.verification.solver_words import MixedIntegerBound, SolverClaim
from edgeopt.verification.unboundedness import PrimalRay

OFFLOADING = eo.OfflineOffloading([3.0, 1.0, 2.0, 5.0], [1.0, 1.5, 1.0, 1.0], min_local_fraction=0.5)
PROGRAM = eo.Program([1.0, 2.0], [[1.0, 1.0]], row_lower=[1.0])
KNAPSACK = eo.Program([5.0, 4.0], [[2.0, 3.0]], row_upper=[4.0], upper=1.0, integrality=True, sense="maximize")
SPLIT = eo.instances.load("split/generated-tiny").problem
SPLITS = replace(SPLIT, uplink_rate=np.asarray(SPLIT.uplink_rate) * np.array([0.25, 1.0, 4.0]))
SLOTS = eo.RevenueMaximization([3, 2], [[1, 1]], [[1, 0.5]], [5], [4], [[5, 4], [3, 2], [1, 1]])
BATCHES = {"split": (SPLITS, "shortest-path"), "revenue": (SLOTS, "highs")}


@pytest.fixture
def command(monkeypatch, capsys):
    """Run `edgeopt verify` in this process; return exit code, output and errors."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["edgeopt", "verify", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call


@pytest.fixture
def refused(tmp_path, command):
    """Return a check that a solution, through a file, verifies neither here nor on the command line."""

    def check(problem, solution, *words, **head):
        eo.save(problem, tmp_path / "p.json")
        eo.save(solution, tmp_path / "s.json")
        if head:
            edit(tmp_path / "s.json", **head)
        code, out, err = command(tmp_path / "p.json", tmp_path / "s.json", *words)
        assert code in (1, 2)
        assert "Traceback" not in out + err
        try:
            answer = eo.load(tmp_path / "s.json")
        except eo.DataFormatError as error:
            return str(error)
        found = eo.verify(eo.load(tmp_path / "p.json"), answer)
        assert not found
        return found.message

    return check


def edit(path, **changes):
    head = json.loads(path.read_text())
    head.update(changes)
    path.write_text(json.dumps(head))


def with_word(problem, decision, **rest):
    """Return a solution that calls a decision optimal by a solver's word that agrees with it."""
    value = problem.objective(decision)
    fields = {"bound": value, "gap": 0.0, "claimed_bound": value, "proved": True, "solver": "highs"} | rest
    return eo.Solution(
        eo.Status.OPTIMAL, value, certificate=MixedIntegerBound(value, "highs"), found=decision, **fields
    )


@pytest.mark.parametrize("rest", [{}, {"proved": False}, {"bound": None, "gap": None}, {"claimed_bound": None}])
def test_a_word_on_an_offloading_at_twice_the_optimum(refused, rest):
    best = eo.solve(OFFLOADING)
    poor = eo.OffloadingDecision(np.array([True, True, True, True]))
    assert OFFLOADING.objective(poor) > 2 * best.objective
    assert refused(OFFLOADING, with_word(OFFLOADING, poor, **rest))


@pytest.mark.parametrize("rest", [{}, {"proved": False, "bound": None, "gap": None}])
def test_a_word_on_a_split_at_many_times_the_optimum(refused, rest):
    best, poor = eo.solve(SPLIT), eo.solve(SPLIT, "random")
    assert poor.objective > 15 * best.objective
    assert refused(SPLIT, with_word(SPLIT, poor.decision, **rest))


@pytest.mark.parametrize("gap", [1e9, "x", None, -1.0, [0.5], True, {"mapping": {}}])
def test_the_gap_that_a_file_asks_for_is_not_taken(refused, gap):
    poor = eo.solve(OFFLOADING, "local-only")
    forged = replace(poor, status=eo.Status.OPTIMAL, proved=True)
    message = refused(OFFLOADING, forged, options={"mapping": {"relative_gap": gap}})
    assert "says optimal" in message


def test_the_gap_of_the_caller_is_taken(tmp_path, command):
    solution = replace(eo.solve(OFFLOADING, "local-only"), status=eo.Status.OPTIMAL, proved=True)
    eo.save(OFFLOADING, tmp_path / "p.json")
    eo.save(solution, tmp_path / "s.json")
    assert command(tmp_path / "p.json", tmp_path / "s.json")[0] == 1
    code, out, _ = command(tmp_path / "p.json", tmp_path / "s.json", "--relative-gap", "0.9", "--json")
    assert (code, json.loads(out)["evidence"]) == (0, "proved")
    for wrong in ("-1", "nan"):
        code, _, err = command(tmp_path / "p.json", tmp_path / "s.json", "--relative-gap", wrong)
        assert code == 2
        assert "relative_gap" in err


def test_no_gap_is_wide_enough_for_what_has_no_bound():
    poor = eo.Solution(eo.Status.OPTIMAL, 0.0, found=eo.Point([0.0, 0.0]), solver="x")
    assert not eo.verify(KNAPSACK, poor, relative_gap=np.inf).proved


def test_proved_without_a_proof(refused):
    honest = eo.solve(KNAPSACK, "highs")
    assert not honest.proved
    assert honest.evidence == "by the word of highs and cp-sat"
    assert eo.verify(KNAPSACK, honest)
    assert "states that it is proved" in refused(KNAPSACK, replace(honest, proved=True))
    for bad in ("yes", 1, None, [True]):
        assert "proved of the solution" in refused(KNAPSACK, honest, proved=bad)


@pytest.mark.parametrize("name", ["claimed_bound", "bound", "gap", "objective"])
@pytest.mark.parametrize("value", ["best", [1.0], True, {"float": "nan"}, {"mapping": {}}])
def test_numbers_that_are_none(refused, name, value):
    assert refused(KNAPSACK, eo.solve(KNAPSACK, "highs"), **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("certificate", "trust me"),
        ("certificate", 7),
        ("certificate", {"type": "SolverClaim"}),
        ("certificate", {"type": "MixedIntegerBound", "bound": "x", "solver": "highs"}),
        ("certificate", {"type": "MixedIntegerBound", "bound": 5.0, "solver": 3, "relaxation": "x"}),
        ("certificate", {"type": "LinearDual", "row_dual": ["a"]}),
        ("found", "all of it"),
        ("found", [1, 0]),
        ("found", {"type": "Point", "values": ["a", "b"]}),
        ("found", {"type": "OffloadingDecision", "local": [True, True]}),
        ("status", 5),
        ("status", "superb"),
        ("options", 5),
        ("statistics", "x"),
        ("message", 5),
        ("solver", None),
        ("problem_fingerprint", 7),
        ("nonsense", 1),
    ],
)
def test_fields_of_the_wrong_kind(tmp_path, command, name, value):
    honest = eo.solve(KNAPSACK, "highs")
    eo.save(KNAPSACK, tmp_path / "p.json")
    eo.save(honest, tmp_path / "s.json")
    edit(tmp_path / "s.json", **{name: value})
    code, out, err = command(tmp_path / "p.json", tmp_path / "s.json", "--json")
    assert "Traceback" not in out + err
    if name == "certificate" and code == 0:  # a true optimum needs no certificate of its own; the word is another's
        answer = json.loads(out)
        assert not answer["proved"]
        assert answer["objective"] == 5.0
    else:
        assert code in (1, 2)


def test_a_word_that_a_feasible_program_has_no_point(refused):
    for problem in (KNAPSACK, PROGRAM, OFFLOADING):
        forged = eo.Solution(
            eo.Status.INFEASIBLE, certificate=SolverClaim("infeasible", "highs and cp-sat"), solver="highs", proved=True
        )
        assert refused(problem, forged)
        assert refused(problem, replace(forged, proved=False))
        assert refused(problem, replace(forged, status=eo.Status.UNBOUNDED))


@pytest.mark.parametrize(
    "certificate",
    [
        None,
        EmptyBox(),
        FarkasRay(np.array([1.0])),
        FarkasRay(np.ones(9)),
        PrimalRay(np.ones(2), np.ones(2)),
        LinearDual(np.zeros(1)),
        MixedIntegerBound(1.0, "highs"),
    ],
)
@pytest.mark.parametrize("status", [eo.Status.INFEASIBLE, eo.Status.UNBOUNDED])
def test_a_status_with_a_witness_that_shows_nothing(refused, certificate, status):
    for problem in (PROGRAM, KNAPSACK):
        assert refused(problem, eo.Solution(status, certificate=certificate, proved=True))


def test_a_certificate_of_another_program(refused):
    other = eo.Program([1.0, 2.0], [[1.0, 1.0]], row_lower=[3.0])
    stolen = eo.solve(other, "highs").certificate
    poor = eo.Point([3.0, 0.0])
    forged = eo.Solution(eo.Status.OPTIMAL, 3.0, 3.0, 0.0, stolen, found=poor, proved=True)
    assert eo.verify(other, forged)
    assert refused(PROGRAM, forged)
    for problem in (OFFLOADING, SPLIT):
        poor = eo.solve(problem, "random").decision
        value = problem.objective(poor)
        assert refused(problem, eo.Solution(eo.Status.OPTIMAL, value, value, 0.0, stolen, found=poor, proved=True))


def test_a_file_names_its_problem(refused):
    problem = eo.OfflineOffloading([3.0, 1.0, 2.0, 5.0], [1.0, 1.5, 1.0, 1.0], min_local_fraction=0.25)
    solution = eo.solve(problem)
    decision = eo.solve(OFFLOADING).decision
    same = replace(eo.solve(OFFLOADING), problem=problem, found=decision)
    assert "of another problem" in refused(OFFLOADING, same)
    assert refused(OFFLOADING, replace(solution, problem=None), problem_fingerprint="0123456789abcdef")


@pytest.mark.parametrize("problem", [OFFLOADING, SPLIT, PROGRAM, KNAPSACK], ids=["offloading", "split", "lp", "milp"])
def test_bounds_that_are_moved_a_little(refused, problem):
    solution = eo.solve(problem)
    better = problem.sense.sign * 1e-5 * abs(solution.objective)
    for name in ("bound", "claimed_bound"):
        start = getattr(solution, name) if getattr(solution, name) is not None else solution.objective
        assert refused(problem, replace(solution, **{name: start + better, "problem": None}))
    for move in (better, -better):
        assert refused(problem, replace(solution, objective=solution.objective + move))


@pytest.mark.parametrize("name", BATCHES)
def test_one_forged_instance_of_a_batch(refused, name):
    problem, solver = BATCHES[name]
    honest = eo.solve(problem, solver)
    assert honest.proved
    assert eo.verify(problem, honest)
    for field in ("objective", "bound", "gap", "claimed_bound"):
        numbers = np.array(honest.objective if getattr(honest, field) is None else getattr(honest, field))
        numbers[1] += -1e-5 if field == "gap" else problem.sense.sign * 1e-5 * honest.objective[1]
        assert refused(problem, replace(honest, **{field: numbers})), field
        assert refused(problem, replace(honest, **{field: numbers[:2]})), field
    assert refused(problem, replace(honest, objective=float(honest.objective[0]), bound=None, gap=None))


def forged_batch(problem, parts):
    """Return a batch whose second decision is poor and whose instances all are called optimal."""
    best, poor = eo.solve(problem), eo.solve(problem.instance(1), "random", seed=3)
    picked = [problem.pick(best.decision, 0), poor.decision, problem.pick(best.decision, 2)]
    found = problem.stack(picked)
    value = problem.objective(found)
    certificate = parts(value) if callable(parts) else parts
    return eo.Solution(eo.Status.OPTIMAL, value, value, np.zeros(3), certificate, found=found, proved=True)


@pytest.mark.parametrize(
    "parts",
    [
        None,
        lambda value: MixedIntegerBound(float(value[1]), "highs"),
        lambda value: BatchCertificate(tuple(MixedIntegerBound(float(v), "highs and cp-sat") for v in value)),
        lambda value: BatchCertificate((None, MixedIntegerBound(float(value[1]), "highs"), None)),
        BatchCertificate(()),
        BatchCertificate((LinearDual(np.zeros(2)),) * 3),
        BatchCertificate(("x", 5, None)),  # type: ignore[arg-type]
        SolverClaim("optimal", "highs"),
    ],
)
def test_a_poor_decision_in_a_batch_with_words_for_proofs(refused, parts):
    assert refused(SPLITS, forged_batch(SPLITS, parts))


def test_an_honest_batch_without_its_certificate_is_proved_by_the_formulation():
    honest = eo.solve(SPLITS)
    words = BatchCertificate(tuple(MixedIntegerBound(float(v), "highs") for v in honest.objective))
    for certificate in (None, words):
        found = eo.verify(SPLITS, replace(honest, certificate=certificate))
        assert found
        assert found.proved


def greedy(batched: bool) -> eo.Solver:
    """Return a heuristic that admits nothing and says that this is worth 99."""

    def claim(problem, options):
        shape = problem.traffic.shape
        return eo.Outcome.feasible(type(ADMITTED)(np.zeros(shape)), objective=99.0)

    return eo.Solver("boaster", claim, eo.RevenueMaximization, False, batched=batched)


ADMITTED = eo.solve(SLOTS, "highs").decision


@pytest.mark.parametrize("batched", [False, True])
def test_a_heuristic_that_boasts_fails_alone_and_in_a_batch(refused, batched):
    for problem in (SLOTS, SLOTS.instance(0)):
        solution = eo.solve(problem, greedy(batched))
        assert solution.status == "failed"
        assert "reports objective 99.0" in solution.message
        zero = type(ADMITTED)(np.zeros(problem.traffic.shape))
        assert refused(problem, eo.Solution(eo.Status.FEASIBLE, 99.0, found=zero))


def test_what_a_file_says_of_its_own_proof_is_not_repeated():
    solution = replace(eo.solve(KNAPSACK, "highs"), message="proved optimal in rational arithmetic")
    found = eo.verify(KNAPSACK, solution)
    assert found
    assert "rational" not in found.message


def test_the_command_line_says_on_what_an_answer_rests(tmp_path, command):
    for problem, evidence, code_exact in ((KNAPSACK, "by the word of highs and cp-sat", 1), (OFFLOADING, "proved", 0)):
        eo.save(problem, tmp_path / "p.json")
        eo.save(eo.solve(problem, "highs"), tmp_path / "s.json")
        code, out, _ = command(tmp_path / "p.json", tmp_path / "s.json", "--json")
        answer = json.loads(out)
        assert code == 0
        assert answer["proved"] is (evidence == "proved")
        assert answer["evidence"].startswith(evidence.removesuffix("highs and cp-sat"))
        assert "evidence: " in command(tmp_path / "p.json", tmp_path / "s.json")[1]
        assert command(tmp_path / "p.json", tmp_path / "s.json", "--exact")[0] == code_exact
