"""Traffic predictors and their training: scales, splits, losses, kill and resume, and what capacities data determine."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import edgeopt as eo
from edgeopt.layers.revenue import Admission, RevenueLayer
from edgeopt.predictors.capacities import CapacityBounds, identifiability
from edgeopt.predictors.objective_driven import ObjectiveDriven
from edgeopt.predictors.regret import regret_ledger
from edgeopt.predictors.samples import chronological, windows
from edgeopt.predictors.traffic import LinearPredictor, LSTMPredictor, SeasonalNaive
from edgeopt.predictors.training import load_weights, save_weights, train

WINDOW = 6


def network(rng, services: int = 5, scale: float = 1.0) -> eo.RevenueMaximization:
    paths = (rng.random((6, services)) < 0.5) * rng.uniform(0.5, 1.5, (6, services))
    capacity = scale * (0.6 * paths.sum(axis=1) + 0.1)
    return eo.RevenueMaximization(
        rng.uniform(1, 3, services), paths[:3], paths[3:], capacity[:3], capacity[3:], np.ones(services)
    )


def waves(rng, steps: int = 240, series: int = 5) -> np.ndarray:
    phase = rng.uniform(0, 6, series)
    return 1.0 + 0.5 * np.sin(np.arange(steps)[:, None] / 8 + phase) + 0.05 * rng.random((steps, series))


def samples(traffic: np.ndarray, problem: eo.RevenueMaximization):
    from dataclasses import replace

    past, target = windows(traffic, WINDOW)
    best = eo.solve(replace(problem, traffic=target)).decision.admitted
    tensors = [torch.tensor(np.array(a), dtype=torch.float32) for a in (past.swapaxes(1, 2), target, best)]
    cut = chronological(len(target))
    return tuple(tuple(t[part] for t in tensors) for part in (cut.train, cut.validation, cut.test))


def plain(series: int, window: int) -> LSTMPredictor:
    return LSTMPredictor(series, window, residual=False)


@pytest.mark.parametrize("make", [LSTMPredictor, plain, LinearPredictor, SeasonalNaive])
def test_forecasts_are_never_negative_and_bad_input_is_refused(make):
    predictor = make(3, WINDOW)
    predictor.fit_scale(torch.rand(50, 3) * 7)
    assert (predictor(torch.rand(8, WINDOW, 3) * 30) >= 0).all()
    assert (predictor(torch.zeros(8, WINDOW, 3)) >= 0).all()
    with pytest.raises(eo.InvalidProblemError, match=r"past has shape \(8, 3, 6\)"):
        predictor(torch.rand(8, 3, WINDOW))
    with pytest.raises(eo.InvalidProblemError, match="negative or not finite"):
        predictor.fit_scale(torch.tensor([[1.0, -1.0, 2.0]]))
    with pytest.raises(eo.InvalidOptionError, match="series is 0"):
        make(0, WINDOW)


def test_a_residual_lstm_starts_as_the_last_value_and_a_plain_one_does_not():
    past = torch.rand(8, WINDOW, 3) + 0.5
    for residual in (True, False):
        torch.manual_seed(0)
        predictor = LSTMPredictor(3, WINDOW, residual=residual)
        torch.nn.init.zeros_(predictor.head.weight)
        expected = past[:, -1] if residual else torch.full((8, 3), float(np.log(2.0)))
        torch.testing.assert_close(predictor(past), expected)


def test_seasonal_naive_repeats_the_season():
    past = torch.arange(12.0).reshape(1, 6, 2)
    torch.testing.assert_close(SeasonalNaive(2, 6, period=4)(past), past[:, 2])
    with pytest.raises(eo.InvalidOptionError, match="the window holds 6"):
        SeasonalNaive(2, 6, period=7)


def test_a_split_is_chronological_and_never_empty():
    cut = chronological(100)
    assert (cut.train.stop, cut.validation.stop, cut.test.stop) == (60, 80, 100)
    with pytest.raises(eo.InvalidOptionError, match="empty"):
        chronological(3, 0.9, 0.05)


def test_training_learns_is_repeatable_and_survives_a_kill(tmp_path):
    rng = np.random.default_rng(0)
    training, validation, test = samples(waves(rng), network(rng))

    def error(model):
        with torch.no_grad():
            return float((model(test[0]) - test[1]).square().mean())

    def fitted(epochs, folder=None):
        torch.manual_seed(1)
        model = LSTMPredictor(5, WINDOW, 16)
        model.fit_scale(training[1])
        naive = error(model)
        train(
            model,
            lambda past, traffic, _: (model(past) - traffic).square().mean(),
            training,
            validation,
            epochs=epochs,
            rate=5e-3,
            patience=50,
            folder=folder,
        )
        return model, naive

    model, naive = fitted(12)
    assert error(model) < 0.7 * naive
    again, _ = fitted(12)
    torch.testing.assert_close(again(test[0]), model(test[0]), rtol=0, atol=0)
    fitted(5, tmp_path)  # killed after five epochs
    assert (tmp_path / "last.ckpt").is_file()
    resumed, _ = fitted(12, tmp_path)
    assert error(resumed) < 0.75 * naive
    save_weights(model, tmp_path / "w.safetensors")
    fresh = LSTMPredictor(5, WINDOW, 16)
    load_weights(fresh, tmp_path / "w.safetensors")
    torch.testing.assert_close(fresh(test[0]), model(test[0]))
    with pytest.raises(eo.InvalidOptionError, match="does not hold the weights"):
        load_weights(LSTMPredictor(5, WINDOW, 8), tmp_path / "w.safetensors")


@pytest.mark.parametrize("loss", ["forecast", "supervised", "regret", "realised"])
def test_every_loss_trains_end_to_end(loss):
    rng = np.random.default_rng(1)
    problem = network(rng)
    training, validation, _ = samples(waves(rng), problem)
    model = ObjectiveDriven(LinearPredictor(5, WINDOW), RevenueLayer(problem), Admission(problem))
    truth = torch.tensor(problem.capacity, dtype=torch.float32)

    def value():
        with torch.no_grad():
            return float(model.loss(loss, *training, truth))

    before = value()
    model.fit(training, validation, loss=loss, truth=truth, epochs=6, rate=5e-3)
    assert value() <= before


def test_learned_capacities_approach_the_ones_that_bind_and_stay_positive():
    rng = np.random.default_rng(2)
    problem = network(rng, scale=0.5)
    traffic = waves(rng)
    training, validation, _ = samples(traffic, problem)
    wrong = problem.capacity * rng.uniform(0.5, 1.5, 6)
    from dataclasses import replace

    layer = RevenueLayer(replace(problem, compute_capacity=wrong[:3], link_capacity=wrong[3:]))
    model = ObjectiveDriven(SeasonalNaive(5, WINDOW), layer, capacities="learned")
    model.predictor.fit_scale(training[1])

    def loss():
        with torch.no_grad():
            return float(model.loss("supervised", *training, None))

    before = loss()
    model.fit(training, validation, epochs=40, rate=2e-2, patience=40)
    assert loss() < 0.7 * before
    assert (model.capacity > 0).all()


def test_known_capacities_and_losses_ask_for_the_truth():
    rng = np.random.default_rng(3)
    problem = network(rng)
    training, validation, _ = samples(waves(rng), problem)
    model = ObjectiveDriven(SeasonalNaive(5, WINDOW), RevenueLayer(problem))
    with pytest.raises(eo.InvalidOptionError, match="needs truth"):
        model.fit(training, validation)
    with pytest.raises(eo.InvalidOptionError, match="needs an admission"):
        model.loss("regret", *training, None)
    with pytest.raises(eo.InvalidOptionError, match="capacities is 'guessed'"):
        ObjectiveDriven(SeasonalNaive(5, WINDOW), RevenueLayer(problem), capacities="guessed")


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_intervals_cover_the_truth_and_what_never_binds_is_flagged(noise):
    rng = np.random.default_rng(4)
    covered, determined, never = 0, 0, 0
    for _ in range(20):
        problem = network(rng, services=8, scale=0.6)
        from dataclasses import replace

        loose = replace(problem, link_capacity=np.r_[problem.link_capacity[:2], 1e3])
        traffic = rng.uniform(0.2, 2.0, (60, 8))
        got = eo.admit(traffic, replace(loose, traffic=traffic)).admitted * (1 + noise * rng.normal(size=traffic.shape))
        got = np.minimum(got, traffic)
        found = identifiability(loose, traffic, traffic, got, noise)
        ever = (loose.load(traffic) > loose.capacity).any(axis=0)
        known = found.identified.to_numpy()
        assert not known[~ever].any() or noise  # what never throttles is never called identified
        assert not known[-1]
        assert np.isinf(found.high.to_numpy()[~known]).all()
        truth = loose.capacity
        covered += int(((found.low <= truth * (1 + 1e-9)) & (found.high >= truth * (1 - 1e-9)))[known].sum())
        determined += int(known.sum())
        never += int((found.low.to_numpy()[~known] <= truth[~known] * (1 + 1e-9)).sum() - (~known).sum())
    assert determined > 20
    assert covered >= (1.0 if noise == 0.0 else 0.85) * determined
    assert never == 0 or noise


def test_bounds_turn_into_a_belief():
    rng = np.random.default_rng(5)
    problem = network(rng, services=8, scale=0.5)
    from dataclasses import replace

    traffic = rng.uniform(0.2, 2.0, (80, 8))
    bounds = CapacityBounds(problem)
    bounds.observe(traffic, traffic, eo.admit(traffic, replace(problem, traffic=traffic)).admitted)
    prior = np.full(6, problem.capacity.mean())
    report = bounds.report()
    belief = bounds.belief(prior)
    known = report.identified.to_numpy()
    np.testing.assert_allclose(belief[known], problem.capacity[known], rtol=1e-6)
    assert (belief >= bounds.lower - 1e-9).all()
    with pytest.raises(eo.InvalidProblemError, match="accommodated exceeds"):
        bounds.observe(traffic, traffic, 2 * traffic)


def test_a_model_learns_capacities_from_what_got_through():
    from dataclasses import replace

    rng = np.random.default_rng(8)
    problem = network(rng, services=8, scale=0.5)
    wrong = np.full(6, problem.capacity.mean())
    layer = RevenueLayer(replace(problem, compute_capacity=wrong[:3], link_capacity=wrong[3:]))
    model = ObjectiveDriven(SeasonalNaive(8, WINDOW), layer, capacities="observed")
    traffic = rng.uniform(0.2, 2.0, (80, 8))
    before = np.abs(model.capacity.numpy() / problem.capacity - 1).mean()
    model.observe(traffic, traffic, eo.admit(traffic, replace(problem, traffic=traffic)).admitted)
    assert np.abs(model.capacity.detach().numpy() / problem.capacity - 1).mean() < 0.5 * before
    with pytest.raises(eo.InvalidOptionError, match="only 'observed' ones"):
        ObjectiveDriven(SeasonalNaive(8, WINDOW), layer).observe(traffic, traffic, traffic)


@pytest.mark.parametrize("price", [0.0, 0.1])
@pytest.mark.parametrize("recourse", ["throttle", "optimal"])
@pytest.mark.parametrize("solver", ["simplex", "greedy"])
def test_the_ledger_adds_up_and_the_solver_part_is_never_negative(recourse, solver, price):
    from dataclasses import replace

    rng = np.random.default_rng(6)
    problem = replace(network(rng, services=8), compute_price=price, link_price=price)
    truth = replace(problem, traffic=rng.uniform(0.2, 2.0, (30, 8)))
    believed = problem.capacity * rng.uniform(0.7, 1.3, 6)
    forecast = replace(
        truth,
        traffic=truth.traffic * rng.uniform(0.8, 1.2, (30, 8)),
        compute_capacity=believed[:3],
        link_capacity=believed[3:],
    )
    plan = eo.solve(forecast, solver).decision
    ledger = regret_ledger(truth, forecast, plan, recourse, sla_penalty=0.5 * bool(price))
    settled = eo.admit(plan, truth, recourse, sla_penalty=0.5 * bool(price))
    np.testing.assert_allclose(ledger.realised, settled.revenue, atol=1e-12)
    np.testing.assert_allclose(ledger.prediction + ledger.solver_gap + ledger.recourse, ledger.regret, atol=1e-9)
    assert (ledger.solver_gap >= 0).all()
    assert (ledger.regret >= -1e-9).all()
    assert (ledger.recourse >= -1e-9).all()
    assert list(ledger.table().columns) == ["oracle", "prediction", "solver_gap", "recourse", "realised"]
    assert ledger.solver_gap.max() > (1e-6 if solver == "greedy" else -1)


def test_an_incumbent_can_never_pose_as_the_oracle():
    rng = np.random.default_rng(7)
    problem = network(rng)
    incumbent = eo.solve(problem, "greedy")
    plan = eo.solve(problem).decision
    with pytest.raises(eo.InvalidProblemError, match="the oracle is feasible"):
        regret_ledger(problem, problem, plan, oracle=incumbent)
    from dataclasses import replace

    other = eo.solve(replace(problem, traffic=0.5 * problem.traffic))
    with pytest.raises(eo.InvalidProblemError, match="the oracle is optimal; it has to be proved optimal for its own"):
        regret_ledger(problem, problem, plan, oracle=other)
    with pytest.raises(eo.InvalidProblemError, match="breaks the forecast's own program"):
        regret_ledger(problem, problem, eo.AdmissionDecision(9.0 * problem.traffic))
