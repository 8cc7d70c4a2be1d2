"""Running a campaign with benchopt, and reading its table.

A campaign's folder is a benchopt benchmark: three generated files that hand over to :mod:`edgeopt.bench.components`,
the cache, and the results. Whatever has been run is in the cache, one entry a task, written at once or not at all; a
table is put together from it. So a run may be killed at any moment and goes on where it was, and nothing counts twice.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from .. import instances as library
from ..exchange.storage import write_atomically
from ..model.errors import BenchmarkError, EdgeOptError, ExtraNotInstalledError, InvalidOptionError
from ..solving.registry import find, solvers
from ..solving.spec import parse
from .campaign import Campaign
from .failed_tasks import with_failed_tasks
from .results import COLUMNS, Format, export, read, tidy

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("edgeopt")

RESULTS = "results.parquet"
_COMPONENTS = {
    "objective.py": ("Objective", "objective"),
    "datasets/instances.py": ("Dataset", "dataset"),
    "solvers/registered.py": ("Solver", "solver"),
}


def run(
    campaign: Campaign,
    folder: str | Path,
    *,
    jobs: int = 1,
    dask: str | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Run what the campaign still lacks and return its whole table.

    Parameters
    ----------
    campaign : Campaign
        What to run.
    folder : path
        Where it lives; on a cluster a folder that all machines share.
    jobs : int
        Tasks at once. One is right for timing; more share caches and memory.
    dask : str, optional
        Address of a Dask scheduler (``tcp://host:8786``), or ``"local"`` for `jobs` worker processes here.
    force : bool
        Run everything again.
    progress : callable, optional
        Called now and then with the tasks done and those that there are (pairs that refuse each other included).

    Returns
    -------
    pandas.DataFrame
        One row for each task; also written to ``results.parquet``. See :func:`edgeopt.bench.results.tidy`.

    Raises
    ------
    InvalidOptionError
        If another run is going on in `folder`, or none of the solvers takes any of the instances.
    BenchmarkError
        If the run ended early, because a worker was killed, say; what was done is kept.
    """
    if jobs < 1:
        raise InvalidOptionError(f"jobs is {jobs}; expected at least 1")
    folder = Path(folder).resolve()  # the cache knows a folder by its whole path
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {"backend": "loky", "n_jobs": jobs}
    if dask is not None:
        where = {"n_jobs": jobs, "dask_threads_per_worker": 1} if dask == "local" else {"dask_address": dask}
        config = {"backend": "dask", **where}
    _demand_a_pair(campaign)
    with _alone(folder):
        _write_benchmark(campaign, folder)
        with _counted(folder, campaign.tasks, force, progress), _one_client():
            table = _table(campaign, folder, force=force, parallel_config=config)
        export(table, folder / RESULTS, Format.PARQUET)
    return table


def collect(folder: str | Path) -> pd.DataFrame:
    """Return the table of the folder's latest campaign as far as it has been run, while a run is going on too.

    What earlier campaigns of the folder have run stays in the cache, and comes back when they are asked for again.

    Raises
    ------
    DataFormatError
        If `folder` holds no campaign.
    """
    folder = Path(folder).resolve()
    campaign = Campaign.read(folder)
    stems = {parse(text)[0].partition(":")[0] for text in campaign.solvers}
    if not stems <= set(solvers()) and (folder / RESULTS).is_file():
        return read(folder / RESULTS)  # a plug-in is gone: what it has solved is not
    return _table(campaign, folder, collect=True)


def _demand_a_pair(campaign: Campaign) -> None:
    """Raise unless some solver of the campaign takes some instance of it."""
    reasons = []
    for name in campaign.instances:
        try:
            problem = library.load(name).problem
        except EdgeOptError:
            return  # its tasks will say why
        for text in campaign.solvers:
            refusal = find(parse(text)[0])[0].refusal(problem)
            if refusal is None:
                return
            reasons.append(f"{name}: {refusal}")
    raise InvalidOptionError(f"none of these solvers takes any of these instances: {reasons[0]}")


def _table(campaign: Campaign, folder: Path, **options: Any) -> pd.DataFrame:
    """Return the table of a campaign: results, and what could not be run."""
    return tidy(with_failed_tasks(_benchopt(folder, **options), folder, campaign))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock that the system takes back when this process ends, however it ends.

    Raises
    ------
    InvalidOptionError
        If another run holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows: nobody watches
        yield
        return
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InvalidOptionError(
                f"another run is going on in {folder}; wait for it, or choose another folder (--out)"
            ) from None
        yield


def _write_benchmark(campaign: Campaign, folder: Path) -> None:
    """Write what benchopt reads; its cache depends on these files, so they are the same for every campaign."""
    for name, (kind, factory) in _COMPONENTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = len(Path(name).parts) - 1
        text = (
            f'"""Generated by edgeopt from campaign.json."""\n\nfrom pathlib import Path\n\n'
            f"from edgeopt.bench.components import {factory}\n\n{kind} = {factory}(Path(__file__).parents[{levels}])\n"
        )
        if not path.is_file() or path.read_text() != text:
            write_atomically(path, text.encode())
    campaign.write(folder)


def _benchopt(folder: Path, *, force: bool = False, collect: bool = False, **options: Any) -> pd.DataFrame:
    """Let benchopt run, or only collect, the benchmark in `folder`."""
    import pandas as pd

    try:
        from benchopt import run_benchmark
        from benchopt.results import read_results
    except ImportError as error:
        raise ExtraNotInstalledError("benchmarks need benchopt; install with: pip install 'edgeopt[bench]'") from error
    _forget(folder)
    said = io.StringIO()
    # Nothing is shared between a run and those who look at it but the cache: each writes an output of its own.
    output = folder / "outputs" / f".{os.getpid()}-{threading.get_ident()}.parquet"
    output.unlink(missing_ok=True)
    try:
        with contextlib.redirect_stdout(said):
            run_benchmark(
                folder,
                plot_result=False,
                display=False,
                show_progress=False,
                collect=collect,
                n_repetitions=1,
                forced_solvers=["solver"] if force else [],
                output_file=str(output),
                **options,
            )
        found: pd.DataFrame = read_results(output).filter(regex="^objective_")
        return found.rename(columns=lambda name: name.removeprefix("objective_")).reindex(columns=list(COLUMNS))
    except Exception as error:
        if type(error) is RuntimeError and "check the terminal output" in str(error) and not output.exists():
            return pd.DataFrame(columns=list(COLUMNS))  # how benchopt ends where there is no result at all
        if isinstance(error, EdgeOptError):
            raise
        raise BenchmarkError(
            f"the run ended early ({type(error).__name__}: {error}); what was done is kept, the same command goes on"
        ) from error
    finally:
        output.unlink(missing_ok=True)
        logger.debug("benchopt: %s", said.getvalue())


def _forget(folder: Path) -> None:
    """Drop the generated modules that an earlier call imported: the campaign may have changed since."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.startswith("benchopt_benchmarks.") and file and Path(file).is_relative_to(folder):
            del sys.modules[name]


@contextlib.contextmanager
def _one_client() -> Iterator[None]:
    """Close the connection to a Dask cluster that benchopt leaves open."""
    before = _client()
    try:
        yield
    finally:
        if (opened := _client()) is not before:
            opened.close()


def _client() -> Any:
    """Return the Dask client of this process, or None; without importing Dask."""
    if "distributed" not in sys.modules:
        return None
    from distributed import default_client

    try:
        return default_client()
    except ValueError:
        return None


@contextlib.contextmanager
def _counted(folder: Path, total: int, force: bool, progress: Callable[[int, int], None] | None) -> Iterator[None]:
    """Report every second how many entries the cache has, or has anew: tasks may run on other machines.

    Pairs that refuse each other have entries too.
    """
    if progress is None:
        yield
        return
    begun = time.time() if force else 0.0
    done = Event()

    def watch() -> None:
        while not done.wait(1.0):
            entries = folder.glob("__cache__/**/run_one_to_cvg/*/output.pkl")
            progress(min(total, sum(entry.stat().st_mtime >= begun for entry in entries)), total)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    progress(total, total)
