"""Training that cannot fool its user: resuming, folders that are taken, values that are not finite, many processes."""

from __future__ import annotations

import random
import shutil
import signal
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn

import edgeopt as eo
from edgeopt.layers.revenue import RevenueLayer
from edgeopt.predictors.ddnn import DDNN
from edgeopt.predictors.joint import train_jointly
from edgeopt.predictors.objective_driven import ObjectiveDriven
from edgeopt.predictors.rules import BenefitRule
from edgeopt.predictors.traffic import LinearPredictor, LSTMPredictor
from edgeopt.predictors.training import train
from edgeopt.profiles.costs import AllocationCost

X = torch.rand(70, 4, generator=torch.Generator().manual_seed(0))
Y = torch.stack([X.sum(1), X[:, 0] - X[:, 1]], 1)
PARTS = ((X[:50], Y[:50]), (X[50:], Y[50:]))


def made(seed: int = 0, dropout: float = 0.3, hidden: int = 8) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, hidden), nn.BatchNorm1d(hidden), nn.Dropout(dropout), nn.Linear(hidden, 2))


def squared(net, past, wanted):
    return (net(past) - wanted).square().mean()


def drawing(net, past, wanted):
    """Return a loss that draws from all three global generators, while training."""
    noise = np.random.normal() + random.random() + torch.rand(1).to(past) if net.training else 0.0  # noqa: NPY002
    return (net(past) - wanted + 0.1 * noise).square().mean()


def fitted(net, loss=squared, parts=PARTS, **options):
    return train(net, partial(loss, net), *parts, **{"epochs": 6, "batch_size": 16, "rate": 1e-2} | options)


def same(one: nn.Module, other: nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(a[name].equal(b[name]) for name in a)


@pytest.mark.parametrize("stops", [(1,), (2, 3), (3, 5), (6,)])
def test_resumed_training_is_the_uninterrupted_one_bit_for_bit(tmp_path, stops):
    whole = fitted(made(), drawing)
    for stop in stops:
        fitted(made(), drawing, epochs=stop, folder=tmp_path / "first")
    shutil.copytree(tmp_path / "first", tmp_path / "moved")
    assert same(fitted(made(), drawing, folder=tmp_path / "moved"), whole)
    assert not same(fitted(made(), drawing, seed=1), whole)


def test_who_is_interrupted_goes_on_and_who_is_terminated_does_not_say_that_all_is_done():
    def stop(error):
        def watch(epoch):
            raise error

        return watch

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fitted(made(), watch=stop(KeyboardInterrupt()))
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(SystemExit) as ended:
        fitted(made(), watch=stop(SIGTERMException()))
    assert ended.value.code == 143


def test_a_killed_epoch_is_done_again(tmp_path):
    def dying(net, past, wanted, left=[18]):  # noqa: B006
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return squared(net, past, wanted)

    whole, killed = fitted(made()), made()
    dying.__qualname__ = squared.__qualname__
    with pytest.raises(KeyboardInterrupt):
        fitted(killed, dying, folder=tmp_path)
    assert same(killed, fitted(made(), epochs=2))  # the best of what was done
    assert same(fitted(made(), folder=tmp_path), whole)


def test_early_stopping_goes_on_where_it_was_and_is_not_started_again(tmp_path):
    calls = []

    def counted(net, past, wanted):
        calls.append(net.training)
        return squared(net, past, wanted)

    parts = (PARTS[0], (PARTS[1][0], -PARTS[1][1]))  # what helps the one part hurts the other: it stops early
    options = {"parts": parts, "epochs": 40, "patience": 3}
    whole = fitted(made(), counted, **options)
    assert sum(calls) < 40 * 4
    for stop in (1, 2, 3):
        fitted(made(), counted, folder=tmp_path, **options | {"epochs": stop})
    assert same(fitted(made(), counted, folder=tmp_path, **options), whole)
    calls.clear()
    assert same(fitted(made(), counted, folder=tmp_path, **options | {"epochs": 60}), whole)
    assert len(calls) <= 2  # the first samples, by which the folder knows the loss again
    with pytest.raises(eo.InvalidOptionError, match="epochs is 2"):
        fitted(made(), counted, folder=tmp_path, **options | {"epochs": 2})


def test_the_model_that_was_trained_may_go_on_too(tmp_path):
    model = made()
    fitted(model, epochs=2, folder=tmp_path)
    assert same(fitted(model, folder=tmp_path), fitted(made()))


OTHERS = {
    "began with other weights": lambda folder: fitted(made(1), folder=folder),
    r"of another model: 0.weight has shape \(8, 4\) there and \(9, 4\) here": lambda f: fitted(
        made(hidden=9), folder=f
    ),
    "differs in: model": lambda folder: fitted(made(dropout=0.2), folder=folder),
    "differs in: training samples, loss": lambda f: fitted(made(), parts=((X[:50], -Y[:50]), PARTS[1]), folder=f),
    "differs in: validation samples, score": lambda f: fitted(made(), parts=(PARTS[0], PARTS[0]), folder=f),
    "differs in: loss, score": lambda folder: fitted(made(), drawing, folder=folder),
    r"differs in: rate \(0.01 there, 0.02 here\)": lambda folder: fitted(made(), rate=2e-2, folder=folder),
    r"differs in: seed \(0 there, 1 here\)|seed": lambda folder: fitted(made(), seed=1, folder=folder),
    "epochs is 2; .*last.ckpt holds 3 epochs already": lambda folder: fitted(made(), epochs=2, folder=folder),
}


@pytest.mark.parametrize("message", OTHERS)
def test_a_folder_belongs_to_one_training(tmp_path, message):
    fitted(made(), folder=tmp_path, epochs=3)
    before = (tmp_path / "last.ckpt").read_bytes()
    with pytest.raises(eo.InvalidOptionError, match=message) as caught:
        OTHERS[message](tmp_path)
    assert str(tmp_path / "last.ckpt") in str(caught.value)
    assert "another folder" in str(caught.value)
    assert (tmp_path / "last.ckpt").read_bytes() == before


def test_a_refused_model_stays_as_it_is(tmp_path):
    fitted(made(), folder=tmp_path, epochs=2)
    model = made(dropout=0.1)
    with pytest.raises(eo.InvalidOptionError, match="another training"):
        fitted(model, folder=tmp_path)
    assert same(model, made())


def test_what_a_loss_binds_belongs_to_it(tmp_path):
    def scaled(scale, net, past, wanted):
        return scale * squared(net, past, wanted)

    train(model := made(), partial(scaled, torch.tensor(1.0), model), *PARTS, epochs=2, folder=tmp_path)
    with pytest.raises(eo.InvalidOptionError, match="differs in: loss, score"):
        train(model := made(), partial(scaled, torch.tensor(2.0), model), *PARTS, epochs=2, folder=tmp_path)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "foreign", "older"])
def test_a_damaged_or_foreign_checkpoint_is_one_clear_error(tmp_path, damage):
    fitted(made(), folder=tmp_path, epochs=2)
    path = tmp_path / "last.ckpt"
    content = path.read_bytes()
    if damage in ("foreign", "older"):
        torch.save({"state_dict": {}, "epoch": 3} if damage == "foreign" else [1], path)
    else:
        path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "text": b"not a checkpoint"}[damage])
    with pytest.raises(eo.DataFormatError, match="delete it to train anew") as caught:
        fitted(made(), folder=tmp_path)
    assert str(path) in str(caught.value)
    with pytest.raises(eo.InvalidOptionError, match="is a file"):
        fitted(made(), folder=path)


def spoiled(index, value=float("nan"), part=0):
    parts = [[tensor.clone() for tensor in tensors] for tensors in PARTS]
    parts[part][0][index, 1] = value
    return parts


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_sample_that_is_not_finite_is_named_and_the_weights_stay_good(value):
    model = made()
    with pytest.raises(eo.InvalidProblemError, match=r"epoch 1, batch \d; to blame: sample 3 of training;"):
        fitted(model, parts=spoiled(3, value))
    assert same(model, made())
    with pytest.raises(eo.InvalidProblemError, match="to blame: samples? .* of validation"):
        fitted(model, parts=spoiled([2, 7], value, part=1))
    assert same(model, made())


def test_several_samples_are_named(tmp_path):
    with pytest.raises(eo.InvalidProblemError, match="samples 2, 7 of validation"):
        fitted(made(), parts=spoiled([2, 7], part=1), batch_size=50)


def test_a_sample_whose_own_loss_is_not_finite_is_named():
    def logarithm(net, past, wanted):
        return squared(net, past, wanted) + 0.0 * torch.log(past[:, 0]).mean()

    parts = [[tensor.clone() for tensor in tensors] for tensors in PARTS]
    parts[0][0][11, 0] = 0.0
    with pytest.raises(eo.InvalidProblemError, match="the loss is nan in epoch 1, batch .*sample 11 of training"):
        fitted(made(), logarithm, parts=parts)


@pytest.mark.parametrize("gradient", [False, True])
def test_a_loss_that_turns_nan_keeps_the_best_weights(tmp_path, gradient):
    best = fitted(made(), epochs=3)
    seen = [0]

    def turning(net, past, wanted):
        seen[0] += net.training
        loss = squared(net, past, wanted)
        if seen[0] <= 3 * 4 + 1 or not net.training:
            return loss
        return loss + (0.0 * loss).sqrt() if gradient else loss * float("nan")

    model = made()
    what = "the gradient is not finite" if gradient else "the loss is nan"
    with pytest.raises(eo.InvalidProblemError, match=f"{what} in epoch 4, batch 2; no sample alone is to blame"):
        fitted(model, turning)
    assert same(model, best)
    assert not model.training


def test_weights_and_samples_are_checked_beforehand():
    model = made()
    with torch.no_grad():
        model[0].weight[2, 1] = float("nan")
    with pytest.raises(eo.InvalidProblemError, match=r"0.weight\[2, 1\] is nan before training"):
        fitted(model)
    with pytest.raises(eo.InvalidProblemError, match=r"training holds tensors of \[50, 49\] samples"):
        fitted(made(), parts=((X[:50], Y[:49]), PARTS[1]))
    with pytest.raises(eo.InvalidProblemError, match="at least one"):
        fitted(made(), parts=(PARTS[0], (X[:0], Y[:0])))
    for name in ("batch_size", "patience", "epochs"):
        with pytest.raises(eo.InvalidOptionError, match=f"{name} is -1"):
            fitted(made(), **{name: -1})


def test_a_layer_that_refuses_a_sample_names_it():
    model, parts = driven()
    parts[0][0][5, 0, 0] = float("nan")
    with pytest.raises(eo.InvalidProblemError, match="epoch 1, batch .; to blame: sample 5 of training"):
        model.fit(*parts, epochs=2)


def test_rules_and_joint_training_name_the_sample():
    from edgeopt.predictors.exits import ExitSamples

    past = np.random.default_rng(0).random((40, 4, 6), dtype=np.float32)
    past[7, 1, 2] = np.nan
    samples = ExitSamples(past, past.reshape(40, -1), past[:, :, -1], past[:, :1, 0] + 1, past[:, :1, 1] + 2)
    with pytest.raises(eo.InvalidProblemError, match=r"past\[7, 1, 2\] is nan: 1 of 32 samples"):
        BenefitRule().fit(samples)
    pair = (past.astype(float), past[:, :, 0].astype(float))
    with pytest.raises(eo.InvalidProblemError, match=r"past of training\[7, 1, 2\] is nan"):
        train_jointly(DDNN("conv3d", 4, 6), pair, pair, AllocationCost(1.0))


def test_the_caller_s_random_streams_go_on():
    def drawn():
        return torch.rand(1).item(), np.random.random(), random.random()  # noqa: NPY002

    def seed():
        torch.manual_seed(3), np.random.seed(3), random.seed(3)  # noqa: NPY002

    seed()
    wanted = drawn()
    model = made()
    seed()
    fitted(model, drawing, epochs=1)
    assert drawn() == wanted


def test_a_model_that_was_asked_before_is_trained_with_dropout():
    whole = fitted(made())
    assert same(fitted(made().eval()), whole)
    assert not same(fitted(made(dropout=0.0).eval()), whole)
    rng = np.random.default_rng(0)
    pairs = [(rng.random((40, 4, 6)), rng.random((40, 4))) for _ in range(2)]

    def trained(**options):
        torch.manual_seed(0)
        network = DDNN("conv3d", 4, 6, sites=2, dropout=options.pop("dropout", 0.1))
        return train_jointly(network, *pairs, AllocationCost(1.0), epochs=1, **options)

    assert same(trained(), trained())
    assert not same(trained(), trained(dropout=0.5))
    assert not same(trained(), trained(site_dropout=0.5))


def driven(seed: int = 0, make=LSTMPredictor, **options):
    """Return a model that learns capacities through a revenue layer, and its samples."""
    rng = np.random.default_rng(0)
    paths = (rng.random((4, 3)) < 0.7) * rng.uniform(0.5, 1.5, (4, 3))
    capacity = 0.7 * paths.sum(axis=1) + 0.1
    problem = eo.RevenueMaximization([3.0, 2.0, 1.0], paths[:2], paths[2:], capacity[:2], capacity[2:], np.ones(3))
    past = rng.random((60, 5, 3)).astype(np.float32)
    traffic = 0.5 * past[:, -1] + 0.5 * past[:, 0] + 0.3
    best = np.array(eo.solve(replace(problem, traffic=traffic)).decision.admitted, dtype=np.float32)
    torch.manual_seed(seed)
    wrong = replace(problem, compute_capacity=0.8 * capacity[:2], link_capacity=1.2 * capacity[2:])
    model = ObjectiveDriven(make(3, 5, **options), RevenueLayer(wrong), capacities="learned")
    tensors = [torch.from_numpy(array) for array in (past, traffic, best)]
    return model, tuple(tuple(t[rows].clone() for t in tensors) for rows in (slice(0, 40), slice(40, None)))


def test_warm_up_has_a_folder_of_its_own(tmp_path):
    model, parts = driven(hidden=8)
    options = {"warm_up": 2, "batch_size": 16}
    model.fit(*parts, epochs=4, **options)
    stopped = driven(hidden=8)[0].fit(*parts, epochs=2, folder=tmp_path, **options)
    assert not same(stopped, model)
    assert same(driven(hidden=8)[0].fit(*parts, epochs=4, folder=tmp_path, **options), model)
    assert {path.name for path in tmp_path.iterdir()} == {"warm_up", "supervised"}


def test_a_second_stage_in_the_folder_trains(tmp_path):
    model, parts = driven(make=LinearPredictor)
    model.fit(*parts, loss="forecast", epochs=2, folder=tmp_path)
    forecast = {name: value.clone() for name, value in model.state_dict().items()}
    model.fit(*parts, loss="supervised", epochs=3, rate=1e-2, folder=tmp_path)
    assert not all(value.equal(forecast[name]) for name, value in model.state_dict().items())
    again, _ = driven(make=LinearPredictor)
    again.fit(*parts, loss="forecast", epochs=2, folder=tmp_path)
    assert same(again.fit(*parts, loss="supervised", epochs=3, rate=1e-2, folder=tmp_path), model)
    other, _ = driven(make=LinearPredictor)
    other.layer = RevenueLayer(replace(other.layer.problem, unit_revenue=[1.0, 2.0, 3.0]))
    other.load_state_dict(forecast)
    with pytest.raises(eo.InvalidOptionError, match="differs in: .*loss"):
        other.fit(*parts, loss="supervised", epochs=3, rate=1e-2, folder=tmp_path)


def test_more_gpus_than_there_are_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(eo.InvalidOptionError, match="devices is 2, and the GPUs here are 1; .* accelerator='cpu'"):
        fitted(made(), devices=2)


TWO = {"strategy": "ddp_spawn", "devices": 2, "accelerator": "cpu"}


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one():
    """All samples in each step: the mean of two processes' gradients is the gradient of the whole."""
    model, parts = driven(make=LinearPredictor)
    one = model.fit(*parts, epochs=4, batch_size=40, rate=1e-2)
    two = driven(make=LinearPredictor)[0].fit(*parts, epochs=4, batch_size=20, rate=1e-2, **TWO)
    start, _ = driven(make=LinearPredictor)
    for name, value in one.state_dict().items():
        torch.testing.assert_close(two.state_dict()[name], value, rtol=1e-4, atol=1e-5)
    assert not same(one, start)


@pytest.mark.slow
def test_two_processes_resume_bit_for_bit_and_share_the_validation(tmp_path):
    def run(epochs, folder=None):
        model, parts = driven(hidden=8)
        parts = (parts[0], tuple(tensor[:13] for tensor in parts[1]))  # 13 samples: 7 and 6
        return model.fit(*parts, epochs=epochs, batch_size=8, rate=1e-2, folder=folder, **TWO), parts

    whole, parts = run(4)
    run(2, tmp_path)
    resumed, _ = run(4, tmp_path)
    assert same(resumed, whole)
    score = torch.load(tmp_path / "supervised" / "last.ckpt", weights_only=True)["score"]
    with torch.no_grad():
        assert float(whole.loss("supervised", *parts[1], None)) == pytest.approx(score, rel=1e-5)


@pytest.mark.slow
def test_two_processes_stop_together_and_name_the_sample(tmp_path):
    model = made()
    with pytest.raises(eo.InvalidProblemError, match="sample 3 of training"):
        fitted(model, parts=spoiled(3), **TWO)
    assert same(model, made())
    with pytest.raises(eo.InvalidOptionError, match="module level"):
        train(model, lambda past, wanted: squared(model, past, wanted), *PARTS, epochs=1, **TWO)
