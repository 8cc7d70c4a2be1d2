"""Virtual queues at work: a teaching notebook on drift-plus-penalty control (Labriji et al. 2023).

Open it with ``marimo edit examples/slot_queues.py`` and move the sliders, or run it as a script.
"""

import marimo

__generated_with = "0.14.0"
app = marimo.App(width="medium", app_title="Virtual queues at work")


@app.cell
def _():
    from dataclasses import replace

    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np

    from edgeopt.control import DriftPlusPenalty, Environment, simulate

    return DriftPlusPenalty, Environment, mo, np, plt, replace, simulate


@app.cell
def _(mo):
    mo.md(
        """
        # Virtual queues at work

        A device classifies some ten images in every slot. It may run a part of the network itself, which costs energy,
        or send everything to an edge host, which costs time when the host is busy or the channel bad. The **mean
        delay** has to stay within 50 ms, and at most **1 %** of the slots may miss 100 ms.

        Nobody knows the future, so two *virtual queues* remember the past: each grows by what a slot took too much, and
        shrinks by what it left over. Every slot then weighs its delay by the first queue, a missed deadline by the
        second, and its energy by **V**.
        """
    )
    return


@app.cell
def _(mo):
    weight = mo.ui.slider(-3.0, 1.5, 0.25, value=0.0, label="V = 10^x, the weight of energy", show_value=True)
    share = mo.ui.slider(0.05, 1.0, 0.05, value=0.3, label="largest availability of the edge host", show_value=True)
    exact = mo.ui.checkbox(value=True, label="decide each slot exactly (two-regime)")
    mo.vstack([weight, share, exact])
    return exact, share, weight


@app.cell
def _(DriftPlusPenalty, Environment, exact, share, simulate, weight):
    environment = Environment(availability=share.value)
    controller = DriftPlusPenalty(tradeoff=10**weight.value, rule="two-regime" if exact.value else "lambert-w")
    run = simulate(controller, environment, 20_000, warm_up=2_000, keep=True)
    return controller, environment, run


@app.cell
def _(mo, run):
    found = run.summary.iloc[0]
    print(found[["delay", "outage", "saving", "split"]].to_string())
    mo.md(
        f"""
        ## {100 * found.saving:.1f} % of the energy saved

        Mean delay **{1e3 * found.delay:.1f} ms** of 50, outage **{100 * found.outage:.2f} %** of 1, against running
        everything on the device. The mean split is {found.split:.2f} of 19 (0 sends the raw image).
        """
    )
    return


@app.cell
def _(mo, np, plt, run):
    slots = run.slots[0]
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(8, 5), layout="constrained", sharex=True)
    top.plot(slots.delay_queue, linewidth=0.8, label="delay queue [s]")
    top.plot(slots.outage_queue, linewidth=0.8, label="outage queue")
    top.legend()
    average = np.cumsum(slots.delay) / np.arange(1, len(slots) + 1)
    bottom.plot(1e3 * average, label="mean delay so far [ms]")
    bottom.axhline(50, color="k", linestyle="--", linewidth=0.8)
    bottom.set(xlabel="slot", ylim=(0, 120))
    bottom.legend()
    mo.vstack(
        [
            mo.md(
                """
                ## The queues pay for the start

                With a large V the device saves energy at once and lets the queues grow, until they weigh enough to hold
                the constraints. The larger V, the longer that takes: energy comes within O(1/V) of the optimum, the
                queues grow as O(V).
                """
            ),
            figure,
        ]
    )
    return


@app.cell
def _(controller, environment, mo, np, plt, replace, simulate):
    weights = np.logspace(-3, 1.5, 10)
    runs = [{"tradeoff": float(v), "rule": rule} for rule in ("lambert-w", "two-regime") for v in weights]
    sweep = simulate(replace(controller), environment, 20_000, runs=runs, warm_up=2_000).summary
    picture, line = plt.subplots(figsize=(8, 3.4), layout="constrained")
    for rule, rows in sweep.groupby("rule"):
        line.plot(100 * rows.saving, 1e3 * rows.delay, "o-", label=rule)
    line.axhline(50, color="k", linestyle="--", linewidth=0.8)
    line.axvline(
        100 * float(simulate(controller, environment, 20_000, warm_up=2_000).summary.saving.iloc[0]), color="grey"
    )
    line.set(xlabel="energy saved [%]", ylabel="mean delay [ms]")
    line.legend()
    mo.vstack(
        [
            mo.md(
                """
                ## What V buys

                Each point is one V. Where V is small the queues hardly matter to a slot that is decided well, and both
                rules find their own compromise; where it is large they agree.
                """
            ),
            picture,
        ]
    )
    return


if __name__ == "__main__":
    app.run()
