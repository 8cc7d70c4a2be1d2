"""The SPO+ loss: an upper bound of the regret, zero at the truth, with the subgradient of its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import edgeopt as eo
from edgeopt.layers.spo import SPOPlusLoss

KNAPSACK = eo.Program(
    [5.0, 4.0, 3.0], [[2.0, 3.0, 1.0]], row_upper=[5.0], upper=1.0, integrality=True, sense="maximize"
)
LINEAR = eo.Program([1.0, 2.0, 3.0], [[1.0, 1.0, 1.0], [1.0, -1.0, 0.0]], [1.0, -0.5], [2.0, 0.5], upper=1.5)


@pytest.mark.parametrize("program", [KNAPSACK, LINEAR], ids=["integer", "linear"])
def test_it_bounds_the_regret_and_is_zero_at_the_truth(program):
    rng = np.random.default_rng(0)
    loss = SPOPlusLoss(program)
    for _ in range(20):
        truth, guess = (torch.tensor(rng.uniform(0.5, 3.0, (1, 3))) for _ in range(2))
        assert float(loss(truth, truth)) == pytest.approx(0.0, abs=1e-9)
        regret = _value(program, truth, truth) - _value(program, guess, truth)
        assert float(loss(guess, truth)) >= -program.sense.sign * regret - 1e-9
    guess = guess.requires_grad_()
    assert torch.autograd.gradcheck(lambda g: loss(g, truth), (guess,), eps=1e-7, atol=1e-5)


def _value(program: eo.Program, used: torch.Tensor, paid: torch.Tensor) -> float:
    """What the optimum for the costs `used` is worth at the costs `paid`."""
    from dataclasses import replace

    best = eo.solve(replace(program, cost=used.numpy()[0]))
    return float(paid.numpy()[0] @ best.decision.values)


def test_shapes_are_checked():
    with pytest.raises(eo.InvalidProblemError, match="predicted has shape"):
        SPOPlusLoss(LINEAR)(torch.ones(2, 3), torch.ones(3))


def test_pyepo_computes_the_same_loss():
    pyepo = pytest.importorskip("pyepo", reason="PyEPO is not installed")
    from edgeopt.layers.pyepo import to_pyepo

    rng = np.random.default_rng(1)
    model = to_pyepo(LINEAR)
    truth = torch.tensor(rng.uniform(0.5, 3.0, (4, 3)), dtype=torch.float32)
    guess = torch.tensor(rng.uniform(0.5, 3.0, (4, 3)), dtype=torch.float32)
    solved = []
    for row in truth:
        model.setObj(row)
        solved.append(model.solve())
    points = torch.tensor(np.array([point for point, _ in solved]), dtype=torch.float32)
    optima = torch.tensor([[value] for _, value in solved])
    theirs = pyepo.func.SPOPlus(model, processes=1)(guess, truth, points, optima)
    torch.testing.assert_close(SPOPlusLoss(LINEAR)(guess, truth), theirs)


def test_without_pyepo_the_message_says_what_to_install():
    try:
        import pyepo  # noqa: F401
    except ImportError:
        from edgeopt.layers.pyepo import to_pyepo

        with pytest.raises(eo.ExtraNotInstalledError, match="pip install pyepo"):
            to_pyepo(LINEAR)
