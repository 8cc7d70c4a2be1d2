"""From traffic to trade-off: a notebook on early exits and the rules that offload.

marimo edit examples/early_exit_walk.py    (sliders)
python examples/early_exit_walk.py         (once through)
"""

import marimo

app = marimo.App(width="medium", app_title="Early exits, from traffic to trade-off")


@app.cell
def _():
    import argparse

    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np
    import torch

    import edgeopt as eo
    from edgeopt.data.folder import data_folder
    from edgeopt.predictors.boxes import TrafficBox
    from edgeopt.predictors.ddnn import DDNN
    from edgeopt.predictors.exits import ExitSamples
    from edgeopt.predictors.joint import train_jointly
    from edgeopt.predictors.rules import OptimizedRule, UncertaintyRule
    from edgeopt.predictors.samples import MinMax, chronological, windows
    from edgeopt.profiles.costs import AllocationCost
    from edgeopt.profiles.latency import GIANNAKAS2025
    from edgeopt.studies.early_exit import traffic

    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_known_args()[0].quick
    return (
        AllocationCost,
        DDNN,
        ExitSamples,
        GIANNAKAS2025,
        MinMax,
        OptimizedRule,
        TrafficBox,
        UncertaintyRule,
        chronological,
        data_folder,
        eo,
        mo,
        np,
        plt,
        quick,
        torch,
        traffic,
        train_jointly,
        windows,
    )


@app.cell
def _(mo):
    mo.md(
        """
        # Early exits, from traffic to trade-off

        An operator reserves resources for 25 cells before it knows their demand. A small network at the edge answers in
        a fraction of a millisecond; a larger one in the cloud knows better, sometimes, and is 42 ms away. Who decides
        which decisions are worth the trip?
        """
    )
    return


@app.cell
def _(TrafficBox, data_folder, mo, plt, quick, traffic):
    frame, source = traffic(data_folder(None), True, 25)
    _figure, _axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
    _axes.plot(frame.to_numpy()[: 3 * 144, :5])
    _axes.set(xlabel="slot of 10 minutes", ylabel="activity", title="five of the cells, three days")
    box = TrafficBox.fit(frame.to_numpy()[: round(0.6 * len(frame))])
    _grid = box.draw(frame.columns)
    mo.vstack(
        [
            mo.md(
                f"## 1. Traffic\n\n{source}. Cells that rise and fall together are neighbours in the **traffic box**."
            ),
            _figure,
            _grid.figure,
        ]
    )
    return box, frame


@app.cell
def _(mo):
    under = mo.ui.slider(
        steps=[0.5, 1.0, 2.0, 5.0, 10.0], value=1.0, label="penalty c_u of a shortfall", show_value=True
    )
    mo.vstack(
        [mo.md("## 2. What a mistake costs\n\nToo little costs c_u, however little; too much costs its size."), under]
    )
    return (under,)


@app.cell
def _(
    AllocationCost,
    DDNN,
    ExitSamples,
    MinMax,
    box,
    chronological,
    frame,
    mo,
    quick,
    torch,
    train_jointly,
    under,
    windows,
):
    _series = frame.to_numpy(float)
    _scale = MinMax.fit(_series[: round(0.6 * len(_series)) - 6])
    past, demand = windows(_scale.normalise(_series)[:, box.order], window=6)
    split = chronological(len(demand))
    cost = AllocationCost(under=under.value)
    torch.manual_seed(0)
    model = DDNN("conv3d", series=25, window=6)
    _parts = [(past[rows], demand[rows]) for rows in (split.train, split.validation, split.test)]
    train_jointly(model, _parts[0], _parts[1], cost, local_weight=0.2, epochs=2 if quick else 8)
    training, test = (ExitSamples.of(model, *_parts[i], cost) for i in (0, 2))
    mo.md(
        f"""
        ## 3. Two exits, trained together

        The loss weighs both exits (w = 0.2). On {len(test)} test samples the edge costs
        **{test.local_cost.sum(axis=1).mean():.2f}**, the cloud **{test.remote_cost.sum(axis=1).mean():.2f}**; for
        **{(test.benefit < 0).mean():.0%}** of the samples the edge is the cheaper one.
        """
    )
    return demand, model, past, split, test, training


@app.cell
def _(mo):
    share = mo.ui.slider(0.0, 1.0, 0.05, value=0.5, label="least local share L0", show_value=True)
    mo.vstack(
        [
            mo.md("## 4. Which decisions stay?\n\nThe offline problem is solved exactly; its multiplier is b*."),
            share,
        ]
    )
    return (share,)


@app.cell
def _(GIANNAKAS2025, OptimizedRule, UncertaintyRule, eo, mo, model, np, plt, share, test, training):
    _curve = eo.trade_off_curve(test.problem())
    _best = eo.solve(test.problem(share.value))
    _rules = {
        "Optimized": OptimizedRule(share.value, epochs=10),
        "Uncertainty, B = 10": UncertaintyRule(model, share.value),
    }
    _figure, _axes = plt.subplots(figsize=(7, 4), layout="constrained")
    _axes.plot(100 * _curve.local_fraction, _curve.cost, label="Oracle, every share")
    _axes.plot([0, 100], _curve.cost[[0, -1]], "--", color="grey", label="Random")
    _axes.plot(100 * _best.decision.local.mean(), _best.objective, "k*", markersize=12, label="Oracle at L0")
    _rows = []
    for _name, _rule in _rules.items():
        _local = _rule.fit(training).decide(test)
        _axes.plot(100 * _local.mean(), test.cost(_local), "o", label=_name)
        _latency = 1e3 * GIANNAKAS2025.expected(float(np.mean(_local)))
        _rows.append(
            {
                "rule": _name,
                "local": f"{_local.mean():.0%}",
                "cost": round(test.cost(_local), 3),
                "latency [ms]": round(_latency, 1),
            }
        )
    _axes.set(xlabel="resolved locally [%]", ylabel="mean cost")
    _axes.legend()
    mo.vstack(
        [
            _figure,
            mo.ui.table(_rows, selection=None),
            mo.md(f"Critical benefit b* = **{_best.certificate.multiplier:.3f}**: what one more local decision costs."),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
