"""From a table of your own to a deployed allocator: a notebook that trains, saves, loads elsewhere and runs.

marimo edit examples/own_slices.py    (sliders)
python examples/own_slices.py         (once through; --data-file mine.csv for a table of your own)
"""

import marimo

app = marimo.App(width="medium", app_title="From your own table to a deployed allocator")


@app.cell
def _():
    import argparse
    import json
    import subprocess
    import sys
    import tempfile
    from pathlib import Path

    import marimo as mo
    import matplotlib.pyplot as plt
    import pandas as pd

    from edgeopt.data import synthetic
    from edgeopt.data.demand_table import read_demands
    from edgeopt.predictors import SliceAllocator
    from edgeopt.profiles.costs import AllocationCost

    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data-file", type=Path, help="CSV with a column of times and one for each slice")
    arguments = parser.parse_known_args()[0]
    folder = Path(tempfile.mkdtemp(prefix="edgeopt-own-slices-"))
    return (
        AllocationCost,
        SliceAllocator,
        arguments,
        folder,
        json,
        mo,
        pd,
        plt,
        read_demands,
        subprocess,
        synthetic,
        sys,
    )


@app.cell
def _(mo):
    mo.md(
        """
        # From your own table to a deployed allocator

        You run slices, and reserve for each of them before its demand is known. All you have is a table: a column of
        times, and a column of demands for each slice. Five steps make an allocator of it that another process runs.
        """
    )
    return


@app.cell
def _(arguments, folder, mo, plt, read_demands, synthetic):
    if arguments.data_file is None:
        file = folder / "demand.csv"
        _made = synthetic.traffic(cells=4, days=4 if arguments.quick else 28, seed=0)
        _made.set_axis(["web", "video", "iot", "car"], axis=1).tz_localize(None).to_csv(file, index_label="time")
    else:
        file = arguments.data_file
    table = read_demands(file)
    _figure, _axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
    _axes.plot(table.iloc[-3 * 144 :], label=table.columns[:10])
    _axes.set(ylabel="demand", title=f"the last {len(table.iloc[-3 * 144 :])} of {len(table)} slots")
    _axes.legend(ncols=4, fontsize=8)
    _axes.tick_params(axis="x", rotation=20)
    mo.vstack([mo.md("## 1. The table"), mo.ui.table(table.tail(3), selection=None), _figure])
    return (table,)


@app.cell
def _(mo, table):
    strict = mo.ui.dropdown(list(table.columns), value=table.columns[-1], label="slice with the strict SLA")
    under = mo.ui.slider(steps=[1, 2, 5, 10, 20, 50], value=20, label="cost of a slot in which it is short")
    share = mo.ui.slider(0.0, 1.0, 0.05, value=0.5, label="least share of the slots that the edge decides")
    mo.vstack([mo.md("## 2. What a mistake costs, and who decides"), strict, under, share])
    return share, strict, under


@app.cell
def _(AllocationCost, SliceAllocator, arguments, mo, plt, share, strict, table, under):
    cost = AllocationCost(under=[under.value if name == strict.value else 1.0 for name in table.columns])
    allocator = SliceAllocator(
        cost, min_local_fraction=share.value, calendar=True, epochs=1 if arguments.quick else 40
    ).fit(table)
    report = allocator.report
    _figure, _axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
    _slices = report.by_slice().drop(index="all")
    _place = range(len(_slices))
    _axes.bar([p - 0.2 for p in _place], _slices["persistence"], 0.4, label="persistence")
    _axes.bar([p + 0.2 for p in _place], _slices["cost"], 0.4, label="allocator")
    _axes.set_xticks(list(_place), _slices.index)
    _axes.set(ylabel="mean cost of a slot", title="the part of the table that was held out")
    _axes.legend()
    mo.vstack(
        [
            mo.md(
                f"## 3. Train\n\nOf the last fifth, {report.first:%d %B} to {report.last:%d %B}, nothing was learned. "
                f"There the edge answered in {report.local_fraction:.0%} of the slots."
            ),
            mo.ui.table(report.table().round(3).reset_index(names="way"), selection=None),
            _figure,
        ]
    )
    return (allocator,)


@app.cell
def _(allocator, folder, mo):
    model = folder / "model"
    allocator.save(model)
    _files = "\n".join(f"- `{path.name}`, {path.stat().st_size / 1024:.0f} KB" for path in sorted(model.iterdir()))
    mo.md(f"## 4. Save\n\nA JSON head and plain arrays, which run no code when they are loaded:\n\n{_files}")
    return (model,)


@app.cell
def _(allocator, folder, json, mo, model, pd, subprocess, sys, table):
    recent = folder / "recent.csv"
    table.tail(12).to_csv(recent, index_label="time")
    _command = [sys.executable, "-m", "edgeopt", "allocate", "run", str(model), str(recent), "--slots", "3", "--json"]
    answers = pd.DataFrame(json.loads(subprocess.run(_command, capture_output=True, text=True, check=True).stdout))
    here = allocator.allocate(table.tail(12), slots=3)
    same = (answers[list(here.slices)].to_numpy() == here.allocation).all()
    print(f"a fresh process gives the same answers, bit for bit: {same}")
    mo.vstack(
        [
            mo.md(
                "## 5. Run it elsewhere\n\nA fresh process loads the folder and answers from the latest rows, the last "
                f"line for the slot that is to come. The same numbers as here, bit for bit: **{same}**."
            ),
            mo.ui.table(answers.round(3), selection=None),
            mo.md("`edgeopt allocate run model recent.csv` once a slot is a deployment."),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
