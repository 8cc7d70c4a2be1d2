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
    from edgeopt.layers import LinearProgramLayer, RevenueLayer
    from edgeopt.predictors import ObjectiveDriven, SeasonalNaive, regret_ledger
    from edgeopt.predictors.samples import windows
    from edgeopt.studies.verdicts import paired_interval

    return (
        LinearProgramLayer,
        ObjectiveDriven,
        RevenueLayer,
        SeasonalNaive,
        eo,
        mo,
        np,
        paired_interval,
        plt,
        regret_ledger,
        replace,
        torch,
        windows,
    )


@app.cell
def _(mo):
    mo.md(
        """
        # What does a forecast error cost?

        A network admits the traffic of several services. What it admits has to be **reserved before the traffic is
        known**: a predictor forecasts it, a linear program reserves for the forecast. Afterwards the true traffic
        comes, and nothing gets through beyond what was reserved, what arrived, and what the network can carry. What was
        reserved is paid for, used or not.

        Is a forecast with half the error worth twice as much? Is it better to forecast too much or too little?
        """
    )
    return


@app.cell
def _(mo):
    noise = mo.ui.slider(0.0, 0.6, 0.02, value=0.2, label="error of the forecast (relative)", show_value=True)
    bias = mo.ui.slider(-0.5, 0.5, 0.02, value=0.0, label="bias of the forecast (relative)", show_value=True)
    scarce = mo.ui.slider(0.3, 1.5, 0.05, value=0.8, label="capacity, times the mean load", show_value=True)
    price = mo.ui.slider(0.0, 0.2, 0.01, value=0.1, label="price of a reserved unit of any resource", show_value=True)
    mo.vstack([noise, bias, scarce, price])
    return bias, noise, price, scarce


@app.cell
def _(eo, np, price, scarce):
    def network(seed, slots=400):
        """Draw a network and its traffic, which changes slowly: the last slot tells much about the next."""
        rng = np.random.default_rng(seed)
        density = (rng.random((12, 10)) < 0.35) * rng.uniform(0.5, 1.5, (12, 10))
        fresh = rng.gamma(2.0, 5.0, (slots + 20, 10))
        weights = 0.8 ** np.arange(21)[::-1]
        truth = np.stack([np.convolve(column, weights / weights.sum(), "valid") for column in fresh.T], axis=1)
        capacity = scarce.value * density @ truth.mean(axis=0) * rng.uniform(0.5, 1.5, 12) + 0.1
        revenue = rng.uniform(2, 4, 10)
        prices = {"compute_price": price.value, "link_price": price.value}
        return eo.RevenueMaximization(revenue, density[:4], density[4:], capacity[:4], capacity[4:], truth, **prices)

    problem = network(0)
    truth = problem.traffic
    return network, problem, truth


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
        forecast, and **{parts["recourse"]:.2f} %** because the plan promised what then did not get through, or paid for
        what was not used.

        This is one drawn network. Another one may rank two forecasts the other way round: see the last table below.
        """
    )
    return


@app.cell
def _(bias, eo, forecast, mo, noise, np, plt, problem):
    def kept_share(n, b):
        wanted = eo.solve(forecast(n, b)).decision
        return eo.admit(wanted, problem).revenue.sum() / eo.solve(problem).objective.sum()

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

                Too low a forecast loses what was not reserved, and nothing brings it back. Too high a forecast pays
                for what is not used, and takes from others where capacity is scarce. So the best forecast is biased, by
                how much and even which way depends on prices and on how scarce capacity is: that is what training by
                revenue finds. **Set the price to 0** and no reservation seems too large: whoever evaluates without the
                cost of reservations finds that blind over-reservation beats every predictor.
                """
            ),
            figure,
        ]
    )
    return


@app.cell
def _(ObjectiveDriven, RevenueLayer, SeasonalNaive, eo, mo, network, np, paired_interval, replace, torch, windows):
    def shares(seed):
        """Return what several controllers earn on the later half of the slots of one network, in %."""
        drawn = network(seed)
        past, target = windows(drawn.traffic, 2)
        past, half = past.swapaxes(1, 2), len(target) // 2
        mean = float(drawn.capacity.mean())
        wrong = {"compute_capacity": np.full(4, mean), "link_capacity": np.full(8, mean)}
        one = drawn.instance(0)
        layer = RevenueLayer(replace(one, **wrong))
        best = eo.solve(replace(drawn, traffic=target))
        tensors = [torch.tensor(a.copy(), dtype=torch.float32) for a in (past, target, best.decision.admitted)]
        models = {
            "last value, mean capacities": ObjectiveDriven(SeasonalNaive(10, 2), layer, capacities="mean"),
            "last value, learned (offline optimum)": ObjectiveDriven(SeasonalNaive(10, 2), layer, capacities="learned"),
            "last value, observed": ObjectiveDriven(SeasonalNaive(10, 2), layer, capacities="observed"),
            "last value, true capacities": ObjectiveDriven(SeasonalNaive(10, 2), RevenueLayer(one), capacities="mean"),
        }
        cut = half * 4 // 5
        parts = [t[:cut] for t in tensors], [t[cut:half] for t in tensors]
        models["last value, learned (offline optimum)"].fit(*parts, epochs=20, rate=1e-2, batch_size=32)
        early = replace(drawn, traffic=target[:half])
        models["last value, observed"].observe(
            past[:half, -1], target[:half], eo.admit(past[:half, -1], early).admitted
        )
        later = replace(drawn, traffic=target[half:])
        possible = best.objective[half:].sum()
        found = {}
        for name, model in models.items():
            with torch.no_grad():
                reserved = model(tensors[0][half:]).double().numpy().clip(min=0.0)
            found[name] = 100 * eo.admit(reserved, later).revenue.sum() / possible
        found["100 times the last value"] = 100 * eo.admit(100 * past[half:, -1], later).revenue.sum() / possible
        return found

    rows = [shares(seed) for seed in range(5)]
    base = np.array([row["last value, mean capacities"] for row in rows])
    lines = ["| controller | revenue [%] | gain over the first row, 95 % interval |", "|---|---|---|"]
    for controller in rows[0]:
        values = np.array([row[controller] for row in rows])
        lines.append(f"| {controller} | {values.mean():.1f} | {paired_interval(values - base)} |")
    print("\n".join(lines))
    mo.vstack(
        [
            mo.md("## Is it the forecast, or what is known of the capacities?"),
            mo.md("\n".join(lines)),
            mo.md(
                """
                The forecast is the last value in every row; five networks, each with the same traffic in all rows.
                **Learned** moves the capacities by gradient towards the offline optimum, which only somebody who knows
                the true capacities can compute. **Observed** never sees it: it reads capacities off what was throttled.
                Before you praise a predictor that was trained together with learned capacities, compare it with these
                rows, in which nothing is predicted. An interval with both signs shows nothing.
                """
            ),
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
