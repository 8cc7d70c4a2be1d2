"""Evidence counts for what it is evidence of, as its class checks it, and for nothing that was hung on an object."""

from __future__ import annotations

import json
import weakref
from dataclasses import replace

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.model.solution import Solution
from edgeopt.model.solver import Solver
from edgeopt.verification.batch_certificate import BatchCertificate
from edgeopt.verification.infeasibility import EmptyBox
from edgeopt.verification.linear_dual import LinearDual
from edgeopt.verification.solver_words import SolverClaim

LP = eo.Program([1.0, 2.0, 3.0], [[1.0, 1.0, 1.0]], 2.0, np.inf, 0, 1.0)
INFEASIBLE = eo.Program([1.0, 1.0], [[1.0, 1.0]], row_lower=[5.0], upper=1.0)
UNBOUNDED = eo.Program([-1.0], [[1.0]], row_lower=[0.0])


@pytest.mark.parametrize(("problem", "other"), [(INFEASIBLE, "unbounded"), (UNBOUNDED, "infeasible")])
def test_a_proof_of_one_status_is_none_of_another(problem, other):
    solution = eo.solve(problem, "highs")
    other = eo.Status(other)
    assert solution.proved
    assert not eo.verify(problem, replace(solution, status=other)).holds
    liar = Solver("liar", lambda p, o: eo.Outcome(other, certificate=solution.certificate), eo.Program, True)
    assert not eo.solve(problem, liar).proved


def test_an_empty_box_is_not_unbounded():
    assert eo.verify(INFEASIBLE, Solution(eo.Status.INFEASIBLE, certificate=EmptyBox())).holds
    assert not eo.verify(INFEASIBLE, Solution(eo.Status.UNBOUNDED, certificate=EmptyBox())).holds


def test_a_word_is_nothing_where_no_engine_can_be_asked():
    slot = eo.instances.load("slot/labriji2023-dear-energy").problem
    for claim in ("infeasible", "unbounded"):
        stated = Solution(eo.Status(claim), certificate=SolverClaim(claim, "a and b"), solver="x")
        assert not eo.verify(slot, stated).holds


def doctored(p, **hung):
    """Duals of 0 with something hung on the object."""
    dual = LinearDual(np.zeros(1))
    for name, value in hung.items():
        object.__setattr__(dual, name, value)
    return dual


@pytest.mark.parametrize(
    "hung",
    [lambda p: {"optimality_gap": lambda a, b: 0.0}, lambda p: {"_kept": (weakref.ref(p), {6.0: 6.0})}],
    ids=["a method", "a result"],
)
def test_what_hangs_on_a_certificate_is_not_asked(hung):
    def lies(p, o):
        return eo.Outcome.optimal(eo.Point(np.ones(3)), doctored(p, **hung(p)))

    assert eo.solve(LP, Solver("liar", lies, eo.Program, True)).status == "failed"
    claimed = Solution(eo.Status.OPTIMAL, 6.0, 6.0, 0.0, doctored(LP, **hung(LP)), found=eo.Point(np.ones(3)))
    assert not eo.verify(LP, claimed).holds


def test_what_hangs_on_a_problem_is_seen_and_removed():
    problem = eo.OfflineOffloading([3, 1, 2, 4], [1, 1.5, 1, 1], min_local_fraction=0.5)

    def lies(p, o):
        p.__dict__["certify"] = lambda d: None
        p.__dict__["objective"] = lambda d: 1.25
        return eo.Outcome.optimal(eo.OffloadingDecision(np.ones(4, bool)))

    solution = eo.solve(problem, Solver("liar", lies, eo.OfflineOffloading, True))
    assert solution.status == "failed"
    assert "certify was added" in solution.message
    assert not {"certify", "objective"} & set(vars(problem))


@pytest.mark.parametrize("claim", ["infeasible", "unbounded"])
def test_a_batch_needs_evidence_as_one_problem_does(claim):
    problem = eo.RevenueMaximization(
        [3.0, 2.0], [[1.0, 1.0]], [[0.5, 0.0], [0.0, 2.0]], [4.0], [1.0, 3.0], traffic=np.ones((5, 2))
    )
    liar = Solver("liar", lambda p, o: eo.Outcome(eo.Status(claim)), eo.RevenueMaximization, True, batched=True)
    assert eo.solve(problem, liar).status == "failed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("objective", 10**400),
        ("claimed_bound", 10**400),
        ("message", "\ud800"),
        ("problem_fingerprint", "\ud800"),
        ("certificate", {"type": "BatchCertificate", "certificates": 5}),
    ],
)
def test_a_forged_field_is_refused_in_our_own_words(field, value, tmp_path):
    eo.save(eo.solve(LP, "highs"), tmp_path / "solution.json")
    head = json.loads((tmp_path / "solution.json").read_text())
    (tmp_path / "solution.json").write_text(json.dumps(head | {field: value}))
    with pytest.raises(eo.EdgeOptError):
        eo.load(tmp_path / "solution.json")
    assert str(BatchCertificate((LinearDual(np.zeros(1)),)))
