"""Where should each layer run? A teaching notebook on splitting a network with early exits (Zuo 2024).

Open it with ``marimo edit examples/split.py`` and move the sliders, or run it as a script.
"""

import marimo

__generated_with = "0.14.0"
app = marimo.App(width="medium", app_title="Splitting a network with early exits")


@app.cell
def _():
    from dataclasses import replace

    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np
    import torch
    from scipy import stats

    import edgeopt as eo
    from edgeopt.profiles.device import DeviceModel
    from edgeopt.profiles.dnn import LayerTable
    from edgeopt.profiles.zoo import branchy_alexnet

    return DeviceModel, LayerTable, branchy_alexnet, eo, mo, np, plt, replace, stats, torch


@app.cell
def _(mo):
    mo.md(
        """
        # Where should each layer run?

        A phone has a photo to classify. Its network has **five exits**: the first answers early and roughly, the last
        late and well. A task says how accurate the answer has to be, and that decides the exit. What is left to decide
        is *where each layer runs*: on the phone, or on an edge server behind a radio link.

        Sending costs time for every bit, computing costs time for every layer. Move the sliders.
        """
    )
    return


@app.cell
def _(mo):
    rate = mo.ui.slider(-1.0, 3.0, 0.1, value=2.0, label="link rate, 10^x Mbit/s", show_value=True)
    needed = mo.ui.slider(0.5, 0.8, 0.01, value=0.625, label="mean required accuracy", show_value=True)
    speed = mo.ui.slider(1, 60, 1, value=40, label="phone, times as fast as a Raspberry Pi 3B", show_value=True)
    mo.vstack([rate, needed, speed])
    return needed, rate, speed


@app.cell
def _(DeviceModel, LayerTable, branchy_alexnet, torch):
    chains = LayerTable.from_module(branchy_alexnet(), torch.zeros(1, 3, 32, 32)).exits()
    phone, server = DeviceModel.table_4_2("mobile"), DeviceModel.table_4_2("edge")
    accuracies = [0.524, 0.60, 0.66, 0.72, 0.784]
    return accuracies, chains, phone, server


@app.cell
def _(accuracies, chains, eo, needed, phone, rate, replace, server, speed, stats):
    def declared(megabits):
        exits = []
        for chain, accuracy in zip(chains, accuracies, strict=True):
            entry = eo.Exit.of(chain, [phone, server], accuracy)
            exits.append(replace(entry, exec_time=entry.exec_time / [speed.value, 1]))
        return eo.StochasticSplit(exits, stats.norm(needed.value, 0.053), uplink_rate=1e6 * megabits)

    problem = declared(10**rate.value)
    solution = eo.solve(problem)
    return declared, problem, solution


@app.cell
def _(eo, mo, problem, solution):
    names = ["shortest-path", "edgent", "genetic", "local-only", "remote-only"]
    table = eo.compare(problem, names)
    shown = table[["solver", "objective", "gap", "wall_time"]].copy()
    shown["objective"] = (1e3 * shown["objective"]).round(3)
    shown["gap"] = (100 * shown["gap"]).round(2)
    shown["wall_time"] = (1e3 * shown["wall_time"]).round(2)
    shown.columns = ["solver", "expected latency [ms]", "gap to the optimum [%]", "solved in [ms]"]
    print(shown.to_string(index=False))
    mo.vstack(
        [
            mo.md(
                f"""
                ## The optimum: {1e3 * solution.objective:.2f} ms

                It is *proved*: {solution.certificate}. Each potential is the least latency that can still follow a
                layer on a tier, and no placement beats the one at the raw input. A genetic algorithm only tries; Edgent
                allows one cut in each exit.
                """
            ),
            shown,
        ]
    )
    return


@app.cell
def _(mo, np, plt, problem, solution):
    longest = max(len(tiers) for tiers in solution.decision.tiers)
    grid = np.full((len(problem.exits), longest), np.nan)
    for k, tiers in enumerate(solution.decision.tiers):
        grid[k, : len(tiers)] = tiers
    _, placed = plt.subplots(figsize=(8, 2.6), layout="constrained")
    placed.imshow(grid, cmap="coolwarm", vmin=0, vmax=1, aspect="auto")
    served = [f"exit {k + 1} ({p:.0%})" for k, p in enumerate(problem.weights)]
    placed.xaxis.get_major_locator().set_params(integer=True)
    placed.set(xlabel="layer", yticks=range(len(served)), yticklabels=served, title="blue: phone, red: edge server")
    mo.vstack([mo.md("## Which layers go where"), placed.figure])
    return


@app.cell
def _(declared, eo, mo, np, plt, rate):
    megabits = np.logspace(-1, 3, 41)
    _, lines = plt.subplots(figsize=(8, 3.4), layout="constrained")
    for solver in ("shortest-path", "edgent", "local-only", "remote-only"):
        latency = [1e3 * eo.solve(declared(r), solver).objective for r in megabits]
        lines.loglog(megabits, latency, label=solver)
    lines.axvline(10**rate.value, color="grey", linewidth=0.8)
    lines.set(xlabel="link rate [Mbit/s]", ylabel="expected latency [ms]")
    lines.legend()
    mo.vstack(
        [
            mo.md(
                """
                ## Latency against the link rate

                A slow link keeps everything on the phone; a faster one sends the whole task away. Where the optimum
                lies below both lines, splitting pays: each layer then runs where it is cheap, and only small tensors
                travel. Slow the phone down and see that range move to the right, and vanish.
                """
            ),
            lines.figure,
        ]
    )
    return


if __name__ == "__main__":
    app.run()
