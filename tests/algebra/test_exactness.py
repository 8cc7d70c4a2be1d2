"""Declared problems in exact arithmetic, batches whose optimum is an engine's word, and numbers that are far apart."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.verification.batch_certificate import BatchCertificate
from edgeopt.verification.solver_words import MixedIntegerBound


class ModelCaching(eo.Formulation):
    """Which models an edge node holds, and which of them serves each request."""

    size: eo.Array = eo.data("models")
    latency: eo.Array = eo.data("requests", "models")
    memory: float

    def declare(self, m: eo.Declaration) -> None:
        held = m.binary("held", "models")
        serves = m.binary("serves", "requests", "models")
        m.minimize((self.latency * serves).sum())
        m.subject_to(
            memory=self.size @ held <= self.memory, served_once=serves.sum("models") == 1, only_held=serves <= held
        )


class Shares(eo.Formulation):
    """A row whose coefficient is a product: in float64 it is rounded, in rational numbers it is not."""

    a: eo.Array = eo.data("items")
    b: eo.Array = eo.data("items")
    room: float

    def declare(self, m: eo.Declaration) -> None:
        taken = m.integer("taken", "items", upper=3)
        m.maximize(taken.sum())
        m.subject_to(room=(self.a * self.b * taken).sum() <= self.room)


def test_exact_verification_reads_the_fields_and_not_the_rounded_program():
    # 0.1 * 3 is 0.30000000000000004 in float64; the exact product of both numbers is smaller than that, and not 0.3.
    problem = Shares(a=[0.1], b=[3.0], room=0.1 * 3.0)
    solution = eo.solve(problem)
    assert solution.decision.taken.tolist() == [1]
    assert problem.holds_exactly(solution.decision)
    assert eo.verify(problem, solution, exact=True).holds
    tight = replace(problem, room=0.3)  # below the product, by less than any tolerance
    solution = eo.solve(tight)
    if solution.decision.taken.tolist() == [1]:
        found = eo.verify(tight, solution, exact=True)
        assert not found.holds
        assert "room" in found.message
    forged = replace(eo.solve(problem), problem=tight)
    found = eo.verify(tight, forged, exact=True)
    assert not found.holds
    assert "room" in found.message


def test_bounds_hold_exactly_as_well():
    class Bounded(eo.Formulation):
        a: eo.Array = eo.data("items")
        b: eo.Array = eo.data("items")

        def declare(self, m):
            x = m.continuous("x", "items", upper=self.a * self.b)
            m.maximize(x.sum())

    problem = Bounded(a=[0.1], b=[3.0])
    assert not problem.holds_exactly(problem.decide(x=[0.1 * 3.0]))  # the rounded product is larger than the product
    assert problem.holds_exactly(problem.decide(x=[0.3]))


def test_a_batch_is_verified_exactly_instance_by_instance():
    batch = ModelCaching(size=[0.1, 0.2], latency=[[1.0, 1.0]], memory=[0.35, 0.3])
    both = batch.decide(held=[[True, True]] * 2, serves=[[[True, False]]] * 2)
    roomy = replace(batch, memory=[0.35, 0.35])
    solution = eo.solve(roomy, "highs")
    assert eo.verify(roomy, solution, exact=True).holds
    found = eo.verify(batch, replace(solution, found=both), exact=True)
    assert not found.holds
    assert found.message.startswith("not proved: instance 1: ")
    assert "memory" in found.message


def _word_for(solution, batch, count):
    """Return the solution with nothing but an engine's word for every instance."""
    words = tuple(MixedIntegerBound(float(solution.objective[i]), "highs") for i in range(count))
    return replace(solution, certificate=BatchCertificate(words), bound=None, gap=None, proved=False)


def test_an_engine_repeats_what_a_batch_has_by_word_only():
    rng = np.random.default_rng(0)
    batch = ModelCaching(size=[1, 2], latency=rng.uniform(size=(3, 4, 2)), memory=[3.0, 1.0, 2.0])
    honest = _word_for(eo.solve(batch, "highs"), batch, 3)
    found = eo.verify(batch, honest)
    assert found.holds
    assert found.status == "optimal"
    worse = batch.stack(
        [
            batch.pick(honest.decision, 0),
            batch.pick(honest.decision, 1),
            batch.instance(2).decide(held=[True, False], serves=[[True, False]] * 4),
        ]
    )
    alternative = batch.instance(2).objective(batch.pick(worse, 2))
    assert alternative > honest.objective[2] + 1e-3
    lie = replace(honest, found=worse, objective=batch.objective(worse))
    lie = _word_for(lie, batch, 3)
    single = replace(
        eo.solve(batch.instance(2), "highs"),
        found=batch.pick(worse, 2),
        objective=float(alternative),
        certificate=MixedIntegerBound(float(alternative), "highs"),
        bound=None,
        gap=None,
        proved=False,
    )
    assert not eo.verify(batch.instance(2), single).holds
    found = eo.verify(batch, lie)
    assert not found.holds
    assert found.message.startswith("instance 2: highs says optimal with objective")


def test_coefficients_that_are_far_apart_are_named():
    problem = ModelCaching(size=[1e-3, 2.0], latency=[[1.0, 1.0]], memory=3e6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem.program()
    far = ModelCaching(size=[1e-7, 2e4], latency=[[1.0, 1.0]], memory=3e6)
    with pytest.warns(eo.CoefficientRangeWarning, match=r"memory.*held\[0\].*memory.*held\[1\]"):
        far.program()
    far = ModelCaching(size=[1.0, 2.0], latency=[[1e-6, 1e6]], memory=3e6)
    with pytest.warns(eo.CoefficientRangeWarning, match=r"objective.*serves\[0,0\].*serves\[0,1\]"):
        far.program()
    zero = replace(problem, latency=[[0.0, 1.0]])
    other_units = ModelCaching(size=[1e10, 2e12], latency=[[1.0, 1.0]], memory=3e12)  # beside rows of ones
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zero.program()
        other_units.program()
