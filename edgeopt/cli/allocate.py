"""``edgeopt allocate``: an allocator from a table of one's own, and what it says of recent demands."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..model.errors import InvalidOptionError
from .completion import complete_rule
from .printing import show, show_one

if TYPE_CHECKING:
    import pandas as pd

    from ..predictors.slice_answers import HeldOut
    from ..profiles.costs import AllocationCost

_WIDEST, _BESIDE = 12, 5
"""Most columns of a table on the screen, and most slots that stand beside each other in one of another form."""

app = typer.Typer(no_args_is_help=True, help="Reserve resources for your own slices: train an allocator, run it.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Decimal = Annotated[str, typer.Option(help="Sign before the decimals of numbers in the file: . or ,")]
Weights = Annotated[
    list[str] | None, typer.Option(help="One number for all slices, or SLICE=NUMBER for one; repeatable.")
]


@app.command()
def train(
    data: Annotated[Path, typer.Argument(help="CSV: a first column of times, and one of demands for each slice.")],
    out: Annotated[Path, typer.Option(help="Folder of the allocator; must not exist, or be empty.")],
    window: Annotated[int, typer.Option(help="Slots of the past that an answer sees.")] = 6,
    under: Weights = None,
    over: Weights = None,
    cost: Annotated[
        str, typer.Option(help="What --under and --over weigh: deepcog, quadratic-linear or least-squares.")
    ] = "deepcog",
    local_share: Annotated[float, typer.Option(help="Share of the slots in which the edge should answer.")] = 0.5,
    rule: Annotated[
        str,
        typer.Option(help="Who answers: benefit, optimized, uncertainty, edge or cloud.", autocompletion=complete_rule),
    ] = "benefit",
    kind: Annotated[str, typer.Option(help="Blocks of the network: conv3d, conv or lstm.")] = "conv3d",
    budget: Annotated[
        list[str] | None,
        typer.Option(help="Most that all slices may get together, or SLICE,SLICE=NUMBER for some; repeatable."),
    ] = None,
    calendar: Annotated[bool, typer.Option("--calendar", help="Let both exits know hour and day of the week.")] = False,
    max_shortfall: Annotated[
        float, typer.Option(help="Largest share of slots in which an exit may leave a slice below its demand.")
    ] = 0.5,
    epochs: Annotated[int, typer.Option(help="Most epochs of training.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of every random draw.")] = 0,
    decimal: Decimal = ".",
    as_json: Json = False,
) -> None:
    """Train an allocator on a table of demands, say what it is worth on the last fifth, and save it.

    Weights are on the scale of each slice, 0 its lowest and 1 its highest demand of the training period.

    \b
    Examples:
      edgeopt allocate train demand.csv --out model
      edgeopt allocate train demand.csv --out model --under 2 --under iot=20 --calendar
      edgeopt allocate train demand.csv --out model --rule optimized --local-share 0.7 --budget web,video=500
    """
    _check_free(out)
    from ..data.demand_table import read_demands
    from ..predictors.slice_allocator import SliceAllocator

    table = read_demands(data, decimal=decimal)
    slices = [str(name) for name in table.columns]
    allocator = SliceAllocator(
        _cost(under, over, cost, slices),
        window=window,
        min_local_fraction=local_share,
        rule=rule,
        kind=kind,
        budget=_budget(budget),
        calendar=calendar,
        epochs=epochs,
        seed=seed,
    ).fit(table, max_shortfall=max_shortfall, progress=sys.stderr.isatty())
    allocator.save(out)
    _show_report(allocator.report, out, as_json)


@app.command()
def run(
    model: Annotated[Path, typer.Argument(help="Folder that `edgeopt allocate train` wrote.")],
    recent: Annotated[Path, typer.Argument(help="CSV with the latest demands, at least as many rows as the window.")],
    slots: Annotated[int, typer.Option(help="Slots to answer for; the last one is the next slot.")] = 1,
    every: Annotated[bool, typer.Option("--all", help="Answer for all slots that have a whole past.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the answers here: .csv or .json.")] = None,
    decimal: Decimal = ".",
    as_json: Json = False,
) -> None:
    """Say what each slice should get in the next slot, in the unit of the demand, and which exit said so.

    confidence: estimated probability that this exit costs no more than the other one.

    \b
    Examples:
      edgeopt allocate run model recent.csv
      edgeopt allocate run model recent.csv --slots 6 --out next.csv
      edgeopt allocate run model history.csv --all --json
    """
    if out is not None and out.suffix not in (".csv", ".json"):
        raise InvalidOptionError(f"--out is {out}; expected a name that ends in .csv or .json")
    from ..data.demand_table import read_demands
    from ..predictors.slice_allocator import SliceAllocator

    table = read_demands(recent, decimal=decimal)
    answer = SliceAllocator.load(model).allocate(table, None if every else slots).table()
    rows = _rows(answer.set_axis([time.isoformat(sep=" ") for time in answer.index]).rename_axis("time"))
    if out is not None:
        _write(rows, out)
    if as_json or len(rows[0]) <= _WIDEST:
        show(rows, as_json, str(model))
        return
    for first in range(0, len(rows), _BESIDE):  # many slices: one below the other, and a few slots beside each other
        some = rows[first : first + _BESIDE]
        names = [name for name in rows[0] if name != "time"]
        show([{"slice": name, **{row["time"]: row[name] for row in some}} for name in names], False, str(model))


def _check_free(folder: Path) -> None:
    """Refuse a folder that holds something or cannot be written: nothing is lost, and no training ends in vain."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if there != folder and not (there.is_dir() and os.access(there, os.W_OK)):
        raise InvalidOptionError(f"--out is {folder}, but no folder can be made in {there}; take another one")
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists():
        raise InvalidOptionError(f"--out is {folder}, which is there and not empty; take a new folder, or remove it")


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame, its index in front."""
    return [{str(name): value for name, value in row.items()} for row in frame.reset_index().to_dict("records")]


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    import json

    import pandas as pd

    from ..exchange.writing import write_atomically

    text = json.dumps(rows, indent=1) if path.suffix == ".json" else pd.DataFrame(rows).to_csv(index=False)
    write_atomically(path, text.encode())


def _show_report(report: HeldOut, folder: Path, as_json: bool) -> None:
    """Print what the allocator was worth in the time that was held out, beside persistence and either exit alone."""
    ways, slices = _rows(report.table().rename_axis("way")), _rows(report.by_slice())
    if as_json:
        whole = {"folder": str(folder), "first": str(report.first), "last": str(report.last)}
        show_one({**whole, "local_fraction": report.local_fraction, "ways": ways, "slices": slices}, True, "")
        return
    slots = report.found["allocator"].slots
    typer.echo(f"Held out: {slots} slots, {report.first} to {report.last}; all numbers are means over them")
    show(ways, False, f"the edge answered in {report.local_fraction:.0%}")
    show(slices, False, "allocator, slice by slice; persistence: its cost")
    typer.echo(f"edgeopt allocate run {folder} RECENT.csv")


def _cost(under: list[str] | None, over: list[str] | None, kind: str, slices: list[str]) -> AllocationCost:
    from ..profiles.costs import AllocationCost

    return AllocationCost(_weights("--under", under, slices), _weights("--over", over, slices), kind=kind)


def _weights(option: str, given: list[str] | None, slices: list[str]) -> float | list[float]:
    """Return one weight for all slices, or one for each where some have their own; 1 where nothing is said."""
    everyone, own = 1.0, dict[str, float]()
    for text in given or []:
        name, sign, number = text.rpartition("=")
        if sign and name not in slices:
            raise InvalidOptionError(f"{option} is {text!r}; the slices are {', '.join(slices)}")
        if sign:
            own[name] = _number(option, text, number)
        else:
            everyone = _number(option, text, number)
    return [own.get(name, everyone) for name in slices] if own else everyone


def _budget(given: list[str] | None) -> float | dict[tuple[str, ...], float] | None:
    """Return one budget for all slices, or budgets for groups of them."""
    groups: dict[tuple[str, ...], float] = {}
    for text in given or []:
        names, sign, number = text.rpartition("=")
        if not sign and len(given or []) > 1:
            raise InvalidOptionError(f"--budget is {text!r} beside others; one for all slices stands alone")
        limit = _number("--budget", text, number)
        if not sign:
            return limit
        groups[tuple(name.strip() for name in names.split(","))] = limit
    return groups or None


def _number(option: str, text: str, number: str) -> float:
    try:
        return float(number)
    except ValueError:
        raise InvalidOptionError(f"{option} is {text!r}; expected a number, or NAME=NUMBER") from None
