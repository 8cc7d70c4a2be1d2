"""A table of runs made by hand: small enough to count in one's head."""

from __future__ import annotations

import pandas as pd
import pytest

from edgeopt.bench.results import tidy


def _made(*rows: dict) -> pd.DataFrame:
    """Return a table with these rows, everything else filled in."""
    usual = {
        "formulation": "OfflineOffloading",
        "sense": "minimize",
        "best_status": "optimal",
        "size": 10,
        "kind": "exact",
        "seed": 0,
        "repetition": 0,
        "status": "optimal",
        "verified": True,
        "proved": True,
        "objective": 1.0,
        "gap": 0.0,
        "best": 1.0,
        "excess": 0.0,
        "time_limit": 100.0,
        "verify_time": 0.001,
        "memory": 1e6,
        "threads": 1,
        "cores": 2,
        "command": "edgeopt solve",
    }
    return tidy(pd.DataFrame([usual | row for row in rows]))


def _row(solver: str, instance: str, seconds: float, **rest) -> dict:
    return {"solver": solver, "instance": instance, "wall_time": seconds, **rest}


@pytest.fixture(scope="session")
def made():
    """Return the function that makes a table of rows."""
    return _made


@pytest.fixture(scope="session")
def row():
    """Return the function that makes a row of solver, instance, seconds and what else matters."""
    return _row


@pytest.fixture
def table() -> pd.DataFrame:
    """`quick` is fastest but fails once; `sure` solves all; `liar` is faster than both and never verified."""
    unproved = {"status": "failed", "verified": False, "objective": None, "excess": None, "message": "wrong by far"}
    return _made(
        _row("quick", "a", 1.0),
        _row("quick", "b", 1.0),
        _row("quick", "c", 50.0, **unproved),
        _row("sure", "a", 2.0, size=20),
        _row("sure", "b", 4.0, size=40),
        _row("sure", "c", 8.0, size=80),
        *(_row("liar", name, 0.001, **unproved) for name in "abc"),
        _row("rough", "a", 0.5, kind="heuristic", status="feasible", objective=1.1, excess=0.1),
        _row("rough", "b", 0.5, kind="heuristic", status="feasible", excess=0.0),
    )
