"""``edgeopt bench``: instances, runs, tables and the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..model.errors import InvalidOptionError
from ..solving.spec import solver_names
from .completion import complete_instance
from .printing import progress_bar, show

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(no_args_is_help=True, help="Compare solvers on benchmark instances: run, show, report.")

FOLDER = Path("report/bench")
Folder = Annotated[Path, typer.Option("--out", help="Folder of the campaign: its cache and its results.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SUMMARY = """\
solved: verified and within 1e-6 of the best known objective; low, high: 95 % interval over instances;
mean_time: shifted geometric mean, a run that did not solve its instance counts as its time limit;
excess: relative distance to the best known objective, of verified answers."""
SHOWN = [
    "instance",
    "solver",
    "seed",
    "repetition",
    "status",
    "verified",
    "proved",
    "objective",
    "gap",
    "excess",
    "wall_time",
    "conflict",
]


@app.command("instances")
def list_instances(
    formulation: Annotated[str | None, typer.Argument(help="Only of this one: split, say.")] = None,
    as_json: Json = False,
) -> None:
    """List the instances: size, best known objective, who proved it.

    \b
    Examples:
      edgeopt bench instances split
    """
    from ..instances import describe_one, names

    kept = ("instance", "size", "shipped", "status", "objective", "proved", "proved_by", "summary")
    rows = [{key: row[key] for key in kept} for row in map(describe_one, names(formulation))]
    show(rows, as_json, "Instances")


@app.command()
def run(
    instances: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names, patterns (split/*), families with knobs, files; all that ship by default.",
            autocompletion=complete_instance,
        ),
    ] = None,
    solvers: Annotated[
        str | None, typer.Option(help="Names separated by commas, options in brackets: highs,genetic[population=50].")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds separated by commas.")] = "0",
    repetitions: Annotated[int, typer.Option(help="How often everything is run.")] = 1,
    time_limit: Annotated[float, typer.Option(help="Seconds of each task, enforced.")] = 60.0,
    memory_limit: Annotated[float, typer.Option(help="Bytes of each task, enforced.")] = 4e9,
    threads: Annotated[int, typer.Option(help="Threads of each task.")] = 1,
    jobs: Annotated[int, typer.Option(help="Tasks at once; 1 is right for timing.")] = 1,
    dask: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, or `local` for --jobs worker processes.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run again what has been run.")] = False,
    folder: Folder = FOLDER,
) -> None:
    """Run solvers on instances; the same command again goes on where it stopped.

    \b
    Examples:
      edgeopt bench run
      edgeopt bench run 'split/*' --solvers edgent,genetic --seeds 0,1,2
      edgeopt bench run 'offloading/generated[samples=5000,ties=0.5]'
      edgeopt bench run --dask tcp://10.0.0.1:8786 --repetitions 3
    """
    from ..bench.campaign import Campaign
    from ..bench.run import RESULTS
    from ..bench.run import run as run_campaign

    campaign = Campaign.of(
        instances or None,
        None if solvers is None else solver_names(solvers),
        seeds=_seeds(seeds),
        repetitions=repetitions,
        time_limit=time_limit,
        memory_limit=memory_limit,
        threads=threads,
    )
    with progress_bar("running") as progress:
        table = run_campaign(campaign, folder, jobs=jobs, dask=dask, force=force, progress=progress)
    failed = int((~table["verified"]).sum())
    typer.echo(f"{len(table)} rows, {failed} of them without a verified answer: {folder / RESULTS}")
    if against := int((table["conflict"] != "").sum()):
        typer.echo(f"{against} answers contradict each other or what is recorded: see the column conflict")
    if unfit := campaign.tasks - len(table):
        typer.echo(f"{unfit} further pairs do not fit: the solver takes no such instance")
    typer.echo(f"edgeopt bench show --out {folder}    edgeopt bench report --out {folder}")


@app.command("show")
def show_table(
    folder: Folder = FOLDER,
    export_to: Annotated[
        Path | None, typer.Option("--export", help="Write the whole table: .parquet, .csv, .json or .md.")
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="One row for each solver.")] = False,
    as_json: Json = False,
) -> None:
    """Show the table of a campaign, also while it runs.

    \b
    Examples:
      edgeopt bench show --summary
      edgeopt bench show --out report/bench --export results.csv
    """
    from ..bench.measures import by_solver
    from ..bench.results import export
    from ..bench.run import collect

    table = collect(folder)
    if export_to is not None:
        export(table, export_to)
    shown = by_solver(table) if summary else table[SHOWN]
    show([{str(k): v for k, v in row.items()} for row in shown.to_dict("records")], as_json, str(folder))
    if summary and not as_json:
        typer.echo(SUMMARY)


@app.command()
def report(
    folder: Folder = FOLDER,
    file: Annotated[
        Path | None, typer.Option(help="Where the page goes; report.html in the folder by default.")
    ] = None,
) -> None:
    """Write one HTML page: table, plots, failures, machine; it needs no network.

    \b
    Examples:
      edgeopt bench report --out report/bench --file comparison.html
    """
    from ..bench.report import write_report
    from ..bench.run import collect

    table: pd.DataFrame = collect(folder)
    path = file or folder / "report.html"
    write_report(table, path, title=f"Comparison of {table['solver'].nunique()} solvers")
    typer.echo(str(path))


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InvalidOptionError(f"--seeds is {text!r}; expected whole numbers separated by commas") from None
