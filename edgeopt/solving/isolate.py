"""Isolation: a solver in a process of its own, under limits that it cannot ignore.

The parent saves the problem, starts a worker, waits for its word that everything is imported, and from then on counts
time and memory itself. The worker's solution comes back as a saved file and is judged again by the parent: even a
worker whose memory was corrupted cannot make a wrong answer pass.

On Linux a supervisor stands between the two: no process that the solver starts outlives the call or escapes the memory
limit, whatever it does to its session, its parents or its environment, and however the call ends. On other systems
processes that leave the worker's process group do outlive it, the memory limit is not enforced, and the worker of a
caller that was killed runs on.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exchange.storage import load, save
from ..exchange.trust import own_module
from ..model.errors import EdgeOptError, InvalidOptionError
from ..model.outcome import Options, Outcome, Status
from ..model.solution import Solution
from . import supervisor
from .workplace import workplace

if TYPE_CHECKING:
    from ..model.problem import Problem
    from ..model.solver import Solver

GRACE = 0.25
"""Seconds after the time limit at which a worker that has not finished is killed."""
OUTSIDE = ("time_limit", "threads")
"""Options that hold for any isolated solver, because they are enforced from outside."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_STARTUP = 60.0
_POLL = 0.02
_PAUSE = 0.5
_SUPERVISED = sys.platform == "linux"


def solve_isolated(
    problem: Problem,
    chosen: Solver,
    options: Options,
    memory_limit: float | None,
    warm_up: float,
    conclude: Callable[[Problem, Solver, Options, Outcome, float], Solution],
) -> Solution:
    """Run `chosen` in its own process and let `conclude` judge what comes back.

    The time limit counts from the moment the worker has loaded the problem and the solver's package, and anew after a
    warm-up. The memory limit is on the worker and all that it starts, Python and packages included; the statistic
    `memory` is what the worker's peak adds to what it held before the solve, bytes. Every process that the worker
    started is ended with it (see the module on systems other than Linux).
    """
    if memory_limit is not None and not (isinstance(memory_limit, (int, float, np.number)) and memory_limit > 0):
        raise InvalidOptionError(f"memory_limit is {memory_limit!r}; expected bytes > 0, or None")
    with workplace() as work:
        _write_request(work, problem, chosen, options, warm_up)
        started = time.perf_counter()
        outcome, wall_time = _supervise(work, chosen, options, memory_limit)
        wall_time = time.perf_counter() - started if wall_time is None else wall_time
    return conclude(problem, chosen, options, outcome, wall_time)


def _write_request(work: Path, problem: Problem, chosen: Solver, options: Options, warm_up: float) -> None:
    save(problem, work / "problem.json")
    if options.warm_start is not None:
        save(options.warm_start, work / "warm_start.json")
    supported = {name: getattr(options, name) for name in ("time_limit", "relative_gap", "threads")}
    for name in OUTSIDE:
        if name not in chosen.options:
            supported[name] = None
    request = {
        "module": chosen.function.__module__,
        "name": chosen.name,
        "variant": options.variant,
        "seed": options.seed,
        "log": options.log,
        "extra": dict(options.extra),
        "path": sys.path,
        "formulation": _home_of(problem),
        "file": _file_of(chosen.function.__module__),
        "warm_up": warm_up,
        **supported,
    }
    try:
        text = json.dumps(request, default=_plain)
    except TypeError as error:
        raise InvalidOptionError(f"an option cannot be handed to an isolated solver: {error}") from error
    (work / "request.json").write_text(text)


def _plain(value: Any) -> Any:
    """Python's own number for one of numpy's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is no JSON value")


def _file_of(name: str) -> str | None:
    """Source file of a module: what a script defines is found there and not by import."""
    return getattr(sys.modules.get(name), "__file__", None)


def _home_of(problem: Problem) -> dict[str, str | None] | None:
    """Return where the class of a formulation that is not edgeopt's is defined."""
    while (base := getattr(problem, "base", None)) is not None and own_module(type(problem)) is None:
        problem = base  # of a problem with side constraints it is the base that may come from elsewhere
    name = own_module(type(problem))
    return None if name is None else {"module": name, "file": _file_of(name)}


def _supervise(
    work: Path, chosen: Solver, options: Options, memory_limit: float | None
) -> tuple[Outcome, float | None]:
    log = None if options.log else subprocess.DEVNULL
    with (work / "stderr.txt").open("wb") as errors:
        started = subprocess.Popen(
            _command(work),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=errors,
            start_new_session=True,
            env={**os.environ, **_threads(options), "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )
        try:
            killed = _watch(started, work, chosen, options, memory_limit)
        finally:
            _end(started)
    return killed or _collect(_exit_code(started.returncode, work), work)


def _command(work: Path) -> list[str]:
    if not _SUPERVISED:
        return [sys.executable, "-m", "edgeopt.solving.worker", str(work)]
    # Neither site packages nor environment: it starts quickly, and only the worker is to see them.
    return [sys.executable, "-I", "-S", supervisor.__file__, str(work), str(os.getpid())]


def _threads(options: Options) -> dict[str, str]:
    return {} if options.threads is None else dict.fromkeys(_THREADS, str(options.threads))


def _watch(
    started: subprocess.Popen[bytes], work: Path, chosen: Solver, options: Options, memory_limit: float | None
) -> tuple[Outcome, float] | None:
    """Wait for the worker; return why it has to be killed and after how long, or None if it ended by itself."""
    ready, again = work / "ready", work / "again"
    launched = time.monotonic()
    begun: float | None = None
    limit = math.inf if options.time_limit is None else options.time_limit + GRACE
    while started.poll() is None:
        now = time.monotonic()
        if begun is None and ready.exists():
            begun = now
        if again.exists():  # the warm-up is over: the run that counts has begun
            begun = now
            again.unlink(missing_ok=True)
        spent = now - (launched if begun is None else begun)
        if begun is None and spent > _STARTUP:
            return Outcome.failed(f"the isolated solver did not start within {_STARTUP:g} s"), spent
        if begun is not None and spent > limit:
            words = f"time limit of {options.time_limit:g} s: the solver did not stop by itself and was killed"
            # A solver that has no time limit has not failed, nor has one from whose kind some programs never return.
            broken = "time_limit" in chosen.options and not chosen.general
            return (Outcome.failed(words) if broken else Outcome(Status.NO_SOLUTION, message=words)), spent
        if memory_limit is not None and (used := supervisor.resident(started.pid)) > memory_limit:
            words = f"memory limit of {memory_limit:.4g} bytes: the solver used {used:.4g} and was killed"
            return Outcome.failed(words), spent
        time.sleep(_POLL)
    return None


def _end(started: subprocess.Popen[bytes]) -> None:
    """End the worker and whatever it started."""
    if _SUPERVISED:
        _stop_supervisor(started)
    else:
        try:
            os.killpg(started.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            started.kill()
    started.wait()


def _stop_supervisor(started: subprocess.Popen[bytes]) -> None:
    """Let the supervisor end all that is below it; kill it only if it does not answer."""
    deadline = time.monotonic() + 2 * supervisor.PATIENCE
    while started.poll() is None and time.monotonic() < deadline:
        started.terminate()  # once more each time: while Python starts, an inherited handler may ignore it
        try:
            started.wait(_PAUSE)
        except subprocess.TimeoutExpired:
            continue
    started.kill()


def _exit_code(code: int | None, work: Path) -> int | None:
    """Exit code of the worker; that of the process started where it is the worker, or ended without a word."""
    file = work / supervisor.EXIT_CODE
    return int(file.read_text()) if code == 0 and file.exists() else code


def _collect(code: int | None, work: Path) -> tuple[Outcome, float | None]:
    answer = work / "solution.json"
    if code != 0 or not answer.exists():
        words = (work / "stderr.txt").read_text(errors="replace").strip().splitlines()
        last = f": {words[-1]}" if words else ""
        how = f"was ended by signal {-code}" if code is not None and code < 0 else f"exited with code {code}"
        return Outcome.failed(f"the isolated solver {how}{last}"), None
    try:
        solution: Any = load(answer)
    except EdgeOptError as error:
        return Outcome.failed(f"the isolated solver's answer cannot be read: {error}"), None
    if not isinstance(solution, Solution):
        return Outcome.failed(f"the isolated solver's answer is a {type(solution).__name__}; expected a Solution"), None
    outcome = Outcome(
        solution.status,
        solution.found,
        solution.certificate,
        objective=solution.objective,
        bound=solution.claimed_bound,
        message=solution.message,
        statistics=solution.statistics,
    )
    return outcome, solution.wall_time
