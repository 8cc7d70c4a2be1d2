"""What does a forecast error cost? A teaching notebook on predict-then-optimise (Lyu et al. 2024).

Open it with ``marimo edit examples/predict_then_optimise.py`` and move the sliders, or run it as a script.
"""

import marimo

__generated_with = "0.14.0"
app = marimo.App(width="medium", app_title="What does a forecast error cost?")


@app.cell
def _():
    from dataclasses import replace

    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np
    import torch

    import edgeopt as eo
    from edgeopt.layers import LinearProgramLayer
    from edgeopt.predictors import regret_ledger

    return LinearProgramLayer, eo, mo, np, plt, regret_ledger, replace, torch


@app.cell
def _(mo):
    mo.md(
        """
        # What does a forecast error cost?

        A network admits the traffic of several services. What it admits has to be **reserved before the traffic is
        known**: a predictor forecasts it, a linear program reserves for the forecast. Afterwards the true traffic
        comes, and nothing gets through beyond what was reserved, what arrived, and what the network can carry.

        Is a forecast with half the error worth twice as much? Is it better to forecast too much or too little?
        """
    )
    return


@app.cell
def _(mo):
    noise = mo.ui.slider(0.0, 0.6, 0.02, value=0.2, label="error of the forecast (relative)", show_value=True)
    bias = mo.ui.slider(-0.5, 0.5, 0.02, value=0.0, label="bias of the forecast (relative)", show_value=True)
    scarce = mo.ui.slider(0.3, 1.5, 0.05, value=0.8, label="capacity, times the mean load", show_value=True)
    mo.vstack([noise, bias, scarce])
    return bias, noise, scarce


@app.cell
def _(eo, np, scarce):
    rng = np.random.default_rng(0)
    density = (rng.random((12, 10)) < 0.35) * rng.uniform(0.5, 1.5, (12, 10))
    truth = rng.gamma(8.0, 1.25, (400, 10))
    load = density @ truth.mean(axis=0)
    problem = eo.RevenueMaximization(
        rng.uniform(1, 3, 10),
        density[:4],
        density[4:],
        scarce.value * load[:4] + 0.1,
        scarce.value * load[4:] + 0.1,
        truth,
    )
    return problem, truth


@app.cell
def _(np, problem, replace, truth):
    def forecast(noise, bias):
        """Return the program that is planned with: the true traffic, wrong by noise and bias."""
        error = np.random.default_rng(1).normal(bias, noise, truth.shape)
        return replace(problem, traffic=truth * np.maximum(1 + error, 0.0))

    return (forecast,)


@app.cell
def _(bias, eo, forecast, mo, noise, problem, regret_ledger):
    planned = forecast(noise.value, bias.value)
    ledger = regret_ledger(problem, planned, eo.solve(planned).decision)
    kept = ledger.realised.sum() / ledger.oracle.sum()
    parts = ledger.table()[["prediction", "solver_gap", "recourse"]].mean() / ledger.oracle.mean() * 100
    print(f"revenue: {kept:.1%} of the oracle's\n{parts.round(2).to_string()}")
    mo.md(
        f"""
        ## Revenue: {kept:.1%} of what an oracle would earn

        The loss splits exactly: **{parts["prediction"]:+.2f} %** because the forecast promised less (or, below zero,
        more) than was to be had, **{parts["solver_gap"]:.2f} %** because the plan was not the best one for the
        forecast, and **{parts["recourse"]:.2f} %** because the plan promised what then did not get through.
        """
    )
    return


@app.cell
def _(bias, eo, forecast, mo, noise, np, plt, problem):
    def kept_share(n, b):
        wanted = eo.solve(forecast(n, b)).decision
        return problem.objective(eo.admit(wanted, problem)).sum() / eo.solve(problem).objective.sum()

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
    errors, biases = np.linspace(0, 0.6, 13), np.linspace(-0.5, 0.5, 21)
    left.plot(errors, [100 * kept_share(n, 0.0) for n in errors], label="no bias")
    left.plot(errors, [100 * kept_share(n, 0.2) for n in errors], label="20 % too high")
    left.plot(errors, [100 * kept_share(n, -0.2) for n in errors], label="20 % too low")
    left.axvline(noise.value, color="grey", linewidth=0.8)
    left.set(xlabel="error of the forecast", ylabel="revenue [% of the oracle's]")
    left.legend()
    right.plot(biases, [100 * kept_share(noise.value, b) for b in biases], color="C3")
    right.axvline(bias.value, color="grey", linewidth=0.8)
    right.set(xlabel="bias of the forecast", title=f"error {noise.value:g}")
    mo.vstack(
        [
            mo.md(
                """
                ## A forecast that is right on average is not the best one

                Too low a forecast loses what was not reserved, and nothing brings it back. Too high a forecast costs
                nothing where there is room, and takes from others where there is none. So the best forecast is biased
                upwards, by how much depends on how scarce capacity is: that is what training by revenue finds.
                """
            ),
            figure,
        ]
    )
    return


@app.cell
def _(LinearProgramLayer, eo, mo, np, plt, torch):
    # max 2 a + b, a + b <= C, a <= 2, b <= 5: one kink at C = 2.
    small = eo.Program([2.0, 1.0], [[1.0, 1.0]], row_upper=[2.0], upper=[2.0, 5.0], sense="maximize")
    capacities = torch.linspace(0.5, 4.0, 141, dtype=torch.float64)[:, None]

    def slope(layer):
        at = capacities.clone().requires_grad_()
        (layer(at) @ torch.tensor([2.0, 1.0], dtype=torch.float64)).sum().backward()
        return at.grad[:, 0].numpy()

    picture, curve = plt.subplots(figsize=(7, 3.2), layout="constrained")
    curve.plot(capacities, slope(LinearProgramLayer(small, ("row_upper",))), "k", label="the program itself")
    for strength in (1.0, 0.3, 0.1, 0.01):
        smooth = LinearProgramLayer(small, ("row_upper",), smoothing="barrier", strength=strength)
        curve.plot(capacities, slope(smooth), label=f"barrier, strength {strength:g}", linewidth=1)
    curve.set(xlabel="capacity", ylabel="price of capacity")
    curve.legend(fontsize=8)
    exact = LinearProgramLayer(small, ("row_upper",))
    weak = LinearProgramLayer(small, ("row_upper",), smoothing="barrier", strength=0.01)
    off = np.abs(slope(weak) - slope(exact)).max()
    sides = exact.directional(torch.tensor([2.0], dtype=torch.float64), row_upper=torch.ones(1, dtype=torch.float64))
    print(f"at the kink: {float(sides.left):g} from the left, {float(sides.right):g} from the right; {exact.report()}")
    mo.vstack(
        [
            mo.md(
                f"""
                ## Gradients of a linear program

                Its optimum is made of flat pieces. Inside a piece the gradient is exact; at a kink there are two, here
                **{float(sides.left):g}** from the left and **{float(sides.right):g}** from the right, and edgeopt says
                so instead of averaging. Smoothing rounds the kinks off, and tends to the program as its strength goes
                to 0 (largest difference at strength 0.01: {off:.2f}, all of it beside the kink).
                """
            ),
            picture,
        ]
    )
    return


if __name__ == "__main__":
    app.run()
