"""The command line: solve, compare, verify, list solvers, reproduce papers, fetch data, allocate to slices.

Exit codes: 0 done; 1 nothing was established (a limit was hit, or the answer did not verify); 2 wrong use or input.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..model.errors import EdgeOptError, InvalidOptionError, NoSolutionError
from ..solving.spec import solver_names
from ..solving.spec import value as parse_value
from .allocate import app as allocate_app
from .bench import app as bench_app
from .completion import complete_instance, complete_solver, complete_study
from .new import new
from .printing import progress_bar, show, show_one
from .profile import profile

if TYPE_CHECKING:
    from ..model.problem import Problem
    from ..model.solution import Solution

app = typer.Typer(
    name="edgeopt",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Solve edge-inference decision problems, compare solvers, verify answers. "
    "Exit codes: 0 done, 1 nothing was established, 2 wrong use or input.",
)
data_app = typer.Typer(no_args_is_help=True, help="List and download the original data sets.")
app.add_typer(data_app, name="data")
app.add_typer(bench_app, name="bench")
app.add_typer(allocate_app, name="allocate")
app.command()(profile)
app.command()(new)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Given = Annotated[
    str,
    typer.Argument(
        help="A problem saved by edgeopt (JSON), an MPS or LP file, or an instance's name.",
        autocompletion=complete_instance,
    ),
]
TimeLimit = Annotated[float | None, typer.Option(help="Seconds for each solve.")]
Seed = Annotated[int, typer.Option(help="Seed of every random draw.")]


@app.callback(invoke_without_command=True)
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    trust: Annotated[
        list[str] | None,
        typer.Option(help="Module with a formulation of your own that a file may import; repeatable, anywhere."),
    ] = None,
) -> None:
    if trust:
        _allow(trust)
    if version:
        from .. import __version__

        typer.echo(f"edgeopt {__version__}")
        raise typer.Exit


@app.command()
def solvers(as_json: Json = False) -> None:
    """List every registered solver: what it reads, exact or heuristic, what to install.

    \b
    Examples:
      edgeopt solvers
      edgeopt solvers --json
    """
    from ..solving.registry import solvers as registered

    rows = []
    for entry in registered().values():
        reads = entry.solves if isinstance(entry.solves, tuple) else (entry.solves,)
        rows.append(
            {
                "solver": f"{entry.name}[:NAME]" if entry.variants else entry.name,
                "kind": entry.kind,
                "reads": ", ".join(kind.__name__ for kind in reads),
                "options": ", ".join(entry.options),
                "installed": entry.installed,
                "version": entry.version if entry.installed else "",
                "install": "" if entry.installed else f"pip install '{entry.install or ' '.join(entry.requires)}'",
            }
        )
    show(rows, as_json, "Registered solvers")


@app.command()
def solve(
    file: Given,
    solver: Annotated[
        str, typer.Option(help="Registered name, NAME:BACKEND, or auto.", autocompletion=complete_solver)
    ] = "auto",
    time_limit: TimeLimit = None,
    relative_gap: Annotated[float | None, typer.Option(help="Stop at this proved gap.")] = None,
    threads: Annotated[int | None, typer.Option(help="Most threads to use.")] = None,
    memory_limit: Annotated[float | None, typer.Option(help="Bytes; needs --isolate.")] = None,
    seed: Seed = 0,
    isolate: Annotated[bool, typer.Option("--isolate", help="Run in a process of its own.")] = False,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for this solver alone; repeatable.")] = None,
    out: Annotated[Path | None, typer.Option(help="Save the solution here (JSON).")] = None,
    as_json: Json = False,
) -> None:
    """Solve a problem, verify the answer, print it.

    \b
    Examples:
      edgeopt solve split/branchy-alexnet-lte
      edgeopt solve problem.json --solver highs --out solution.json
      edgeopt solve afiro.mps --solver pyomo:scip --isolate --time-limit 9
    """
    from ..exchange.storage import save
    from ..model.outcome import Status
    from ..solving.solve import solve as run

    problem = _problem(file)
    extra = dict(_setting(text) for text in option or [])
    solution = run(
        problem,
        solver,
        time_limit=time_limit,
        relative_gap=relative_gap,
        threads=threads,
        seed=seed,
        isolate=isolate,
        memory_limit=memory_limit,
        **extra,
    )
    if out is not None:
        save(solution, out)
    show_one(_summary(problem, solution), as_json, file)
    if solution.status in (Status.NO_SOLUTION, Status.FAILED):
        raise typer.Exit(1)


@app.command()
def compare(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Problems: JSON, MPS or LP files, or names of instances.", autocompletion=complete_instance
        ),
    ],
    solvers: Annotated[str | None, typer.Option(help="Names separated by commas; all that can, by default.")] = None,
    time_limit: TimeLimit = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Solve problems with several solvers and print one table.

    \b
    Examples:
      edgeopt compare split/branchy-alexnet-lte split/generated-small
      edgeopt compare afiro.mps egout.mps --solvers highs,scipy,pyomo
    """
    from ..solving.compare import compare as run
    from ..solving.compare import solvers_for
    from ..solving.registry import find

    problems = [_problem(name) for name in files]
    available = solvers_for(problems[0])
    chosen = available.loc[available["installed"], "solver"].tolist() if solvers is None else solver_names(solvers)
    for name in chosen:
        find(name)
    limit = {} if time_limit is None else {"time_limit": time_limit}
    with progress_bar("comparing") as tell:
        done = itertools.count()
        table = run(
            problems,
            chosen,
            names=files,
            seed=seed,
            progress=lambda *_: tell(next(done), len(problems) * len(chosen)),
            **limit,
        )
    show([{str(k): v for k, v in row.items()} for row in table.to_dict("records")], as_json, "Comparison")


@app.command()
def verify(
    problem: Given,
    solution: Annotated[Path, typer.Argument(help="A solution saved by edgeopt (JSON).")],
    exact: Annotated[
        bool, typer.Option("--exact", help="Hold only what is proved; a linear optimum in rational arithmetic.")
    ] = False,
    relative_gap: Annotated[
        float | None, typer.Option(help="Gap that counts as optimal; what the file asks for does not count.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a saved solution against its problem, independently of the solver that gave it.

    \b
    Examples:
      edgeopt verify problem.json solution.json
      edgeopt verify afiro.mps solution.json --exact
      edgeopt verify problem.json solution.json --relative-gap 0.01
    """
    from ..exchange.storage import load
    from ..model.solution import Solution
    from ..solving.verify import verify as run

    answer = load(solution)
    if not isinstance(answer, Solution):
        raise InvalidOptionError(f"{solution} holds a {type(answer).__name__}; expected a solution")
    found = run(_problem(problem), answer, exact=exact, relative_gap=relative_gap)
    show_one(
        {
            "holds": found.holds,
            "status": str(found.status),
            "objective": found.objective,
            "bound": found.bound,
            "gap": found.gap,
            "claimed_bound": found.claimed_bound,
            "proved": found.proved,
            "evidence": found.evidence,
            "exact": found.exact,
            "message": found.message,
        },
        as_json,
        str(solution),
    )
    if not found.holds:
        raise typer.Exit(1)


@app.command()
def reproduce(
    name: Annotated[
        str, typer.Argument(help="A study, e.g. zuo2024; `list` names them all.", autocompletion=complete_study)
    ],
    quick: Annotated[bool, typer.Option("--quick", help="Smaller, in seconds.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder of the data sets; EDGEOPT_DATA by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the report goes; report/NAME by default.")] = None,
    as_json: Json = False,
) -> None:
    """Reproduce a paper: claims.csv, a CSV and a PNG for each table and figure, and a README.

    \b
    Examples:
      edgeopt reproduce list
      edgeopt reproduce zuo2024 --data ../shared/data
      edgeopt reproduce lyu2024 --quick --out report/lyu
    """
    from ..data.folder import data_folder
    from ..studies import find, studies

    if name == "list":
        show([{"study": study, "title": find(study).TITLE} for study in studies()], as_json, "Studies")
        return
    folder = out or Path("report") / name
    with _narrated():
        claims = find(name).reproduce(folder, quick=quick, data=data_folder(data))
    show([{str(k): v for k, v in row.items()} for row in claims.to_dict("records")], as_json, f"{name}: {folder}")


@contextmanager
def _narrated() -> Iterator[None]:
    """Let edgeopt say on standard error what it is at: studies may take an hour."""
    logger, handler = logging.getLogger("edgeopt"), logging.StreamHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@data_app.command("list")
def data_list(as_json: Json = False) -> None:
    """List the data sets that can be fetched, with licence and source.

    \b
    Examples:
      edgeopt data list
    """
    from ..data.fetch import available

    rows = [
        {
            "name": entry.name,
            "summary": entry.summary,
            "files": len(entry.files),
            "licence": entry.licence,
            "citation": entry.citation,
        }
        for entry in available()
    ]
    show(rows, as_json, "Data sets")


@data_app.command("fetch")
def data_fetch(
    name: Annotated[str, typer.Argument(help="A name from `edgeopt data list`.")],
    directory: Annotated[Path | None, typer.Option(help="Where to put it; a cache folder by default.")] = None,
    as_json: Json = False,
) -> None:
    """Download a data set: resumable, checksummed, safely unpacked.

    \b
    Examples:
      edgeopt data fetch milano --directory data
    """
    from ..data.fetch import fetch

    paths = fetch(name, directory, progress=sys.stderr.isatty())
    show_one({"name": name, "files": [str(path) for path in paths]}, as_json, name)


def main() -> None:
    """Run the command line; an error of edgeopt is one line on standard error and exit code 2."""
    debug = "--debug" in sys.argv[1:]
    # Anywhere on the line, as users type it last.
    arguments = _trust_first([word for word in sys.argv[1:] if word != "--debug"])
    try:
        app(arguments, prog_name="edgeopt")
    except (EdgeOptError, OSError) as error:
        if debug:
            raise
        words = str(error).encode(errors="backslashreplace").decode()
        typer.echo(f"edgeopt: {words}", err=True)
        raise SystemExit(2) from None


def _trust_first(words: list[str]) -> list[str]:
    """Return the words with each ``--trust MODULE`` in front, where the command line expects it."""
    first: list[str] = []
    rest: list[str] = []
    remaining = iter(words)
    for word in remaining:
        if word == "--trust":
            first += [word, next(remaining, "")]
        else:
            (first if word.startswith("--trust=") else rest).append(word)
    return first + rest


def _allow(modules: list[str]) -> None:
    """Let files import these modules, here and in the processes that are started; also from the current folder."""
    from ..exchange.trust import VARIABLE

    os.environ[VARIABLE] = ",".join([*os.environ.get(VARIABLE, "").split(","), *modules]).strip(",")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())


def _problem(name: str) -> Problem:
    """Return the problem of an instance or of a file."""
    from ..instances import load

    return load(name).problem


def _setting(text: str) -> tuple[str, Any]:
    from ..solving.solve import RESERVED

    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InvalidOptionError(f"--option is {text!r}; expected NAME=VALUE")
    if name in RESERVED:
        raise InvalidOptionError(
            f"--option {name}: it is no option of a solver; see --{name.replace('_', '-')} in --help"
        )
    return name, parse_value(value)


def _decided(solution: Solution) -> dict[str, Any]:
    """Return the fields of the decision, where there is one."""
    if solution.found is None:
        return {}
    if isinstance(named := getattr(solution.found, "values", None), dict):  # of a declared problem
        return dict(named)
    return {field.name: getattr(solution.found, field.name) for field in fields(solution.found)}


def _summary(problem: Problem, solution: Solution) -> dict[str, Any]:
    rows: dict[str, Any] = {
        "problem": repr(problem),
        "solver": f"{solution.solver} {solution.solver_version}",
        "status": str(solution.status),
        **_decided(solution),
        "objective": solution.objective,
        "bound": solution.bound,
        "gap": solution.gap,
        "claimed_bound": solution.claimed_bound,
        "proved": solution.proved,
        "evidence": solution.evidence,
        "certificate": None if solution.certificate is None else str(solution.certificate),
        "wall_time": solution.wall_time,
        "verify_time": solution.verify_time,
        "message": solution.message,
    }
    if str(solution.status) == "infeasible":
        rows |= _explained(solution)
    return rows


def _explained(solution: Solution) -> dict[str, Any]:
    """Why the problem is infeasible, or why that cannot be said."""
    try:
        explanation = solution.explain()
    except NoSolutionError as error:
        return {"conflict": [], "repair": None, "note": str(error)}
    repair = None if explanation.repair is None else explanation.repair.text
    return {"conflict": list(explanation.conflict), "repair": repair, "note": explanation.note}


if __name__ == "__main__":
    main()
