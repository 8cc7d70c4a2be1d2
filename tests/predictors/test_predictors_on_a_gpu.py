"""Predictors are trained on a GPU where there is one, and asked anywhere; where there is none, nothing of this runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgeopt.data import synthetic
from edgeopt.predictors.ddnn import DDNN
from edgeopt.predictors.exits import answers
from edgeopt.predictors.joint import train_jointly
from edgeopt.predictors.samples import MinMax, windows
from edgeopt.profiles.costs import AllocationCost

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize(("kind", "sites"), [("conv3d", 1), ("conv", 2), ("lstm", 2)])
def test_a_network_gives_on_a_gpu_what_it_gives_on_the_cpu(kind, sites):
    torch.manual_seed(0)
    model = DDNN(kind, 16, 12, sites=sites).eval()
    past = torch.rand(32, 16, 12)
    here = dict(answers(model, past))
    features = model.cuda().features(past.cuda())
    for name, there in (("local", model.local(features, past.cuda())), ("remote", model.cloud(features, past.cuda()))):
        torch.testing.assert_close(there.cpu(), here[name], rtol=1e-3, atol=1e-3)  # products in TF32


def test_training_learns_and_what_watches_it_may_ask_the_network():
    demand = synthetic.traffic(cells=4, days=6, seed=0).to_numpy()
    past, target = windows(MinMax.fit(demand[:600]).normalise(demand), window=6)
    cost, seen = AllocationCost(1.0), []
    torch.manual_seed(0)
    model = DDNN("conv3d", 4, 6)

    def remote_cost() -> float:
        [(_, answer)] = answers(model, torch.tensor(past[700:], dtype=torch.float32), ("remote",))
        return float(np.asarray(cost.exact(answer.cpu().numpy(), target[700:])).mean())

    train_jointly(
        model,
        (past[:500], target[:500]),
        (past[500:700], target[500:700]),
        cost,
        epochs=20,
        watch=lambda _: seen.append(remote_cost()),
    )
    assert len(seen) >= 1
    assert np.isfinite(seen).all()
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
    assert remote_cost() < float(np.asarray(cost.exact(past[700:, :, -1], target[700:])).mean())
