"""Calls of Pyomo's solvers, which several threads cannot make at once: one waits for the other here.

While it solves, Pyomo redirects the standard output of the whole process into its log, and HiGHS's interface shares one
lock among all of its models: two threads in there at the same time wait for each other for ever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...model.forked import Lock
from ...model.outcome import Options
from .indirect_highs import fresh_pool
from .interrupt import interruptible, stop_hidden_highs

ALIASES: Mapping[str, str] = {"gurobi": "gurobi_direct", "scip": "scip_direct", "knitro": "knitro_direct"}
"""Short names for what Pyomo registers by the way it is reached."""

_turn = Lock()


def call(backend: Any, model: Any, options: Options) -> Any:
    """Solve `model` by Pyomo's `backend` within what is left of the time limit.

    Returns
    -------
    Results or None
        What Pyomo returned; None where the time limit passed before it was this thread's turn.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, also where a library behind Pyomo catches it and says so.
    """
    given_up: list[bool] = []

    def work() -> Any:
        left = options.remaining()
        if not _turn.acquire(timeout=left if math.isfinite(left) else -1.0):
            return None
        try:
            return None if given_up else _solved(backend, model, options)
        finally:
            _turn.release()

    def stop() -> None:
        given_up.append(True)
        stop_hidden_highs()

    # The others are programs of their own, which Pyomo ends on Ctrl-C, or libraries that listen to it themselves.
    try:
        results = interruptible(work, stop) if backend.name == "highs" else work()
    except RuntimeError as error:  # an interrupt at the end of Pyomo's capture comes out as this
        if str(error).startswith("KeyboardInterrupt:"):
            raise KeyboardInterrupt from error
        raise
    if results is not None and results.termination_condition.name == "interrupted":
        raise KeyboardInterrupt
    return results


def _solved(backend: Any, model: Any, options: Options) -> Any:
    if math.isfinite(options.remaining()):
        backend.config.time_limit = max(1e-3, options.remaining())
    with fresh_pool(options.threads if backend.name == "highs" else None):
        return backend.solve(model)
