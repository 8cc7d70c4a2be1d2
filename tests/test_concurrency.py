"""Many at once, and many in a row: the same answers, and nothing left behind."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import sys
import tempfile
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.solving.registry import solvers

NAMES = (
    "offloading/generated-small",
    "split/generated-small",
    "split/generated-trunk",
    "graph-split/generated-small",
    "revenue/generated-small",
    "slot/labriji2023-typical",
    "shared-slot/crowd-two",
    "program/assignment-small",
)
SLOW = ("pyomo", "exhaustive")
"""Solvers that take seconds here; threads of them would only wait for each other."""


def pairs() -> list[tuple[str, str]]:
    problems = {name: eo.instances.load(name).problem for name in NAMES}
    return [
        (name, entry.name)
        for name, problem in problems.items()
        for entry in solvers().values()
        if entry.installed and not entry.refusal(problem) and entry.name not in SLOW
    ]


def answer(pair: tuple[str, str]) -> tuple[str, float | None]:
    name, solver = pair
    found = eo.solve(eo.instances.load(name), solver)
    return str(found.status), found.objective


@pytest.fixture(scope="module")
def alone() -> dict[tuple[str, str], tuple[str, float | None]]:
    return {pair: answer(pair) for pair in pairs()}


def same(one: tuple[str, float | None], other: tuple[str, float | None]) -> bool:
    if one[0] != other[0]:
        return False
    return one[1] == other[1] or abs(one[1] - other[1]) <= 1e-9 * abs(one[1])


def test_many_threads_get_the_answers_of_one(alone):
    work = [pair for pair in alone for _ in range(3)]
    order = np.random.default_rng(0).permutation(len(work))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(answer, [work[i] for i in order]))
    for place, result in zip(order, found, strict=True):
        assert same(alone[work[place]], result), work[place]


@pytest.mark.slow
def test_many_processes_get_the_answers_of_one(alone):
    work = [pair for pair in alone if pair[1] not in ("cvxpy", "cp-sat")]
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        for pair, result in zip(work, pool.map(answer, work), strict=True):
            assert same(alone[pair], result), pair


def state() -> dict[str, object]:
    """What a library must not touch."""
    return {
        "random": np.random.get_state(legacy=False)["state"]["key"].tobytes(),  # noqa: NPY002
        "errors": np.geterr(),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "path": list(sys.path),
        "handlers": list(logging.getLogger().handlers),
        "filters": list(warnings.filters),
        "print": np.get_printoptions(),
    }


def test_no_solver_changes_the_state_of_the_process(alone):
    for pair in alone:
        before = state()
        answer(pair)
        after = state()
        assert before == after, (pair, [key for key in before if before[key] != after[key]])


def resident() -> float:
    """Resident bytes of this process."""
    return float(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts memory and files as Linux tells them")
def test_ten_thousand_solves_leave_nothing_behind():
    work = [
        (eo.instances.load(name).problem, solver)
        for name, solver in (
            ("offloading/generated-small", "selection"),
            ("offloading/generated-small", "highs"),
            ("split/generated-small", "shortest-path"),
            ("revenue/generated-small", "simplex"),
            ("revenue/generated-small", "glop"),
            ("slot/labriji2023-typical", "two-regime"),
            ("graph-split/generated-small", "min-cut"),
            ("program/assignment-tiny", "scipy"),
        )
    ]

    def rounds(number: int) -> None:
        for _ in range(number):
            for problem, solver in work:
                assert eo.solve(problem, solver).status == "optimal"
        gc.collect()

    rounds(100)  # buffers and compiled code
    memory, files, threads = resident(), len(os.listdir("/proc/self/fd")), threading.active_count()
    temporary = set(os.listdir(tempfile.gettempdir()))
    rounds(1250)
    grown = resident() - memory
    print(f"\n10,000 solves: memory grew by {grown / 1e6:.1f} MB")
    assert grown < 20e6
    assert len(os.listdir("/proc/self/fd")) <= files
    assert threading.active_count() <= threads
    assert {name for name in os.listdir(tempfile.gettempdir()) if name.startswith("edgeopt")} <= temporary


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts processes as Linux tells them")
def test_isolated_solves_leave_no_process_and_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    problem = eo.instances.load("offloading/generated-huge").problem

    def child_count() -> int:
        return len(Path("/proc/self/task", str(os.getpid()), "children").read_text().split())

    before = child_count()
    small = eo.instances.load("offloading/generated-small")
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda seed: eo.solve(small, "random", seed=seed, isolate=True), range(6)))
    assert [solution.objective for solution in found] == [eo.solve(small, "random", seed=k).objective for k in range(6)]
    killed = eo.solve(problem, "highs", isolate=True, memory_limit=2e8)
    assert killed.status == "failed"
    assert child_count() <= before  # an idle helper of another test may have ended meanwhile
    assert list(tmp_path.iterdir()) == []
